import { describe, expect, it } from "vitest"
import type { Grant } from "../../src/domain/permission.ts"
import type { StorageAdapter } from "../../src/ports/storage.ts"
import { StorageError } from "../../src/ports/validate-commit.ts"
import { memoryStorage } from "../../src/storage/memory.ts"
import { openStrongroom, type Strongroom } from "../../src/strongroom.ts"
import { memory } from "../support/backend.ts"
import { openEngine, rootKeys } from "../support/engine.ts"
import { intercept } from "../support/intercept.ts"
import { openRecords } from "../support/open-records.ts"
import { codeOf, outcomeOf } from "../support/outcome.ts"
import { inWorld, projectSlug, text, valuesOf, type World } from "../support/world.ts"

const story = (use: (world: World) => Promise<void>) => () => inWorld(memory, 1, use)
const code = async (call: Promise<unknown>) => codeOf(await outcomeOf(call))
const grants = (permission: Grant["permission"]): readonly Grant[] => [{ scope: { type: "workspace" }, permission }]

describe("rotation", () => {
  it(
    "gives a compartment a new key and leaves what was written readable",
    story(async (world) => {
      const { engine, owner, environments, client, workspace } = world
      const [environment = ""] = environments
      const vault = (await engine.vaults.create(owner, { name: "vault" })).id
      const create = (name: string) =>
        engine.secrets.create(owner, { project: projectSlug, environments, secrets: [text(name, name)] })
      await create("BEFORE")
      await engine.vaults.secrets.create(owner, vault, { envKey: "BEFORE", value: "before" })
      await engine.keys.rotate(owner, { project: projectSlug, environment: environment.toUpperCase() })
      await engine.keys.rotate(owner, { vault })
      await create("AFTER")
      await engine.vaults.secrets.create(owner, vault, { envKey: "AFTER", value: "after" })
      expect(Object.values(await valuesOf(engine, owner))).toEqual(["AFTER", "BEFORE"])
      const records = await openRecords(client(), workspace)
      expect([await records.keyCount(environment), await records.keyCount(vault)]).toEqual([2, 2])
      expect((await records.vaultSecrets(vault)).map(({ value }) => value).sort()).toEqual(["after", "before"])
    }),
  )

  it(
    "is for admins of the compartment, and for compartments that exist",
    story(async (world) => {
      const { engine, owner, workspace, environments } = world
      const [environment = ""] = environments
      const vault = (await engine.vaults.create(owner, { name: "vault" })).id
      const writer = { workspace, id: "host", grants: grants("read-write") }
      const nobody = { workspace, id: "host", grants: [] }
      const here = { project: projectSlug, environment }
      expect(await code(engine.keys.rotate(writer, here))).toBe("FORBIDDEN")
      expect(await code(engine.keys.rotate(writer, { vault }))).toBe("FORBIDDEN")
      expect(await code(engine.keys.rotate(nobody, here))).toBe("PROJECT_NOT_FOUND")
      expect(await code(engine.keys.rotate(nobody, { vault }))).toBe("VAULT_NOT_FOUND")
      const other = "7d3d31a4-8b5f-4a7c-9d0e-1f2a3b4c5d6e"
      expect(await code(engine.keys.rotate(owner, { ...here, environment: other }))).toBe("ENVIRONMENT_NOT_FOUND")
    }),
  )
})

describe("the audit log", () => {
  it(
    "has an entry for every write and every disclosure, in pages",
    story(async (world) => {
      const { engine, owner, environments } = world
      const { id: token } = await engine.tokens.issue(owner, { name: "token", grants: grants("read") })
      await engine.secrets.create(owner, { project: projectSlug, environments, secrets: [text("NAME", "a value")] })
      await engine.secrets.get(owner, { project: projectSlug, name: "NAME" })
      await engine.secrets.list(owner, { project: projectSlug })
      await engine.tokens.revoke(owner, token)

      const { entries, next } = await engine.audit.list(owner)
      expect(next).toBeUndefined()
      expect(entries.map(({ action }) => action)).toEqual([
        "workspace.create",
        "project.create",
        "environment.create",
        "token.issue",
        "secret.create",
        "secret.get",
        "secret.list",
        "token.revoke",
      ])
      for (const entry of entries) expect(entry).toMatchObject({ principal: owner.id, token: undefined })
      expect(entries[4]?.subject).toEqual({ project: world.project, environments, names: ["NAME"] })
      expect(JSON.stringify(entries)).not.toContain("a value")

      const paged = []
      let after: string | undefined
      do {
        const page = await engine.audit.list(owner, { limit: 3, ...(after === undefined ? {} : { after }) })
        expect(page.entries.length).toBeLessThanOrEqual(3)
        paged.push(...page.entries)
        after = page.next
      } while (after !== undefined)
      expect(paged).toEqual(entries)
    }),
  )

  it(
    "names the token that was used",
    story(async ({ engine, owner, environments }) => {
      const { id, token } = await engine.tokens.issue(owner, { name: "token", grants: grants("read-write") })
      const bearer = await engine.tokens.identify(token)
      if (bearer === undefined) throw new Error("the token is not known")
      await engine.secrets.create(bearer, { project: projectSlug, environments, secrets: [text("NAME", "value")] })
      expect((await engine.audit.list(owner)).entries.at(-1)).toMatchObject({ principal: owner.id, token: id })
    }),
  )

  it(
    "is for admins of the workspace, within limits",
    story(async ({ engine, owner, workspace }) => {
      expect(await code(engine.audit.list({ workspace, id: "host", grants: grants("read-write") }))).toBe("FORBIDDEN")
      for (const limit of [0, 1_001, 1.5]) expect(await code(engine.audit.list(owner, { limit }))).toBe("INVALID_INPUT")
      expect(await code(engine.audit.list(owner, { after: "last" }))).toBe("INVALID_INPUT")
    }),
  )

  it(
    "holds no disclosures when those are turned off, and stops them when it cannot be written",
    story(async ({ engine, owner, client, clock, environments }) => {
      await engine.secrets.create(owner, { project: projectSlug, environments, secrets: [text("NAME", "value")] })
      const before = (await engine.audit.list(owner)).entries
      const quiet = await openEngine(client(), clock, { audit: { reads: false } })
      await quiet.secrets.get(owner, { project: projectSlug, name: "NAME" })
      await quiet.secrets.list(owner, { project: projectSlug })
      expect((await engine.audit.list(owner)).entries).toEqual(before)

      let refused = 0
      const failing = await openEngine(
        intercept(client(), {
          before({ kind }) {
            if (kind !== "commit") return
            refused++
            throw new StorageError("UNAVAILABLE", "refused by the test")
          },
        }),
        clock,
      )
      expect(await code(failing.secrets.get(owner, { project: projectSlug, name: "NAME" }))).toBe("STORAGE_UNAVAILABLE")
      expect(await code(failing.secrets.list(owner, { project: projectSlug }))).toBe("STORAGE_UNAVAILABLE")
      expect(refused).toBe(2)
    }),
  )
})

describe("limits", () => {
  it(
    "are named when a request goes over them",
    story(async ({ owner, client, clock, environments }) => {
      const small = await openEngine(client(), clock, { limits: { valuesPerRequest: 2 } })
      const create = (...names: string[]) =>
        outcomeOf(
          small.secrets.create(owner, {
            project: projectSlug,
            environments,
            secrets: names.map((name) => text(name, "")),
          }),
        )
      expect(await create("ONE", "TWO", "THREE")).toMatchObject({
        code: "LIMIT_EXCEEDED",
        details: { needed: 3, limit: 2 },
      })
      expect(codeOf(await create("ONE", "TWO"))).toBe("ok")
    }),
  )

  it(
    "of the storage are counted before anything is sent",
    story(async ({ owner, client, clock, environments, census }) => {
      const adapter = client()
      const tight: StorageAdapter = { ...adapter, limits: { ...adapter.limits, commitRecords: 5 } }
      const engine = await openEngine(tight, clock)
      const secrets = ["ONE", "TWO"].map((name) => text(name, ""))
      const before = await census.revisions()
      expect(await code(engine.secrets.create(owner, { project: projectSlug, environments, secrets }))).toBe(
        "LIMIT_EXCEEDED",
      )
      expect(await census.revisions()).toEqual(before)
    }),
  )
})

/** The facade as embedders open it, on the real clock. */
describe("an open engine", () => {
  const open = (storage: StorageAdapter = memoryStorage()): Promise<Strongroom> =>
    openStrongroom({ storage, keys: rootKeys() })

  it("pings as long as storage can be read", async () => {
    let reachable = true
    const storage = intercept(memoryStorage(), {
      before() {
        if (!reachable) throw new StorageError("UNAVAILABLE", "refused by the test")
      },
    })
    const engine = await open(storage)
    await engine.ping()
    reachable = false
    expect(await code(engine.ping())).toBe("STORAGE_UNAVAILABLE")
    reachable = true
    await engine.ping()
    await engine.close()
    expect(await code(engine.ping())).toBe("CLOSED")
  })

  it("closes once what is running has ended, and its storage after that", async () => {
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const events: string[] = []
    const inner = memoryStorage()
    let holding = false
    const slow = intercept(inner, {
      before: (call) => (holding && call.kind === "commit" ? held : undefined),
      committed: () => void events.push("committed"),
    })
    const engine = await open({
      ...slow,
      close: async () => {
        events.push("storage closed")
        await inner.close()
      },
    })
    events.length = 0
    holding = true
    const creating = engine.workspaces.create({ slug: "ws_example", name: "Example" })
    const closing = engine.close()
    expect(engine.close()).toBe(closing)
    expect(await code(engine.ping())).toBe("CLOSED")
    expect(await code(engine.workspaces.create({ slug: "ws_late", name: "Late" }))).toBe("CLOSED")
    expect(events).toEqual([])
    release()
    expect((await creating).workspace.slug).toBe("ws_example")
    await closing
    expect(events).toEqual(["committed", "committed", "storage closed"])
  })

  it("closes at the end of its scope", async () => {
    const storage = memoryStorage()
    {
      await using engine = await open(storage)
      await engine.ping()
    }
    await expect(storage.read("store", [{ collection: "any", leaf: "any" }])).rejects.toMatchObject({ code: "CLOSED" })
  })

  it("does not open a store that was made with another root key", async () => {
    await inWorld(memory, 0, async ({ client }) => {
      const keys = {
        ...rootKeys(),
        unwrap: () => Promise.reject(Object.assign(new Error(), { code: "ROOT_KEY_UNKNOWN" })),
      }
      expect(await code(openStrongroom({ storage: client(), keys }))).toBe("ROOT_KEY_UNKNOWN")
    })
  })

  it("reports a fault of its own by kind and place, without what it says", async () => {
    const logged: string[] = []
    const note = (message: string, fields?: object) => void logged.push(`${message} ${JSON.stringify(fields)}`)
    const broken = {
      revision: "0".repeat(26),
      get bytes(): Uint8Array {
        throw new RangeError("a canary")
      },
    }
    const opening = openStrongroom({
      storage: { ...memoryStorage(), read: async () => [broken] },
      keys: rootKeys(),
      logger: { debug: note, info: note, warn: note, error: note },
    })
    expect(await code(opening)).toBe("INTERNAL")
    expect(logged.join("\n")).toContain("RangeError")
    expect(logged.join("\n")).not.toContain("a canary")
  })
})
