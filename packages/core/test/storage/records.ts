import { randomBytes } from "node:crypto"
import type { Address, StorageAdapter, Write } from "../../src/ports/storage.ts"

/** Random, so that it is never the same in two processes either. */
export const newRevision = (): string => randomBytes(13).toString("hex").toUpperCase()

export const put = (address: Address, bytes: Uint8Array | string = "x"): Write => ({
  ...address,
  record: { revision: newRevision(), bytes: typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes },
})

export const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString()

/** Adds 1 to a decimal counter `times` times, beginning again after every conflict. */
export const increment = async (storage: StorageAdapter, partition: string, address: Address, times: number) => {
  for (let done = 0; done < times; ) {
    const [found] = await storage.read(partition, [address])
    const result = await storage.commit(partition, {
      checks: [{ ...address, revision: found?.revision }],
      writes: [put(address, `${Number(text(found?.bytes)) + 1}`)],
    })
    if (result.status === "committed") done++
  }
}
