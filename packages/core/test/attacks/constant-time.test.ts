import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { equalConstantTime } from "../../src/crypto/bytes.ts"

const root = fileURLToPath(new URL("../../../..", import.meta.url))
const folders = ["packages/core/src", "packages/http-express/src", "packages/adapter-lmdb/src"]
const helper = "packages/core/src/crypto/bytes.ts"

/** Comments blanked, so that lines keep their numbers. */
const withoutComments = (source: string): string =>
  source.replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, "")).replace(/(^|\s)\/\/.*$/gm, "$1")

const sources = folders.flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => {
      const path = join(entry.parentPath, entry.name)
      return { file: path.slice(root.length), source: withoutComments(readFileSync(path, "utf8")) }
    }),
)

/** What could be guessed byte by byte if the time of a comparison told how far a guess is right. An env_key is a name. */
const guessable =
  /^(?!envKey$)(\w*[hH]ash|\w*[mM]ac|tag|\w*[dD]igest|\w*[tT]oken|\w*[cC]ommitment|\w*[fF]ingerprint|\w*[sS]ecrets?|\w*[kK]ey|link|previous|\w*[bB]ytes|wrapped|nonce|password|authorization)$/
/** Where keys are made of bytes, an id is made of a key. */
const keyFolder = /^packages\/core\/src\/(crypto|records)\//

/** `a.b?.key` is known by its last name; a call, an index or a literal has none. */
const lastName = (operand: string): string => /([A-Za-z_$][\w$]*)$/.exec(operand)?.[1] ?? ""

const operand = String.raw`[\w$.?#]+(?:\[[^\]]*\]|\([^()]*\))?`
const equality = new RegExp(`(${operand}) *[!=]==? *(?=("[^"]*"|${operand}))`, "g")
const call =
  /(\.equals\(|\bequals\(|\.compare\(|\.localeCompare\(|\btimingSafeEqual\(|[hH]ash\.(?:includes|indexOf)\()/g
const harmless = /^(undefined|null|"[^"]*"|\d\w*)$/

/** Comparisons of guessable things, as they stand in the source. */
const findComparisons = (file: string, source: string): readonly string[] => {
  const isGuessable = (name: string) => guessable.test(name) || (keyFolder.test(file) && name === "id")
  const equalities = [...source.matchAll(equality)].flatMap(([, left = "", right = ""]) => {
    if (harmless.test(left) || harmless.test(right)) return []
    return isGuessable(lastName(left)) || isGuessable(lastName(right)) ? [`${left} = ${right}`] : []
  })
  return [...equalities, ...[...source.matchAll(call)].map(([text]) => text)].map((text) => `${file}: ${text}`)
}

/** Public, for the reason given. */
const allowed: Readonly<Record<string, string>> = {
  "packages/core/src/crypto/bytes.ts: timingSafeEqual(": "the helper itself",
  "packages/core/src/services/tokens.ts: token.id = principal.token": "the id of a token, which is public",
  "packages/core/src/storage/sorted-keys.ts: chunk[index] = key": "addresses, which the database shows",
}

describe("attack 20: the time of comparisons is measured", () => {
  it("tokens, MACs, commitments and ids made of keys are compared by equalConstantTime and by nothing else", () => {
    expect(sources.length).toBeGreaterThan(60)
    const found = new Set(sources.flatMap(({ file, source }) => findComparisons(file, source)))
    expect([...found].sort()).toEqual(Object.keys(allowed).sort())
  })

  it("it is used where one is due", () => {
    const users = sources.filter(({ file, source }) => file !== helper && source.includes("equalConstantTime("))
    expect(users.map(({ file }) => file).sort()).toEqual([
      // the commitment of a data key, when it is unwrapped
      "packages/core/src/crypto/data-key.ts",
      // the fingerprint of a root key
      "packages/core/src/crypto/local-keys.ts",
      // the hash of a token, against its pointer
      "packages/core/src/services/directory.ts",
      // a keyset's bytes, against those whose keys are in memory
      "packages/core/src/services/keyring.ts",
      // a vault secret's value and the one it is to be replaced by
      "packages/core/src/services/vault-secrets.ts",
    ])
  })

  it.for([
    "if (token.hash === given) return",
    "return stored?.mac !== computed",
    "key.commitment == commitment",
    "record.bytes !== known.bytes",
    "Buffer.compare(a, b) === 0",
    "a.equals(b)",
    "Equal.equals(a, b)",
    "const same = id === header.id",
  ])("the search finds %s", (line) => {
    expect(findComparisons("packages/core/src/crypto/example.ts", line).length).toBeGreaterThan(0)
  })

  it.for(["if (token === undefined) return", "principal.id === id", 'type === "key"', "equalConstantTime(mac, other)"])(
    "the search passes over %s",
    (line) => {
      expect(findComparisons("packages/core/src/services/example.ts", line)).toEqual([])
    },
  )
})

describe("equalConstantTime", () => {
  const bytes = fc.uint8Array({ maxLength: 64 })

  it("says whether two arrays hold the same bytes", () => {
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        expect(equalConstantTime(a, b)).toBe(Buffer.from(a).toString("hex") === Buffer.from(b).toString("hex"))
        expect(equalConstantTime(a, new Uint8Array(a))).toBe(true)
      }),
    )
  })

  it("notices one changed bit anywhere", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), fc.nat(), fc.nat(7), (a, at, bit) => {
        const index = at % a.length
        expect(equalConstantTime(a, a.with(index, (a[index] ?? 0) ^ (1 << bit)))).toBe(false)
      }),
    )
  })

  it("takes arrays of different lengths, prefixes too, and views into other memory", () => {
    fc.assert(
      fc.property(bytes, fc.uint8Array({ minLength: 1, maxLength: 8 }), (a, more) => {
        expect(equalConstantTime(a, new Uint8Array([...a, ...more]))).toBe(false)
        const around = new Uint8Array([...more, ...a, ...more])
        expect(equalConstantTime(a, around.subarray(more.length, more.length + a.length))).toBe(true)
        expect(equalConstantTime(Buffer.from(a), a)).toBe(true)
      }),
    )
  })
})
