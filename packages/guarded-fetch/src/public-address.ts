/** Which addresses are the public internet's. */
import { BlockList, isIP } from "node:net"
import { StrongroomError } from "@strongroom/core"

/** IANA's IPv4 Special-Purpose Address Registry, multicast (RFC 5771), and what clouds keep for themselves. */
const special4 = [
  "0.0.0.0/8", // this network
  "10.0.0.0/8", // private
  "100.64.0.0/10", // shared, behind carrier-grade NAT; Alibaba's metadata service
  "127.0.0.0/8", // loopback
  "168.63.129.16/32", // Azure's platform service: public by its number, answered inside every virtual machine
  "169.254.0.0/16", // link-local; the metadata service of most clouds
  "172.16.0.0/12", // private
  "192.0.0.0/24", // protocol assignments; Oracle's metadata service
  "192.0.2.0/24", // documentation
  "192.88.99.0/24", // 6to4 relays, withdrawn
  "192.168.0.0/16", // private
  "198.18.0.0/15", // benchmarks
  "198.51.100.0/24", // documentation
  "203.0.113.0/24", // documentation
  "224.0.0.0/4", // multicast
  "240.0.0.0/4", // reserved, and broadcast
]

/**
 * What may be public of IPv6: global unicast (RFC 4291), and two spellings of an IPv4 address, which are judged by that
 * address: IPv4-mapped, and NAT64's well-known prefix (RFC 6052). Loopback, fc00::/7, fe80::/10, ff00::/8, the
 * IPv4-compatible ::/96 and local NAT64 (64:ff9b:1::/48) lie outside.
 */
const candidates6 = ["2000::/3", "::ffff:0:0/96", "64:ff9b::/96"]

/** Exceptions within 2000::/3, by IANA's IPv6 Special-Purpose Address Registry. */
const special6 = [
  "2001::/23", // protocol assignments: Teredo, which carries an IPv4 address, benchmarks, ORCHID
  "2001:db8::/32", // documentation
  "2002::/16", // 6to4, which carries an IPv4 address
  "3fff::/20", // documentation
]

/** Takes `10.0.0.0/8` or a single address into the list; `false` for what is neither. */
const add = (list: BlockList, subnet: string): boolean => {
  const [, address = "", length] = /^([^/%]*)(?:\/(\d{1,3}))?$/.exec(subnet) ?? []
  const version = isIP(address)
  const bits = version === 4 ? 32 : 128
  const prefix = length === undefined ? bits : Number(length)
  if (version === 0 || prefix > bits) return false
  list.addSubnet(address, prefix, version === 4 ? "ipv4" : "ipv6")
  return true
}

const listOf = (subnets: readonly string[]): BlockList => {
  const list = new BlockList()
  for (const subnet of subnets) add(list, subnet)
  return list
}

const throughNat64 = (subnet: string) =>
  subnet.replace(/^(.*)\/(\d+)$/, (_, v4, n) => `64:ff9b::${v4}/${96 + Number(n)}`)

// A BlockList finds an IPv4-mapped address by its IPv4 subnets.
const special = listOf([...special4, ...special4.map(throughNat64), ...special6])
const candidates = listOf(candidates6)

/** Whether a textual IPv4 or IPv6 address is one of the public internet. `false` for anything that is no address. */
export const isPublicAddress = (address: string): boolean => {
  // A zone (`fe80::1%eth0`) belongs to addresses of a link alone.
  if (address.includes("%")) return false
  if (isIP(address) === 4) return !special.check(address, "ipv4")
  return isIP(address) === 6 && candidates.check(address, "ipv6") && !special.check(address, "ipv6")
}

// A name whose last label is a number is a misspelt address: resolvers take `010.1` and `0x7f.1` for one.
const isHostName = (text: string) => /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/.test(text) && !/(^|\.)(\d+|0x[^.]*)$/.test(text)

const bareHost = (host: string) => host.toLowerCase().replace(/\.$/, "")

/** `true`, or `10.1.0.0/16`, `::1`, and names such as `build.internal`, which may lead anywhere. */
export type AllowPrivateAddresses = boolean | readonly string[]

/**
 * Decides whether a connection that was asked for by `host` may go to `address`.
 * Throws `INVALID_INPUT` for an entry that is neither a subnet, an address nor a host name.
 */
export const addressPolicy = (allow: AllowPrivateAddresses): ((host: string, address: string) => boolean) => {
  if (typeof allow === "boolean") return (_, address) => allow || isPublicAddress(address)
  const subnets = new BlockList()
  const hosts = new Set<string>()
  for (const [index, entry] of allow.entries()) {
    if (add(subnets, entry)) continue
    const host = bareHost(entry)
    if (!isHostName(host)) {
      const path = `allowPrivateAddresses[${index}]`
      const reason = "must be an address, a subnet such as 10.0.0.0/8, or a host name"
      throw new StrongroomError("INVALID_INPUT", `${path}: ${reason}`, { path, reason })
    }
    hosts.add(host)
  }
  return (host, address) =>
    isPublicAddress(address) ||
    hosts.has(bareHost(host)) ||
    (isIP(address) !== 0 && subnets.check(address, isIP(address) === 4 ? "ipv4" : "ipv6"))
}
