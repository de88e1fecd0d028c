import type { Redis } from "ioredis"

/** Every key with this prefix, by the one command that the adapter itself does without. */
export const keysOf = async (client: Redis, prefix: string): Promise<Buffer[]> => {
  const keys: Buffer[] = []
  for (let cursor = "0"; ; ) {
    const [next, found] = await client.scanBuffer(cursor, "MATCH", `${prefix}*`, "COUNT", 1_000)
    keys.push(...found)
    cursor = next.toString()
    if (cursor === "0") return keys
  }
}

/** All bytes below the prefix, keys included. Not by DUMP, which compresses. */
export const bytesOf = async (client: Redis, prefix: string): Promise<Buffer[]> => {
  const all: Buffer[] = []
  for (const key of await keysOf(client, prefix)) {
    all.push(key)
    switch (await client.type(key)) {
      case "hash":
        for (const [field, value] of Object.entries(await client.hgetallBuffer(key)))
          all.push(Buffer.from(field), value)
        break
      case "zset":
        all.push(...(await client.zrangeBuffer(key, "0", "-1")))
        break
      default:
        all.push((await client.getBuffer(key)) ?? Buffer.alloc(0))
    }
  }
  return all
}
