import { textOf } from "./engine.ts"

/** What a server of the HTTP comparison tells its parent. */
export interface Listening {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** Below `url`. */
  readonly paths: Readonly<Record<Endpoint, string>>
  readonly environment: string
}

export const endpoints = ["enkryptify", "nairi", "one"] as const
export type Endpoint = (typeof endpoints)[number]

interface Request {
  readonly method: "GET" | "POST"
  readonly path: string
  readonly body?: string
}

const value = textOf(100)

/** A create through either API, and a read of one secret; `name` is new. */
export const requestTo = (
  endpoint: Endpoint,
  { paths, environment }: Pick<Listening, "paths" | "environment">,
  name: string,
): Request => {
  const path = paths[endpoint]
  if (endpoint === "one") return { method: "GET", path }
  const body =
    endpoint === "enkryptify"
      ? { environments: [environment], secrets: [{ key: name, value, type: "runtime", dataType: "text" }] }
      : { env_key: name, value, allowed_domains: ["api.example.com"] }
  return { method: "POST", path, body: JSON.stringify(body) }
}
