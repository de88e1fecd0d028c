import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { utf8 } from "../../src/domain/text.ts"
import {
  decodeMetadata,
  directoryLayout,
  forgetMetadata,
  layout,
  type Ref,
  readMetadata,
} from "../../src/records/layout.ts"
import { refusal } from "./support.ts"

const id = "6f1c1d6e-2f0b-4b6e-9a38-1d9f0e9b7c55"
const at = 1_767_225_600_000
const grants = [
  { scope: { type: "workspace" }, permission: "read" },
  { scope: { type: "environment", project: id, environment: id }, permission: "admin" },
]
const secret = { v: 1, id, name: "N", type: "build", dataType: "json", note: "", createdAt: at, updatedAt: at }
const vault = { v: 1, id, name: "n", description: "", createdAt: at, updatedAt: at }
const entry = {
  v: 1,
  at,
  action: "secret.create",
  principal: "p",
  token: null,
  subject: { names: ["__proto__"], project: id },
  writer: "w",
  sequence: 2,
  previous: "",
  refused: [{ first: 1, last: 1, link: "", previous: "" }],
}
const fence = { v: 1, action: "void", at }
const key = { commitment: "", createdAt: at }

/** One good metadata of every kind of record. */
const kinds: Readonly<Record<string, readonly [Ref<unknown>, Readonly<Record<string, unknown>>]>> = {
  workspaceKeys: [
    layout.workspaceKeys(),
    { v: 1, sequence: 1, metadataKeys: [key], indexKeys: [{ generation: "a", createdAt: at }] },
  ],
  workspaceInfo: [layout.workspaceInfo(), { v: 1, id, slug: "ws", name: "n", owner: "o", createdAt: at }],
  token: [
    layout.token("t"),
    { v: 1, id, hash: "h", name: "n", grants, maker: "m", createdAt: at, expiresAt: null, revokedAt: at },
  ],
  principal: [layout.principal("p"), { v: 1, id, name: "n", grants, createdAt: at }],
  project: [
    layout.project(id),
    { v: 1, id, slug: "p", name: "n", team: null, environments: [{ id, name: "e" }], createdAt: at },
  ],
  slug: [layout.slug("b"), { v: 1, project: id }],
  environment: [layout.environment(id), { v: 1, id, project: id, name: "n", createdAt: at }],
  keyset: [layout.keyset(id), { v: 1, compartment: id, sequence: 1, closedAt: null, keys: [key] }],
  secret: [layout.secret(id, "b"), { ...secret, project: id, holders: [{ environment: id, owner: "" }] }],
  secretPointer: [layout.secretPointer(id), { v: 1, id, project: id, name: "N" }],
  secretValue: [layout.secretValue(id, "b"), { ...secret, environment: id, owner: "" }],
  vault: [layout.vault("v"), vault],
  vaultSecret: [
    layout.vaultSecret("v", "b"),
    { v: 1, id, vault: "v", envKey: "K", allowedDomains: ["a.example"], createdAt: at, updatedAt: at },
  ],
  vaultSecretPointer: [layout.vaultSecretPointer("s"), { v: 1, id, vault: "v", envKey: "K" }],
  audit: [layout.audit("a"), entry],
  auditVoid: [layout.audit("a"), fence],
  marker: [directoryLayout.marker("s"), { v: 1, format: 1, rootFingerprint: "f", createdAt: at }],
  workspacePointer: [directoryLayout.workspacePointer("b"), { v: 1, workspace: id }],
  tokenPointer: [directoryLayout.tokenPointer("b"), { v: 1, workspace: id, principal: "p", token: "t", hash: "h" }],
  receipt: [directoryLayout.receipt("r"), { v: 1, at }],
}
const every = Object.keys(kinds)
const of = (kind: string): readonly [Ref<unknown>, Readonly<Record<string, unknown>>] => {
  const found = kinds[kind]
  if (found === undefined) throw new Error(kind)
  return found
}
const decoding = (kind: string, metadata: unknown) => refusal(() => decodeMetadata(of(kind)[0], "the-record", metadata))

describe.each(every)("the metadata of %s", (kind) => {
  const [ref, good] = of(kind)

  it("is read back, without fields that this release does not know", () => {
    expect(decodeMetadata(ref, "the-record", JSON.parse(JSON.stringify({ ...good, extra: 1 })))).toEqual(good)
  })

  it("is refused without any one of its fields, and with a field of another type", () => {
    for (const field of Object.keys(good)) {
      const { [field]: _, ...rest } = good
      expect(decoding(kind, rest), `without ${field}`).toBe("the-record: INTEGRITY")
      for (const wrong of [undefined, { a: {} }, true, [[]], [null]]) {
        expect(decoding(kind, { ...good, [field]: wrong }), `${field}: ${JSON.stringify(wrong)}`).toBe(
          "the-record: INTEGRITY",
        )
      }
    }
  })

  it("is refused as a newer format when its version is higher, and as damage when it is no version", () => {
    expect(decoding(kind, { ...good, v: 2 })).toBe("the-record: FORMAT_UNSUPPORTED")
    expect(decoding(kind, { v: 99 })).toBe("the-record: FORMAT_UNSUPPORTED")
    for (const v of [0, -1, "2", null, 0.5, [2], true]) {
      expect(decoding(kind, { ...good, v })).toBe("the-record: INTEGRITY")
    }
  })

  it("is refused whatever else it is: attack 15", () => {
    const deep = JSON.parse(`${"[".repeat(100_000)}${"]".repeat(100_000)}`)
    for (const hostile of [null, 1, "text", [], {}, deep, { v: 1, deep }, JSON.parse('{"__proto__":{"v":1}}')]) {
      expect(decoding(kind, hostile)).toBe("the-record: INTEGRITY")
    }
    fc.assert(
      fc.property(fc.jsonValue(), (hostile) => {
        expect(decoding(kind, hostile)).toMatch(/^the-record: (INTEGRITY|FORMAT_UNSUPPORTED)$/)
      }),
    )
  })

  it("is refused or read, never more, with one field replaced by anything: attack 15", () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(good)), fc.jsonValue(), (field, hostile) => {
        expect(decoding(kind, { ...good, [field]: hostile })).toMatch(
          /^(accepted|the-record: (INTEGRITY|FORMAT_UNSUPPORTED))$/,
        )
      }),
    )
  })
})

describe("attack 15: hostile metadata that is well formed", () => {
  it("cannot reach a prototype through the names in an audit entry's subject", () => {
    const subject = JSON.parse('{"__proto__":["polluted"],"constructor":"x","toString":"y"}')
    const decoded = decodeMetadata(of("audit")[0], "r", { ...entry, subject })
    expect(JSON.stringify(decoded)).toContain('"__proto__":["polluted"]')
    expect(Object.getPrototypeOf({})).toBe(Object.prototype)
    expect({}.toString()).toBe("[object Object]")
  })

  it("is refused when it holds more grants than anybody can give", () => {
    const many = Array.from({ length: 1_001 }, () => grants[0])
    expect(decoding("principal", { ...of("principal")[1], grants: many })).toBe("the-record: INTEGRITY")
    expect(decoding("principal", { ...of("principal")[1], grants: many.slice(1) })).toBe("accepted")
  })

  it("is refused with a scope or permission that does not exist", () => {
    for (const grant of [
      { scope: { type: "workspace" }, permission: "owner" },
      { scope: { type: "everything" }, permission: "admin" },
      { scope: { type: "project" }, permission: "admin" },
      { permission: "admin" },
    ]) {
      expect(decoding("token", { ...of("token")[1], grants: [grant] })).toBe("the-record: INTEGRITY")
    }
  })

  it("is refused with a kind of secret that does not exist", () => {
    expect(decoding("secretValue", { ...of("secretValue")[1], type: "Runtime" })).toBe("the-record: INTEGRITY")
    expect(decoding("secret", { ...of("secret")[1], dataType: "yaml" })).toBe("the-record: INTEGRITY")
  })
})

describe("the metadata of an opened record", () => {
  const read = <A>(ref: Ref<A>, metadata: unknown, partition = "p") => {
    const place = { partition, collection: ref.collection, leaf: ref.leaf, revision: "r" }
    return readMetadata(ref, place, utf8(JSON.stringify(metadata)))
  }
  const environments = [{ id: "e", name: "one" }]
  const project = { v: 1, id: "p", slug: "s", name: "n", team: null, environments, createdAt: 1 }

  it("of a kind that seldom changes is decoded once, and nobody can change what others get", () => {
    const first = read(layout.project("p"), project)
    expect(first).toEqual(project)
    expect(read(layout.project("p"), project)).toBe(first)
    expect(read(layout.project("another"), project)).not.toBe(first)
    expect(read(layout.project("p"), project, "another")).not.toBe(first)
    for (const part of [first, first.environments, first.environments[0]]) expect(Object.isFrozen(part)).toBe(true)
    expect(read(layout.project("p"), { ...project, name: "m" })).toEqual({ ...project, name: "m" })
  })

  it("is right however many others were decoded meanwhile", () => {
    for (let index = 0; index < 2_500; index++) {
      const [leaf, name] = [`${index % 700}`, `${index % 1_700}`]
      expect(read(layout.project(leaf), { ...project, name }).name).toBe(name)
    }
  })

  it("is not kept when it is long, nor when an engine has closed", () => {
    const long = { ...project, name: "n".repeat(2_000) }
    expect(read(layout.project("long"), long)).not.toBe(read(layout.project("long"), long))
    const kept = read(layout.project("p"), project)
    expect(read(layout.project("p"), project)).toBe(kept)
    forgetMetadata()
    expect(read(layout.project("p"), project)).not.toBe(kept)
  })

  it("of one kind is never taken for that of another", () => {
    const both = { ...project, project: "p", maker: "m" }
    expect(read(layout.project("p"), both)).toEqual(project)
    expect(read(layout.environment("p"), both)).toEqual({ v: 1, id: "p", project: "p", name: "n", createdAt: 1 })
  })
})
