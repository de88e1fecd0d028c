/** A second client in a process of its own, to be killed: `peer.ts <prefix> <url>…`; several are nodes of a cluster. */
import { writePairs } from "@strongroom/adapter-testkit"
import { Cluster, Redis } from "ioredis"
import { redisStorage } from "../../src/index.ts"

const [prefix = "", ...urls] = process.argv.slice(2)
const client = urls.length > 1 ? new Cluster(urls) : new Redis(urls[0] ?? "")
writePairs(await redisStorage({ client, prefix }))
