import { setTimeout as delay } from "node:timers/promises"
import { Cluster, type ClusterOptions } from "ioredis"
import { type ClientOptions, type Config, type Server, startServer } from "./server.ts"

type ClusterClientOptions = Omit<ClusterOptions, "redisOptions"> & { readonly redisOptions?: ClientOptions }

export interface Node extends Server {
  readonly id: string
}

/** Three masters, each with its share of the slots, and with as many replicas as were asked for. */
export interface TestCluster {
  readonly masters: readonly Node[]
  readonly replicas: readonly Node[]
  /** The master that a slot was given to at the start. */
  readonly ownerOf: (slot: number) => Node | undefined
  readonly connect: (options?: ClusterClientOptions) => Cluster
  readonly close: () => void
}

const slots = 16_384
const masterCount = 3
const share = Math.ceil(slots / masterCount)

/** A failing node is noticed after this many milliseconds. */
export const nodeTimeout = 1_000

/** Tries until it holds; the test's own time limit is the only one. */
export const until = async (what: () => Promise<boolean>): Promise<void> => {
  while (!(await what())) await delay(10)
}

const startNode = async (config: Config): Promise<Node> => {
  const server = await startServer({
    "cluster-enabled": "yes",
    "cluster-node-timeout": `${nodeTimeout}`,
    "repl-diskless-sync-delay": "0",
    ...config,
  })
  return { ...server, id: String(await server.command("CLUSTER", "MYID")) }
}

export const infoOf = async (node: Server, ...words: string[]): Promise<Record<string, string>> => {
  const text = String(await node.command(...(words.length > 0 ? words : ["CLUSTER", "INFO"])))
  return Object.fromEntries(
    text
      .split("\r\n")
      .filter((line) => line.includes(":"))
      .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)]),
  )
}

export const isHealthy = async (node: Server): Promise<boolean> => {
  const info = await infoOf(node)
  return info["cluster_state"] === "ok" && info["cluster_slots_ok"] === `${slots}`
}

export const startCluster = async (replicasEach: 0 | 1 = 0, config: Config = {}): Promise<TestCluster> => {
  const nodes = await Promise.all(Array.from({ length: masterCount * (1 + replicasEach) }, () => startNode(config)))
  const masters = nodes.slice(0, masterCount)
  const replicas = nodes.slice(masterCount)
  const [first] = masters
  if (first === undefined) throw new Error("no node")
  for (const [index, node] of masters.entries()) {
    await node.command("CLUSTER", "SET-CONFIG-EPOCH", index + 1)
    const last = Math.min((index + 1) * share, slots) - 1
    await node.command("CLUSTER", "ADDSLOTSRANGE", index * share, last)
  }
  for (const node of nodes.slice(1)) {
    await node.command("CLUSTER", "MEET", "127.0.0.1", first.port, await busPort(first))
  }
  const known = async (node: Node) =>
    String(await node.command("CLUSTER", "NODES"))
      .trim()
      .split("\n")
  for (const node of nodes) await until(async () => (await known(node)).length === nodes.length)
  for (const [index, replica] of replicas.entries()) {
    await until(async () => {
      try {
        await replica.command("CLUSTER", "REPLICATE", masters[index]?.id ?? "")
        return true
      } catch {
        // It may not know yet that the other is a master.
        return false
      }
    })
  }
  for (const replica of replicas) {
    await until(async () => (await infoOf(replica, "INFO", "replication"))["master_link_status"] === "up")
  }
  for (const node of nodes) await until(() => isHealthy(node))

  const clients = new Set<Cluster>()
  return {
    masters,
    replicas,
    ownerOf: (slot) => masters[Math.floor(slot / share)],
    connect: (options = {}) => {
      const client = new Cluster(
        nodes.map(({ port }) => ({ host: "127.0.0.1", port })),
        options,
      )
      client.on("error", () => {})
      clients.add(client)
      return client
    },
    close: () => {
      for (const client of clients) client.disconnect()
    },
  }
}

const busPort = async (node: Server): Promise<number> => {
  const [, port] = Array.from(Object(await node.command("CONFIG", "GET", "cluster-port")))
  return Number(port)
}

/** CRC-16/XMODEM modulo the number of slots (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/). */
export const slotOfTag = (tag: string): number => {
  let crc = 0
  for (const byte of Buffer.from(tag)) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = ((crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021) & 0xffff
  }
  return crc % slots
}

/** The slot of a key, the master that it was given to at the start, and another. */
export const placeOf = async ({ masters, ownerOf }: TestCluster, key: string) => {
  const slot = Number(await masters[0]?.command("CLUSTER", "KEYSLOT", key))
  const owner = ownerOf(slot)
  const other = masters.find((node) => node !== owner)
  if (owner === undefined || other === undefined) throw new Error("the cluster has lost its nodes")
  return { slot, owner, other }
}

/**
 * Moves a slot as redis-cli does (https://redis.io/docs/latest/commands/cluster-setslot/), one key after the other, with
 * `between` after each step, so that a load meets every state in between. Gives the number of keys moved.
 */
export const moveSlot = async (
  { masters }: TestCluster,
  slot: number,
  from: Node,
  to: Node,
  between: () => Promise<unknown>,
): Promise<number> => {
  await to.command("CLUSTER", "SETSLOT", slot, "IMPORTING", from.id)
  await from.command("CLUSTER", "SETSLOT", slot, "MIGRATING", to.id)
  await between()
  let moved = 0
  for (;;) {
    const [key] = Array.from(Object(await from.command("CLUSTER", "GETKEYSINSLOT", slot, 1)))
    if (key === undefined) break
    await from.command("MIGRATE", "127.0.0.1", to.port, String(key), 0, 5_000)
    moved++
    await between()
  }
  // The destination first, so that somebody owns the slot at every time.
  for (const node of [to, from, ...masters]) await node.command("CLUSTER", "SETSLOT", slot, "NODE", to.id)
  // A move gives the new owner a new epoch. Before all know of it, the next move could be taken back.
  await until(async () => new Set(await Promise.all(masters.map((node) => epochOf(node, to)))).size === 1)
  return moved
}

/** The configuration epoch that a node knows of another, or of itself. */
const epochOf = async (node: Server, of: Node): Promise<string | undefined> =>
  String(await node.command("CLUSTER", "NODES"))
    .split("\n")
    .find((line) => line.startsWith(of.id))
    ?.split(" ")[6]
