import { randomBytes } from "node:crypto"
import { cipher } from "@strongroom/core"

/** What one operation asks of the cipher. */
export interface CipherCall {
  readonly kind: "seal" | "open"
  readonly plaintext: number
  readonly associatedData: number
}

const tagLength = 16

/** The seals and opens of one operation, in order. */
export const cipherCallsOf = async (operation: () => Promise<unknown>): Promise<readonly CipherCall[]> => {
  const calls: CipherCall[] = []
  const { seal, open } = cipher
  Object.assign(cipher, {
    seal: (...given: Parameters<typeof seal>) => {
      calls.push({ kind: "seal", plaintext: given[2].length, associatedData: given[3].length })
      return seal(...given)
    },
    open: (...given: Parameters<typeof open>) => {
      calls.push({ kind: "open", plaintext: given[2].length - tagLength, associatedData: given[3].length })
      return open(...given)
    },
  } satisfies typeof cipher)
  try {
    await operation()
  } finally {
    Object.assign(cipher, { seal, open })
  }
  // Rather no figure than the floor of an engine that has found another way to its cipher.
  if (calls.length === 0) throw new Error("the operation was not seen to seal or open anything")
  return calls
}

/** The same seals and opens with the same primitive and nothing around them: what no engine can do without. */
export const replay = (calls: readonly CipherCall[]): (() => void) => {
  const key = randomBytes(32)
  const prepare = ({ kind, plaintext, associatedData }: CipherCall) => {
    const [nonce, text, data] = [randomBytes(24), randomBytes(plaintext), randomBytes(associatedData)]
    const sealed = cipher.seal(key, nonce, text, data)
    return kind === "seal" ? () => cipher.seal(key, nonce, text, data) : () => cipher.open(key, nonce, sealed, data)
  }
  // One for all of a shape: a list of 100,000 secrets opens twice as many records.
  const shapes = new Map<string, () => unknown>()
  const prepared = calls.map((call) => {
    const shape = Object.values(call).join("/")
    const found = shapes.get(shape) ?? prepare(call)
    shapes.set(shape, found)
    return found
  })
  return () => {
    for (const call of prepared) call()
  }
}
