import type { Address, StoredRecord } from "@strongroom/core"
import { type Call, sameRecord, textOf } from "./calls.ts"
import { checkLinearizable } from "./linearizability.ts"

/** Names what the history itself has written, and nothing else: what a broken store hands out may be anything. */
const namesOf = (history: readonly Call[]) => {
  const written = history.flatMap((call) => (call.kind === "commit" ? call.commit.writes : []))
  const numbers = new Map(
    [...new Set(written.flatMap(({ record }) => record?.revision ?? []))].map((r, i) => [r, i + 1]),
  )
  const places = new Set(
    history.flatMap((call) => {
      if (call.kind === "commit") return [...call.commit.checks, ...call.commit.writes].map(textOf)
      return call.kind === "read" ? call.addresses.map(textOf) : []
    }),
  )

  const revision = (text: string | undefined): string => {
    if (text === undefined) return "nothing"
    const number = numbers.get(text)
    return number === undefined ? "a revision that nobody wrote" : `#${number}`
  }
  const record = (address: Address, found: StoredRecord | undefined): string => {
    const isOurs = written.some((write) => textOf(write) === textOf(address) && sameRecord(write.record, found))
    if (found === undefined || isOurs || !numbers.has(found.revision)) return revision(found?.revision)
    return `${revision(found.revision)}, but not as it was written there`
  }
  const place = (address: Address): string => (places.has(textOf(address)) ? textOf(address) : "an unknown address")
  return { revision, record, place }
}

const describeCall = (call: Call, { revision, record, place }: ReturnType<typeof namesOf>): string => {
  const { reply } = call
  const listed = (items: readonly string[]) => items.join("; ") || "nothing"
  const rejection = reply.status === "rejected" ? `rejected with ${reply.code}` : undefined
  switch (call.kind) {
    case "read": {
      const found = call.reply.status === "read" ? call.reply.records : []
      const records = call.addresses.map((address, index) => `${textOf(address)} = ${record(address, found[index])}`)
      return `read ${call.addresses.map(textOf).join(", ")} -> ${rejection ?? listed(records)}`
    }
    case "list": {
      const { collection, options } = call
      const page = call.reply.status === "listed" ? call.reply.page : { records: [], more: false }
      const records = page.records.map((one) => {
        const address = { collection, leaf: one.leaf }
        return `${place(address)} = ${record(address, one.record)}`
      })
      const after = options.after === undefined ? "" : ` after ${place({ collection, leaf: options.after })}`
      const asked = `list ${collection}${after}, at most ${options.limit}`
      return `${asked} -> ${rejection ?? `${listed(records)}; ${page.more ? "more" : "the end"}`}`
    }
    case "commit": {
      const checks = call.commit.checks.map((check) => `check ${textOf(check)} = ${revision(check.revision)}`)
      const writes = call.commit.writes.map((write) =>
        write.record ? `put ${textOf(write)} ${revision(write.record.revision)}` : `delete ${textOf(write)}`,
      )
      const conflicts = call.reply.status === "conflict" ? ` at ${listed(call.reply.addresses.map(place))}` : ""
      return `commit ${[...checks, ...writes].join(", ")} -> ${rejection ?? reply.status}${conflicts}`
    }
  }
}

/** A history that is not linearizable, a line for each call, with the calls marked that fit no longest order. */
export const describeHistory = (history: readonly Call[]): string => {
  const names = namesOf(history)
  const { order } = checkLinearizable(history)
  const lines = history.map((call) => {
    const isOutside = !order.includes(call) && call.reply.status !== "rejected"
    const span = `${String(call.invoked).padStart(3)} to ${String(call.returned).padStart(3)}`
    return `${isOutside ? "*" : " "} ${span}  client ${call.client}: ${describeCall(call, names)}`
  })
  return [
    "No order of these calls explains what the store replied, if each took effect between its invocation and its return.",
    "The longest order found has no place for those marked with *. #1, #2, ... are the revisions that were written.",
    ...lines,
  ].join("\n")
}
