/**
 * Connections to the public internet only. A name is resolved once, all its addresses are checked, and the socket goes
 * to those and to nothing else, so that a name whose answer changes (DNS rebinding) gains nothing.
 */
import { lookup } from "node:dns/promises"
import { isIP, type LookupFunction } from "node:net"
import { createSecureContext, getCACertificates } from "node:tls"
import { Agent, buildConnector, fetch, type RequestInit, type Response } from "undici"
import { aFunction, checkOptions, milliseconds, optional } from "./options.ts"
import { type AllowPrivateAddresses, addressPolicy } from "./public-address.ts"

export interface CheckedAgentOptions {
  /** Where a connection may go besides public addresses: anywhere, or these subnets, addresses and hosts. Default `false`. */
  readonly allowPrivateAddresses?: AllowPrivateAddresses
  /** Certificates in PEM to trust besides Node's own. */
  readonly ca?: string | readonly string[]
  /** All addresses of a host. Default: the system's resolver. */
  readonly resolve?: (host: string) => Promise<readonly { readonly address: string; readonly family: number }[]>
  /** Milliseconds to resolve, connect and shake hands: 1 to 2^31 - 1, as all of them. Default 10,000. */
  readonly connectTimeoutMs?: number
  /** Milliseconds from the request's end to the end of the answer's headers. Default 60,000. */
  readonly headersTimeoutMs?: number
  /** Milliseconds between two pieces of the answer's body. Default 60,000. */
  readonly bodyTimeoutMs?: number
}

/** A connection that was refused before it was made. Rejections of `fetch` have it as their `cause`. */
export class AddressRefusedError extends Error {
  override readonly name = "AddressRefusedError"
  readonly code = "ADDRESS_NOT_PUBLIC"
  readonly host: string

  constructor(host: string) {
    super(`${host} leads to an address that is not public`)
    this.host = host
  }
}

const rules = {
  allowPrivateAddresses: optional({
    holds: (value) =>
      typeof value === "boolean" || (Array.isArray(value) && value.every((entry) => typeof entry === "string")),
    reason: "must be a boolean or a list of texts",
  }),
  resolve: optional(aFunction),
  connectTimeoutMs: optional(milliseconds),
  headersTimeoutMs: optional(milliseconds),
  bodyTimeoutMs: optional(milliseconds),
}

/**
 * An undici `Agent` whose every connection is checked. TLS is verified against the URL's host, whatever `Host` says.
 * Throws `INVALID_INPUT` for options that are not of these types and ranges.
 */
export const checkedAgent = (options: CheckedAgentOptions = {}): Agent => {
  checkOptions(options, rules)
  const { allowPrivateAddresses = false, ca = [], resolve = (host) => lookup(host, { all: true }) } = options
  const allowed = addressPolicy(allowPrivateAddresses)

  const checkedLookup: LookupFunction = (host, { all }, done) => {
    resolve(host).then(
      (found) => {
        const addresses = found.map(({ address, family }) => ({ address, family }))
        const [first] = addresses
        // One private address among public ones is reason enough: nobody publishes that in good faith.
        if (first === undefined || !addresses.every(({ address }) => allowed(host, address))) {
          done(new AddressRefusedError(host), "")
        } else if (all) done(null, addresses)
        else done(null, first.address, first.family)
      },
      (error: NodeJS.ErrnoException) => done(error, ""),
    )
  }

  const extra = [ca].flat()
  const connector = buildConnector({
    lookup: checkedLookup,
    timeout: options.connectTimeoutMs ?? 10_000,
    allowH2: false,
    // Said here, so that NODE_TLS_REJECT_UNAUTHORIZED=0 does not reach these connections.
    rejectUnauthorized: true,
    // One context for all connections: reading the certificates anew takes milliseconds.
    ...(extra.length > 0 && {
      secureContext: createSecureContext({ ca: [...getCACertificates("default"), ...extra] }),
    }),
  })

  return new Agent({
    allowH2: false,
    headersTimeout: options.headersTimeoutMs ?? 60_000,
    bodyTimeout: options.bodyTimeoutMs ?? 60_000,
    connect: (target, done) => {
      const { hostname } = target
      const literal = isIP(hostname) !== 0
      // Node looks up names only; an address is taken as it stands.
      if (literal && !allowed(hostname, hostname)) return done(new AddressRefusedError(hostname), null)
      // undici takes the name to verify from the request's Host header, which is the caller's to write.
      const { servername: _, ...rest } = target
      connector(literal ? rest : { ...rest, servername: hostname }, done)
    },
  })
}

/** undici's own `fetch` over a {@link checkedAgent}. Every hop of a redirect is a connection and so is checked. */
export const publicOnlyFetch = (options: CheckedAgentOptions = {}) => {
  const dispatcher = checkedAgent(options)
  return (input: string | URL, init: Omit<RequestInit, "dispatcher"> = {}): Promise<Response> =>
    fetch(input, { ...init, dispatcher })
}
