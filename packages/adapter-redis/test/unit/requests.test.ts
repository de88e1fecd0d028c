import { expect, it } from "vitest"
import { newRevision, put } from "../../../core/test/storage/records.ts"
import { Keys } from "../../src/keys.ts"
import { commitRequest, listRequest, readRequest } from "../../src/requests.ts"
import { codeOf } from "../support/load.ts"

const keys = new Keys("", "test:")
const address = { collection: "c", leaf: "l" }
const decoded = <T>(decode: (reply: unknown) => T, reply: unknown): T | string => {
  try {
    return decode(reply)
  } catch (error) {
    return codeOf(error)
  }
}

it("an answer to a commit that is none of ours leaves its outcome unknown", () => {
  const { decode } = commitRequest(keys, "p", {
    checks: [{ ...address, revision: newRevision() }],
    writes: [put(address)],
  })
  expect(decode([])).toEqual([])
  expect(decode([0])).toEqual([address])
  for (const reply of ["OK", null, 1, Buffer.from("x"), [1], ["x"], [null, Buffer.from("x")]]) {
    expect(decoded(decode, reply)).toBe("UNKNOWN_OUTCOME")
  }
})

it("an answer to a read or a list that is none of ours is FATAL", () => {
  const read = readRequest(keys, "p", [address])
  const list = listRequest(keys, "p", "c", { limit: 1, maxBytes: 1 })
  for (const { decode } of [read, list]) {
    for (const reply of ["OK", null, 1]) expect(decoded<unknown>(decode, reply)).toBe("FATAL")
  }
  expect(decoded(list.decode, [0, Buffer.from("leaf"), null])).toBe("FATAL")
})

it("a value that was cut short has no bytes left, and is for core to refuse", () => {
  const revision = newRevision()
  for (const length of [0, 5, 25, 26]) {
    const value = Buffer.from(revision).subarray(0, length)
    const record = { revision: revision.slice(0, length), bytes: new Uint8Array() }
    expect(readRequest(keys, "p", [address]).decode([value])).toEqual([record])
    expect(listRequest(keys, "p", "c", { limit: 1, maxBytes: 1 }).decode([0, Buffer.from("l"), value])).toEqual({
      records: [{ leaf: "l", record }],
      more: false,
    })
  }
})
