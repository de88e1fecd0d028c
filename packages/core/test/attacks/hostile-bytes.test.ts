import fc from "fast-check"
import { beforeAll, describe, expect, it, vi } from "vitest"
import { cipher } from "../../src/crypto/xchacha.ts"
import { isStrongroomError } from "../../src/domain/errors.ts"
import { reveal } from "../../src/domain/fields.ts"
import { utf8 } from "../../src/domain/text.ts"
import type { StorageAdapter } from "../../src/ports/storage.ts"
import { longestRecord, nameOf, openRecord } from "../../src/records/sealed-record.ts"
import { check, timeout } from "../support/runs.ts"
import { openDatabase, type Stored } from "./support/database.ts"
import { compartmentKeysOf, placeOf, resealed, workspaceKeysOf } from "./support/insider.ts"
import { withChanges } from "./support/tampering.ts"
import { actOn, healthyWorld, isDetection, type Outcome, type Outcomes, outcomesOf } from "./support/verdict.ts"
import { findVictims } from "./support/victims.ts"
import { byKind, openEngine, readsOf, type World } from "./support/world.ts"

vi.setConfig({ testTimeout: timeout, hookTimeout: timeout })

const slow = process.env["STRONGROOM_SLOW"] === "1"

let world: World
let before: Outcomes

beforeAll(async () => {
  ;({ world, before } = await healthyWorld())
})

const told = (outcome: Outcome | undefined): string =>
  outcome !== undefined && "error" in outcome
    ? `${outcome.error.code} ${outcome.error.message.slice(0, 200)}`
    : JSON.stringify(outcome)

/** A store that answers lies, which no adapter would have let in: its rules hold for what goes through it. */
const lying = (inner: StorageAdapter, lies: readonly Stored[]): StorageAdapter => {
  const byName = new Map(lies.map((lie) => [nameOf(lie), lie.record]))
  return {
    limits: inner.limits,
    capabilities: inner.capabilities,
    read: async (partition, addresses) => {
      const found = await inner.read(partition, addresses)
      return addresses.map((address, index) => byName.get(nameOf({ partition, ...address })) ?? found[index])
    },
    list: async (partition, collection, options) => {
      const { records, more } = await inner.list(partition, collection, options)
      const told = records.map(({ leaf, record }) => {
        return { leaf, record: byName.get(nameOf({ partition, collection, leaf })) ?? record }
      })
      const known = new Set(records.map(({ leaf }) => leaf))
      const added = lies.filter((lie) => lie.partition === partition && lie.collection === collection)
      return { records: [...told, ...added.filter(({ leaf }) => !known.has(leaf))], more }
    },
    commit: (...call) => inner.commit(...call),
    close: () => inner.close(),
  }
}

const readLies = async (lies: readonly Stored[]): Promise<Outcomes> => {
  const database = await openDatabase(world.records)
  const opened = await openEngine(lying(database.storage, lies)).catch((error: unknown) => {
    if (isStrongroomError(error)) return error
    throw error
  })
  if (isStrongroomError(opened)) return Object.fromEntries(Object.keys(before).map((name) => [name, { error: opened }]))
  await using strongroom = opened
  return await outcomesOf(readsOf(strongroom, world))
}

/** Reads answer as they did, or fail with an integrity error; some did fail when `detected`. */
const expectUntouchedOrDetected = (after: Outcomes, what: string): number => {
  const changed = Object.entries(after).filter(([name, outcome]) => told(outcome) !== told(before[name]))
  for (const [name, outcome] of changed) expect(isDetection(outcome), `${what}: ${name}: ${told(outcome)}`).toBe(true)
  return changed.length
}

const hostileTexts = [
  "",
  "__proto__",
  "constructor",
  "toString",
  "../../etc/passwd",
  "a/b",
  "\0",
  "\ud800",
  "\udfff\ud800",
  "a\nb\r\nINTEGRITY: all is well",
  "\u202e",
  "A".repeat(100_000),
]

describe("attack 15: hostile bytes are stored", () => {
  it("any bytes under any revision in the place of any record", async () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      // What begins like a record of the one or the other form.
      fc.tuple(fc.constantFrom(0, 1), fc.uint8Array({ maxLength: 300 })).map(([form, rest]) => {
        return new Uint8Array([1, form, ...rest])
      }),
      // A length of the wrapped key that reaches beyond the end, or to it.
      fc.tuple(fc.nat(0xffff_ffff), fc.uint8Array({ maxLength: 300 })).map(([length, rest]) => {
        const record = new Uint8Array([1, 0, 0, 0, 0, 0, ...rest])
        new DataView(record.buffer).setUint32(2, length)
        return record
      }),
      fc.constantFrom(...hostileTexts).map((text) => utf8(text.toWellFormed())),
    )
    const revision = fc.oneof(fc.string(), fc.constantFrom(...hostileTexts))
    let detected = 0
    await check(
      fc.asyncProperty(fc.constantFrom(...world.records), bytes, revision, async (stored, lie, lieRevision) => {
        const record = { revision: lieRevision, bytes: lie }
        detected += expectUntouchedOrDetected(await readLies([{ ...stored, record }]), nameOf(stored))
      }),
      100,
    )
    expect(detected).toBeGreaterThan(0)
  })

  it("the right bytes under any other revision", async () => {
    const readNames = new Set(Object.keys(await readLies([])))
    for (const [index, { stored, openedBy }] of (await findVictims(world, before)).entries()) {
      const reads = openedBy.filter((name) => readNames.has(name))
      const revisions = [...hostileTexts, stored.record.revision.toLowerCase(), `${stored.record.revision}\0`]
      for (const revision of revisions.filter((_, at) => slow || (at + index) % 4 === 0)) {
        const after = await readLies([{ ...stored, record: { revision, bytes: stored.record.bytes } }])
        expectUntouchedOrDetected(after, `${nameOf(stored)} at ${revision}`)
        for (const name of reads) expect(isDetection(after[name]), `${name} of ${nameOf(stored)}`).toBe(true)
      }
    }
  })

  it("records at hostile leaves: the list that holds one fails, and no property of an object is touched", async () => {
    const { owner, project } = world.acme
    const collections = ["token", "project", "vault", `secret.${project.id}`, "audit"]
    const [like] = world.records.filter(({ collection }) => collection === "vault")
    if (like === undefined) throw new Error("no vault is stored")
    for (const collection of collections) {
      for (const leaf of hostileTexts.filter((text) => text !== "")) {
        const lie = { partition: owner.workspace, collection, leaf, record: like.record }
        expect(expectUntouchedOrDetected(await readLies([lie]), `${collection}/${leaf}`)).toBeGreaterThan(0)
      }
    }
    expect(Object.keys(Object.prototype)).toEqual([])
  })

  it("a record of more than 16 MiB is refused before it is decrypted", async () => {
    for (const collection of ["vault", "workspace", "audit"]) {
      const stored = world.records.find(
        (one) => one.partition === world.acme.owner.workspace && one.collection === collection,
      )
      if (stored === undefined) throw new Error(`no ${collection} is stored`)
      const bytes = new Uint8Array(longestRecord + 1)
      bytes.set(stored.record.bytes)
      const after = await readLies([{ ...stored, record: { ...stored.record, bytes } }])
      const refused = Object.values(after).filter((outcome) => "error" in outcome)
      expect(refused.length).toBeGreaterThan(0)
      for (const outcome of refused) expect(told(outcome)).toMatch(/^INTEGRITY .* is too long to be one$/)
    }
  })
})

/** Bodies that only somebody with the keys could have sealed: decoded as untrusted input all the same. */
describe("attack 15: hostile bodies are sealed with the real keys", () => {
  const hostileJson: readonly string[] = [
    "",
    "null",
    "[]",
    "1",
    '"text"',
    "{}",
    "{",
    '{"v":1,"v":2}',
    '{"__proto__":{"v":1},"constructor":{"prototype":{"polluted":1}}}',
    `${"[".repeat(200_000)}${"]".repeat(200_000)}`,
    `{"v":1,"x":${'{"x":'.repeat(5_000)}1${"}".repeat(5_000)}}`,
    '{"v":1e999}',
    '{"v":-0}',
    "\ufeff{}",
  ]

  const hostileValues: readonly unknown[] = [
    null,
    "",
    "\0",
    "\ud800",
    "__proto__",
    -1,
    1e21,
    0.5,
    [],
    {},
    true,
    [null],
    ["__proto__"],
    { __proto__: null, toString: 1 },
    "x".repeat(70_000),
  ]

  const resealer = async (stored: Stored) => {
    const compartment = /^(?:value|vsecret)\.(.*)$/.exec(stored.collection)?.[1]
    const keys =
      compartment === undefined
        ? (await workspaceKeysOf(world.records, stored.partition)).metadata
        : await compartmentKeysOf(world.records, stored.partition, compartment)
    const body = openRecord(cipher, keys, placeOf(stored), stored.record.bytes)
    return { body, reseal: (metadata: Uint8Array) => resealed(stored, keys.current, { ...body, metadata }) }
  }

  it("no call crashes over them: each answers, or fails with an error of ours that is not a fault of our own", async () => {
    let refused = 0
    for (const { kind, stored, openedBy } of await findVictims(world, before)) {
      if (kind.endsWith("/keys") || kind === "store/directory") continue
      const { body, reseal } = await resealer(stored)
      const own: Record<string, unknown> = JSON.parse(Buffer.from(body.metadata).toString("utf8"))
      const texts = hostileJson.map((text) => utf8(text))
      const invalid = [new Uint8Array([0xff, 0xfe]), new Uint8Array([0x22, 0xc0, 0x80, 0x22])]
      const fields = Object.keys(own).flatMap((field, index) => {
        const values = slow ? hostileValues : hostileValues.filter((_, at) => (at + index) % 5 === 0)
        return values.map((value) => utf8(JSON.stringify({ ...own, [field]: value })))
      })
      for (const [index, metadata] of [...texts, ...invalid, ...fields].entries()) {
        const calls = slow ? openedBy : openedBy.filter((_, at) => (at + index) % Math.ceil(openedBy.length / 4) === 0)
        const after = await actOn(world, withChanges(world.records, [reseal(metadata)]), (name) => calls.includes(name))
        for (const [name, outcome] of Object.entries(after)) {
          const what = `${name} of ${kind} with ${Buffer.from(metadata.subarray(0, 200)).toString("utf8")}: ${told(outcome)}`
          expect("untyped" in outcome, what).toBe(false)
          if ("error" in outcome) expect(outcome.error.code, what).not.toBe("INTERNAL")
          if (isDetection(outcome)) refused++
        }
      }
    }
    expect(refused).toBeGreaterThan(500)
    expect(Reflect.get({}, "polluted")).toBeUndefined()
  })

  it("metadata of a newer release is told apart from damage", async () => {
    for (const [kind, [stored]] of byKind(world)) {
      if (stored === undefined || kind.endsWith("/keys") || kind === "store/directory") continue
      const { body, reseal } = await resealer(stored)
      const newer = Buffer.from(body.metadata).toString("utf8").replace('"v":1', '"v":2')
      const after = await actOn(world, withChanges(world.records, [reseal(utf8(newer))]))
      const codes = new Set(Object.values(after).flatMap((one) => ("error" in one ? [one.error.code] : [])))
      expect([...codes], kind).toEqual(/receipt|\/secret-id$/.test(kind) ? [] : ["FORMAT_UNSUPPORTED"])
    }
  })
})

describe("attack 15: names that are properties of every object", () => {
  it("are names like any other", async () => {
    const database = await openDatabase()
    await using strongroom = await openEngine(database.storage)
    const names = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "valueOf"]
    const { owner } = await strongroom.workspaces.create({ slug: "__proto__", name: "__proto__" })
    await strongroom.projects.create(owner, { slug: "constructor", name: "toString" })
    const project = "constructor"
    const { id } = await strongroom.environments.create(owner, { project, name: "__proto__" })
    const secrets = names.map((name) => ({ name, value: `of ${name}`, type: "runtime", dataType: "text" }) as const)
    await strongroom.secrets.create(owner, { workspace: "__proto__", project, environments: [id], secrets })
    const listed = await strongroom.secrets.list(owner, { project })
    expect(listed.map(({ name, values }) => [name, values.map(({ value }) => reveal(value))])).toEqual(
      names.toSorted().map((name) => [name, [`of ${name}`]]),
    )
    const vault = await strongroom.vaults.create(owner, { name: "__proto__" })
    for (const envKey of names) await strongroom.vaults.secrets.create(owner, vault.id, { envKey, value: "x" })
    expect((await strongroom.vaults.secrets.list(owner, vault.id)).map(({ envKey }) => envKey).sort()).toEqual(
      names.toSorted(),
    )
    expect((await strongroom.workspaces.find("__proto__"))?.id).toBe(owner.workspace)
    expect(await strongroom.workspaces.find("constructor")).toBeUndefined()
    await expect(strongroom.projects.get(owner, "tostring")).rejects.toMatchObject({ code: "PROJECT_NOT_FOUND" })
  })
})
