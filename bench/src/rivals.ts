/** What people pick instead of an engine, each as its own documentation shows it. Keys are made once, as an application would. */
import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from "node:crypto"
import { decryptString, encryptString, generateKey, parseKey } from "@47ng/cloak"
import {
  AlgorithmSuiteIdentifier,
  buildClient,
  CommitmentPolicy,
  RawAesKeyringNode,
  RawAesWrappingSuiteIdentifier,
} from "@aws-crypto/client-node"
import { Encryption } from "@boringnode/encryption"
import { aes256gcm } from "@boringnode/encryption/drivers/aes_256_gcm"
import { xchacha20poly1305 } from "@noble/ciphers/chacha.js"
import { defaults, seal, unseal } from "iron-webcrypto"
import { CompactEncrypt, compactDecrypt } from "jose"
import type { Includes } from "./result.ts"

export interface Rival {
  readonly name: string
  readonly includes: Includes
  readonly seal: (value: string) => unknown
  /** Of what `seal` gave, awaited. */
  readonly open: (sealed: never) => unknown
}

const text = new TextEncoder()
const fromText = new TextDecoder()

/** None of them stores anything, so there is nothing to be atomic about; nor do they know who asks. */
const includes = (binding: string, others: Partial<Includes> = {}): Includes => ({
  envelope: "no",
  binding,
  commitment: "no",
  atomicity: "no",
  audit: "no",
  permissions: "no",
  ...others,
})

/** Random bytes for nonces in one system call for many, as Strongroom does. */
const nonces = (length: number): (() => Uint8Array) => {
  let pool = randomBytes(0)
  return () => {
    if (pool.length < length) pool = randomBytes(length * 512)
    const nonce = pool.subarray(0, length)
    pool = pool.subarray(length)
    return nonce
  }
}

const rawAes = (): Rival => {
  const key = createSecretKey(randomBytes(32))
  const nextNonce = nonces(12)
  return {
    name: "node:crypto AES-256-GCM, KeyObject",
    // setAAD
    includes: includes("offered"),
    seal: (value) => {
      const nonce = nextNonce()
      const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: 16 })
      return Buffer.concat([nonce, cipher.update(value, "utf8"), cipher.final(), cipher.getAuthTag()])
    },
    open: (sealed: Buffer) => {
      const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, 12), { authTagLength: 16 })
      decipher.setAuthTag(sealed.subarray(-16))
      return decipher.update(sealed.subarray(12, -16), undefined, "utf8") + decipher.final("utf8")
    },
  }
}

const noble = (): Rival => {
  const key = randomBytes(32)
  const nextNonce = nonces(24)
  return {
    name: "@noble/ciphers XChaCha20-Poly1305",
    // The third argument, associated data.
    includes: includes("offered"),
    seal: (value) => {
      const nonce = nextNonce()
      return Buffer.concat([nonce, xchacha20poly1305(key, nonce).encrypt(text.encode(value))])
    },
    open: (sealed: Buffer) =>
      fromText.decode(xchacha20poly1305(key, sealed.subarray(0, 24)).decrypt(sealed.subarray(24))),
  }
}

const cloak = async (): Promise<Rival> => {
  const serialized = generateKey()
  const [encrypting, decrypting] = [await parseKey(serialized, "encrypt"), await parseKey(serialized, "decrypt")]
  return {
    name: "@47ng/cloak",
    // Its keychains are keys encrypted by a master key. No associated data: a text opens wherever it is put.
    includes: includes("no", { envelope: "offered" }),
    seal: (value) => encryptString(value, encrypting),
    open: (sealed: string) => decryptString(sealed, decrypting),
  }
}

const boring = (): Rival => {
  const encryption = new Encryption(aes256gcm({ id: "bench", keys: [randomBytes(32).toString("base64")] }))
  return {
    name: "@boringnode/encryption AES-256-GCM",
    // The purpose is authenticated as associated data.
    includes: includes("offered"),
    seal: (value) => encryption.encrypt(value),
    open: (sealed: string) => encryption.decrypt(sealed),
  }
}

const aws = (): Rival => {
  const { encrypt, decrypt } = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)
  const keyring = new RawAesKeyringNode({
    keyName: "bench",
    keyNamespace: "bench",
    unencryptedMasterKey: new Uint8Array(randomBytes(32)),
    wrappingSuite: RawAesWrappingSuiteIdentifier.AES256_GCM_IV12_TAG16_NO_PADDING,
  })
  const encryptionContext = { name: "API_KEY" }
  const suiteId = AlgorithmSuiteIdentifier.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY
  return {
    name: "@aws-crypto/client-node, raw AES keyring",
    // A data key for each message, wrapped by the keyring; the context is authenticated with it; the suite commits.
    includes: includes("yes", { envelope: "yes", commitment: "yes" }),
    seal: async (value) => (await encrypt(keyring, value, { suiteId, encryptionContext })).result,
    open: async (sealed: Buffer) => {
      const { plaintext, messageHeader } = await decrypt(keyring, sealed)
      // The message carries its context; that it is the expected one is left to the caller.
      if (messageHeader.encryptionContext["name"] !== encryptionContext.name) throw new Error("of another context")
      return plaintext.toString("utf8")
    },
  }
}

/** With a password, its documented default. */
const iron = (): Rival => {
  const password = randomBytes(32).toString("hex")
  return {
    name: "iron-webcrypto, with a password",
    // Keys are derived from the password for each message, by one round of PBKDF2; the HMAC-SHA256 is over all of it.
    includes: includes("no", { commitment: "by its HMAC" }),
    seal: (value) => seal(value, password, defaults),
    open: (sealed: string) => unseal(sealed, password, defaults),
  }
}

const jose = async (): Promise<Rival> => {
  // Bytes would be imported again for each message.
  const key = await crypto.subtle.importKey("raw", randomBytes(32), "AES-GCM", false, ["encrypt", "decrypt"])
  return {
    name: "jose, dir A256GCM",
    // The protected header is authenticated and may say more than the algorithms. A256KW and others wrap a key a message.
    includes: includes("offered", { envelope: "offered" }),
    seal: (value) =>
      new CompactEncrypt(text.encode(value)).setProtectedHeader({ alg: "dir", enc: "A256GCM" }).encrypt(key),
    open: async (sealed: string) => fromText.decode((await compactDecrypt(sealed, key)).plaintext),
  }
}

export const rivals = async (): Promise<readonly Rival[]> => [
  rawAes(),
  noble(),
  await cloak(),
  boring(),
  aws(),
  iron(),
  await jose(),
]
