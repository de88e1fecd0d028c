import { redact, StrongroomError } from "@strongroom/core"
import { type GuardedFetchBasics, guardedFetch, type Release } from "../../src/index.ts"
import { hosts } from "./servers.ts"

/** Printable ASCII, and of every kind that some encoding changes. */
export const secret = "s3cr3t/+\"9f=&?<x>~%7\\'é!"
export const principal = { workspace: "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed", id: "prn_01KQ27AQH800XQTQPJZ0DH14SJ" }
export const vault = "vlt_01KQ27AQH800XQTQPJZ0DH14SJ"

/** An engine's `release` in small: `API_KEY` for the two allowed hosts, `CDN_KEY` for one of them. */
export const releasing = (values: Record<string, string> = {}) => {
  const asked: string[] = []
  const all: Record<string, string> = { API_KEY: secret, CDN_KEY: "cdn-only-77b1a2", ...values }
  const release: Release = async ({ envKey, target, allowCleartext }) => {
    const { hostname, protocol } = new URL(target)
    const host = hostname.replace(/\.$/, "")
    asked.push(`${envKey} ${host}`)
    const allowed: string[] = envKey === "CDN_KEY" ? [hosts.cdn] : [hosts.api, hosts.cdn, "localhost"]
    const value = all[envKey]
    if (value === undefined) throw new StrongroomError("SECRET_NOT_FOUND", `no ${envKey}`)
    const reason =
      protocol !== "https:" && !allowCleartext
        ? "insecure_scheme"
        : allowed.includes(host)
          ? undefined
          : "host_not_allowed"
    if (reason !== undefined) throw new StrongroomError("FORBIDDEN", "not for this host", { reason })
    return { value: redact(value), host }
  }
  return { release, asked }
}

export const guard = (options: Partial<GuardedFetchBasics> & { release?: Release } = {}) =>
  guardedFetch({ principal, vault, release: releasing().release, ...options })
