import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from "node:crypto"
import { Keyv } from "keyv"
import { SqliteStore } from "./sqlite-store.ts"

/** AES-256-GCM around the JSON that Keyv stores. */
const sealing = () => {
  const key = createSecretKey(randomBytes(32))
  return {
    stringify(data: unknown): string {
      const nonce = randomBytes(12)
      const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: 16 })
      const sealed = [cipher.update(JSON.stringify(data), "utf8"), cipher.final()]
      return Buffer.concat([nonce, ...sealed, cipher.getAuthTag()]).toString("base64")
    },
    parse<T>(text: string): T {
      const sealed = Buffer.from(text, "base64")
      const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, 12), { authTagLength: 16 })
      decipher.setAuthTag(sealed.subarray(-16))
      return JSON.parse(decipher.update(sealed.subarray(12, -16), undefined, "utf8") + decipher.final("utf8"))
    },
  }
}

const required = (done: boolean) => {
  // Keyv swallows what its store throws.
  if (!done) throw new Error("Keyv did not find or store what it should have")
}

/** Keyv as somebody would use it who wants values encrypted on disk. */
export const sealedKeyv = (path: string) => {
  const keyv = new Keyv({ store: new SqliteStore(path), serialization: sealing() })
  return {
    set: async (name: string, value: string) => required(await keyv.set(name, value)),
    fill: async (names: readonly string[], value: string) =>
      required((await keyv.setMany(names.map((key) => ({ key, value })))).every(Boolean)),
    get: async (name: string) => required((await keyv.get(name)) !== undefined),
    /** All entries; there must be as many as this. */
    list: async (count: number) => {
      let found = 0
      for await (const [, value] of keyv.iterator()) if (typeof value === "string") found++
      required(found === count)
    },
    close: () => keyv.disconnect(),
  }
}
