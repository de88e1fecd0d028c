import { domainToASCII, domainToUnicode } from "node:url"
import { parse } from "tldts"
import type { HostParser } from "./domain/domain-host.ts"

/** Node's UTS-46 and the public suffix list as `tldts` carries it, its private section included. */
export const hostParser: HostParser = {
  toAscii: domainToASCII,
  toUnicode: domainToUnicode,
  suffixOf(host) {
    const { domain, isPrivate } = parse(host, { allowPrivateDomains: true, extractHostname: false })
    return { registrableDomain: domain ?? undefined, shared: isPrivate === true }
  },
}
