import { inspect } from "node:util"
import { Cluster, Redis } from "ioredis"
import { expect, it } from "vitest"
import { clientOf, duplicate } from "../../src/client.ts"
import { redisStorage } from "../../src/index.ts"
import { codeOf } from "../support/load.ts"

const malformed = [
  "redis://u:hunter2@127.0.0.1:1/x",
  "redis://u:hunter2@127.0.0.1:1/1x",
  "redis://u:hunter2@127.0.0.1:1/-1",
  "redis://u:hunter2@127.0.0.1:1/1/hunter2",
  "redis://u:hunter2@127.0.0.1:1?db=hunter2",
  "redis://u:hunter2%zz@127.0.0.1:1",
  "redis://hunter2%@127.0.0.1:1",
  "redis://u:hunter2@127.0.0.1:port",
  "http://u:hunter2@127.0.0.1:1",
  "hunter2",
]
for (const url of malformed) {
  it(`refuses ${url} as FATAL, and tells nothing of it`, async () => {
    const error: unknown = await redisStorage({ url }).catch((reason: unknown) => reason)
    expect(codeOf(error)).toBe("FATAL")
    expect(inspect(error, { depth: null, showHidden: true })).not.toMatch(/hunter|127\.0/)
  })
}

it("refuses a client whose database is no number", async () => {
  const client = new Redis({ db: Number("x"), lazyConnect: true })
  expect(await redisStorage({ client }).catch(codeOf)).toBe("FATAL")
})

it("takes databases and escaped passwords from a URL, and TLS in any case of its letters", () => {
  expect(clientOf("redis://u:p%25%40@h:1/12").options).toMatchObject({
    username: "u",
    password: "p%@",
    port: 1,
    db: 12,
  })
  for (const url of ["redis://h", "redis://h/", "redis://h?family=6"]) {
    expect(clientOf(url).options).toMatchObject({ host: "h", db: 0 })
    expect(clientOf(url).options.tls).toBeUndefined()
  }
  for (const url of ["rediss://h", "REDISS://h"]) expect(clientOf(url).options.tls).toBeTruthy()
})

// Each alone hides that the other is missing.
const sendsOnce = { autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 0 }
const resends = { autoResendUnfulfilledCommands: true, maxRetriesPerRequest: null, lazyConnect: true }

it("switches off each way in which commands are sent again", () => {
  expect(duplicate(new Redis(resends), 0).options).toMatchObject(sendsOnce)
  const cluster = duplicate(new Cluster([{ port: 1 }], { lazyConnect: true }), 0)
  const node = new Redis(resends)
  cluster.emit("+node", node)
  expect(node.options).toMatchObject(sendsOnce)
})

it("raises the client's time limits to what an answer may take, and sets none for commands", () => {
  const limits = (own: { readonly socketTimeout?: number; readonly commandTimeout?: number }, answerMs: number) => {
    const client = duplicate(new Redis({ ...own, lazyConnect: true }), answerMs)
    if ("nodes" in client) throw new Error("no cluster was given")
    const { socketTimeout, commandTimeout } = client.options
    return { socketTimeout, commandTimeout }
  }
  expect(limits({}, 0)).toEqual({ socketTimeout: 30_000, commandTimeout: undefined })
  expect(limits({}, 60_000)).toEqual({ socketTimeout: 60_000, commandTimeout: undefined })
  const own = { socketTimeout: 200, commandTimeout: 100 }
  expect(limits(own, 0)).toEqual(own)
  expect(limits(own, 150)).toEqual({ socketTimeout: 200, commandTimeout: 150 })
})
