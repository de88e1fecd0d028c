import { isIP } from "node:net"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { addressPolicy, isPublicAddress } from "../src/public-address.ts"

const refused = [
  "0.0.0.0",
  "0.1.2.3",
  "10.0.0.0",
  "10.255.255.255",
  "100.64.0.1",
  "100.100.100.200",
  "100.127.255.255",
  "127.0.0.1",
  "127.255.255.255",
  "168.63.129.16",
  "169.254.169.254",
  "172.16.0.1",
  "172.31.255.255",
  "192.0.0.192",
  "192.0.2.1",
  "192.88.99.1",
  "192.168.1.1",
  "198.18.0.1",
  "198.19.255.255",
  "198.51.100.7",
  "203.0.113.7",
  "224.0.0.1",
  "239.255.255.255",
  "240.0.0.1",
  "255.255.255.255",
  "::",
  "::1",
  "::10.0.0.1",
  "::8.8.8.8",
  "::ffff:127.0.0.1",
  "::FFFF:7F00:1",
  "0:0:0:0:0:ffff:a9fe:a9fe",
  "::ffff:0:127.0.0.1",
  "64:ff9b::10.0.0.1",
  "64:ff9b::a9fe:a9fe",
  "64:ff9b:1::8.8.8.8",
  "100::1",
  "2001::1",
  "2001:0:4136:e378:8000:63bf:3fff:fdd2",
  "2001:2::1",
  "2001:10::1",
  "2001:db8::1",
  "2002:a00:1::1",
  "2002:808:808::1",
  "3fff:fff::1",
  "4000::1",
  "5f00::1",
  "fc00::1",
  "fd00:ec2::254",
  "fe80::1",
  "fe80::1%eth0",
  "2606:4700::1111%eth0",
  "fec0::1",
  "ff02::1",
  "",
  "localhost",
  "8.8.8",
  "8.8.8.8/32",
  "010.0.0.1",
  "0x7f.0.0.1",
]
const accepted = [
  "1.1.1.1",
  "8.8.8.8",
  "9.255.255.255",
  "11.0.0.0",
  "100.63.255.255",
  "100.128.0.0",
  "126.255.255.255",
  "128.0.0.0",
  "168.63.129.15",
  "169.253.255.255",
  "172.15.255.255",
  "172.32.0.0",
  "192.0.1.0",
  "192.167.255.255",
  "192.169.0.0",
  "198.17.255.255",
  "198.20.0.0",
  "223.255.255.255",
  "::ffff:8.8.8.8",
  "64:ff9b::8.8.8.8",
  "2001:200::1",
  "2001:4860:4860::8888",
  "2606:4700:4700::1111",
  "2a00:1450::1",
]

test.each(refused)("refuses %s", (address) => expect(isPublicAddress(address)).toBe(false))
test.each(accepted)("accepts %s", (address) => expect(isPublicAddress(address)).toBe(true))

const number4 = (dotted: string) => dotted.split(".").reduce((sum, part) => sum * 256 + Number(part), 0)
const dotted = (n: number) => [24, 16, 8, 0].map((shift) => Math.floor(n / 2 ** shift) % 256).join(".")
const groups = (n: number) => [Math.floor(n / 65_536), n % 65_536].map((group) => group.toString(16)).join(":")
const inverted = (n: number) => groups(0xffff_ffff - n)

/** Written anew and not imported: first and last address of each block. */
const blocks: readonly (readonly [first: string, last: string])[] = [
  ["0.0.0.0", "0.255.255.255"],
  ["10.0.0.0", "10.255.255.255"],
  ["100.64.0.0", "100.127.255.255"],
  ["127.0.0.0", "127.255.255.255"],
  ["168.63.129.16", "168.63.129.16"],
  ["169.254.0.0", "169.254.255.255"],
  ["172.16.0.0", "172.31.255.255"],
  ["192.0.0.0", "192.0.0.255"],
  ["192.0.2.0", "192.0.2.255"],
  ["192.88.99.0", "192.88.99.255"],
  ["192.168.0.0", "192.168.255.255"],
  ["198.18.0.0", "198.19.255.255"],
  ["198.51.100.0", "198.51.100.255"],
  ["203.0.113.0", "203.0.113.255"],
  ["224.0.0.0", "255.255.255.255"],
]
const special = (n: number) => blocks.some(([first, last]) => number4(first) <= n && n <= number4(last))

const inBlock = fc
  .constantFrom(...blocks)
  .chain(([first, last]) => fc.integer({ min: number4(first), max: number4(last) }))
const any4 = fc.integer({ min: 0, max: 0xffff_ffff })

/** Those that are judged by the IPv4 address in them. */
const spellings = (n: number) => [
  dotted(n),
  `::ffff:${dotted(n)}`,
  `::FFFF:${groups(n).toUpperCase()}`,
  `0000:0000:0000:0000:0000:ffff:${groups(n)}`,
  `64:ff9b::${dotted(n)}`,
  `0064:FF9B:0:0:0:0:${groups(n)}`,
]
/** Those that are never accepted. */
const tunnels = (n: number) => [
  `::${dotted(n)}`,
  `::ffff:0:${groups(n)}`,
  `64:ff9b:1::${groups(n)}`,
  `2002:${groups(n)}::1`,
  `2001:0:808:808:0:0:${inverted(n)}`,
  `2001:0:${groups(n)}::1`,
]

describe("properties", () => {
  test("an address of a special block is refused in every spelling", () => {
    fc.assert(
      fc.property(inBlock, (n) => {
        for (const address of [...spellings(n), ...tunnels(n)])
          expect([address, isPublicAddress(address)]).toEqual([address, false])
      }),
    )
  })

  test("any IPv4 address gets the reference's answer in every spelling, and none through a tunnel", () => {
    fc.assert(
      fc.property(fc.oneof(any4, inBlock), fc.integer({ min: -1, max: 1 }), (n, off) => {
        const address = Math.min(0xffff_ffff, Math.max(0, n + off))
        for (const text of spellings(address)) expect([text, isPublicAddress(text)]).toEqual([text, !special(address)])
        for (const text of tunnels(address)) expect([text, isPublicAddress(text)]).toEqual([text, false])
      }),
    )
  })

  test("no IPv6 address outside 2000::/3 is accepted but those that stand for an IPv4 address", () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1)
        const global = /^[23][0-9a-f]{3}:/.test(canonical)
        if (!global && !/^(::ffff:[^:]*:[^:]*|64:ff9b::.*)$/.test(canonical))
          expect(isPublicAddress(address)).toBe(false)
      }),
    )
  })

  test("nothing else is an address, and nothing throws", () => {
    fc.assert(fc.property(fc.string(), (text) => isIP(text) !== 0 || !isPublicAddress(text)))
  })
})

describe("exceptions", () => {
  const policy = addressPolicy(["10.1.0.0/16", "::1", "fd00:1::/32", "Build.Internal."])

  test.each([
    ["x.example", "10.1.2.3", true],
    ["x.example", "::ffff:10.1.2.3", true],
    ["x.example", "10.2.0.1", false],
    ["x.example", "::1", true],
    ["x.example", "::2", false],
    ["x.example", "fd00:1:2::3", true],
    ["x.example", "8.8.8.8", true],
    ["build.internal", "192.168.0.9", true],
    ["BUILD.internal.", "127.0.0.1", true],
    ["x.build.internal", "192.168.0.9", false],
    ["x.example", "fe80::1%lo", false],
  ])("%s at %s: %s", (host, address, allowed) => expect(policy(host, address)).toBe(allowed))

  test("true allows everything, false nothing", () => {
    expect(addressPolicy(true)("x.example", "127.0.0.1")).toBe(true)
    expect(addressPolicy(false)("x.example", "127.0.0.1")).toBe(false)
  })

  test.each([
    "",
    "10.0.0.0/33",
    "10.0.0/8",
    "::/129",
    "10.0.0.0/8/8",
    "a b",
    "*.example.com",
    "https://a.example",
    "1.2.3",
    "0x7f",
    "a.0x7f",
    ".",
  ])("%j is no exception", (entry) => {
    expect(() => addressPolicy(["10.0.0.0/8", entry])).toThrow(
      expect.objectContaining({ code: "INVALID_INPUT", message: expect.stringContaining("allowPrivateAddresses[1]") }),
    )
  })
})
