import { describe, expect, it } from "vitest"
import type { Call } from "../../src/histories/calls.ts"
import { checkLinearizable } from "../../src/histories/linearizability.ts"
import { check, commit, conflict, list, put, read, recordOf, rejected, remove, x, y } from "./support/calls.ts"

const both = commit([0, 1], [], [put(x, "X0"), put(y, "Y0")])

const right: Record<string, readonly Call[]> = {
  "nothing at all": [],
  "a read of nothing": [read([0, 1], [[x, undefined]])],
  "a read during a commit, before it": [commit([0, 3], [], [put(x, "A")]), read([1, 2], [[x, undefined]])],
  "a read during a commit, after it": [commit([0, 3], [], [put(x, "A")]), read([1, 2], [[x, "A"]])],
  "two commits that overlap, in the order of neither's call": [
    commit([0, 5], [], [put(x, "A")]),
    commit([1, 4], [], [put(x, "B")]),
    read([2, 3], [[x, "B"]]),
    read([6, 7], [[x, "A"]]),
  ],
  "one winner of a race": [
    commit([0, 2], [check(x, undefined)], [put(x, "A")]),
    commit([1, 3], [check(x, undefined)], [put(x, "B")], conflict(x)),
  ],
  "a check that holds only after a later call": [
    commit([0, 5], [check(x, "B")], [put(x, "A")]),
    commit([1, 4], [], [put(x, "B")]),
  ],
  "a conflict that names all that fails, in any order": [
    both,
    commit([2, 3], [check(x, "NONE"), check(y, undefined)], [put(y, "A")], conflict(y, x)),
  ],
  "an unknown outcome that took place": [
    commit([0, 1], [], [put(x, "A")], rejected("UNKNOWN_OUTCOME")),
    read([2, 3], [[x, "A"]]),
  ],
  "an unknown outcome that did not": [
    commit([0, 1], [], [put(x, "A")], rejected("UNKNOWN_OUTCOME")),
    read([2, 3], [[x, undefined]]),
  ],
  "an unknown outcome that took place late": [
    commit([0, 1], [], [put(x, "A")], rejected("UNKNOWN_OUTCOME")),
    read([2, 3], [[x, undefined]]),
    read([4, 5], [[x, "A"]]),
  ],
  "an unknown outcome that changes nothing at first, and something later": [
    commit([0, 1], [], [remove(x)], rejected("UNKNOWN_OUTCOME")),
    commit([2, 3], [], [put(x, "A")]),
    read([4, 5], [[x, undefined]]),
  ],
  "an unknown outcome that explains a conflict": [
    commit([0, 1], [], [put(x, "A")], rejected("UNKNOWN_OUTCOME")),
    commit([2, 3], [check(x, undefined)], [put(x, "B")], conflict(x)),
  ],
  "errors that say nothing": [
    commit([0, 1], [], [put(x, "A")], rejected("BUSY")),
    { ...read([2, 3], []), kind: "read", addresses: [x], reply: rejected("UNAVAILABLE") },
    read([4, 5], [[x, undefined]]),
  ],
  "a removal, and one of nothing": [
    both,
    commit([2, 3], [check(x, "X0")], [remove(x)]),
    commit([4, 5], [check(x, undefined)], [remove(x)]),
    list([6, 7], [["y", "Y0"]]),
  ],
  "pages, one of them shorter than it might be": [
    both,
    list([2, 3], [["x", "X0"]], { more: true }),
    list([4, 5], [["y", "Y0"]], { after: "x" }),
    list([6, 7], [], { after: "y" }),
  ],
}

const wrong: Record<string, readonly Call[]> = {
  "a stale read": [commit([0, 1], [], [put(x, "A")]), read([2, 3], [[x, undefined]])],
  "a read that goes back": [
    commit([0, 5], [], [put(x, "A")]),
    read([1, 2], [[x, "A"]]),
    read([3, 4], [[x, undefined]]),
  ],
  "a read from the future": [read([0, 1], [[x, "A"]]), commit([2, 3], [], [put(x, "A")])],
  "a torn read": [
    both,
    commit([2, 5], [], [put(x, "A"), put(y, "A")]),
    read(
      [3, 4],
      [
        [x, "A"],
        [y, "Y0"],
      ],
    ),
  ],
  "other bytes": [
    both,
    {
      ...read([2, 3], []),
      kind: "read",
      addresses: [x],
      reply: { status: "read", records: [{ ...recordOf("X0"), bytes: new Uint8Array(2) }] },
    },
  ],
  "too few answers": [{ ...read([0, 1], []), kind: "read", addresses: [x], reply: { status: "read", records: [] } }],
  "too many answers": [
    { ...read([0, 1], []), kind: "read", addresses: [], reply: { status: "read", records: [undefined] } },
  ],
  "a lost update": [
    both,
    commit([2, 4], [check(x, "X0")], [put(x, "A")]),
    commit([3, 5], [check(x, "X0")], [put(x, "B")]),
  ],
  "write skew": [
    both,
    commit([2, 4], [check(x, "X0")], [put(y, "A")]),
    commit([3, 5], [check(y, "Y0")], [put(x, "B")]),
  ],
  "a conflict that was applied": [
    both,
    commit([2, 3], [check(x, "X0")], [put(x, "A")], conflict(x)),
    read([4, 5], [[x, "A"]]),
  ],
  "a conflict without a cause": [both, commit([2, 3], [check(x, "X0")], [put(x, "A")], conflict(x))],
  "a conflict that names nothing": [both, commit([2, 3], [check(x, "X0")], [put(x, "A")], conflict())],
  "a conflict that names too little": [
    both,
    commit([2, 3], [check(x, "NONE"), check(y, undefined)], [put(y, "A")], conflict(x)),
  ],
  "a conflict that names too much": [
    both,
    commit([2, 3], [check(x, "NONE"), check(y, "Y0")], [put(y, "A")], conflict(x, y)),
  ],
  "a conflict that names one twice": [both, commit([2, 3], [check(x, "NONE")], [put(y, "A")], conflict(x, x))],
  "a refusal that was applied": [commit([0, 1], [], [put(x, "A")], rejected("BUSY")), read([2, 3], [[x, "A"]])],
  "an unknown outcome that took place and was undone": [
    commit([0, 1], [], [put(x, "A")], rejected("UNKNOWN_OUTCOME")),
    read([2, 3], [[x, "A"]]),
    read([4, 5], [[x, undefined]]),
  ],
  "an unknown outcome before its call": [
    read([0, 1], [[x, "A"]]),
    commit([2, 3], [], [put(x, "A")], rejected("UNKNOWN_OUTCOME")),
  ],
  "a commit that was applied twice": [
    commit([0, 1], [], [put(x, "A")], rejected("UNKNOWN_OUTCOME")),
    read([2, 3], [[x, "A"]]),
    commit([4, 5], [], [remove(x)]),
    read([6, 7], [[x, "A"]]),
  ],
  "a page that leaves one out": [both, list([2, 3], [["y", "Y0"]])],
  "a page out of order": [
    both,
    list(
      [2, 3],
      [
        ["y", "Y0"],
        ["x", "X0"],
      ],
    ),
  ],
  "a page with a leaf that it follows": [
    both,
    list(
      [2, 3],
      [
        ["x", "X0"],
        ["y", "Y0"],
      ],
      { after: "x" },
    ),
  ],
  "a page that hides that more follow": [both, list([2, 3], [["x", "X0"]])],
  "a page that promises more": [
    both,
    list(
      [2, 3],
      [
        ["x", "X0"],
        ["y", "Y0"],
      ],
      { more: true },
    ),
  ],
  "an empty page while records remain": [both, list([2, 3], [], { more: true })],
  "a page with old bytes": [
    both,
    commit([2, 3], [], [put(x, "A")]),
    list(
      [4, 5],
      [
        ["x", "X0"],
        ["y", "Y0"],
      ],
    ),
  ],
}

describe("the linearizability check", () => {
  it.each(Object.entries(right))("accepts %s", (_, calls) => {
    expect(checkLinearizable(calls).linearizable).toBe(true)
  })

  it.each(Object.entries(wrong))("refuses %s", (_, calls) => {
    expect(checkLinearizable(calls).linearizable).toBe(false)
  })

  it("gives the order that it found, or the longest that it tried", () => {
    const early = read([1, 2], [[x, undefined]])
    const put1 = commit([0, 3], [], [put(x, "A")])
    const stale = read([4, 5], [[x, "B"]])
    expect(checkLinearizable([put1, early]).order).toEqual([early, put1])
    expect(checkLinearizable([put1, early, stale]).order).toEqual([early, put1])
  })

  it("takes many commits at once whose outcome is unknown", () => {
    const calls = Array.from({ length: 12 }, (_, index) =>
      commit([index, 100 + index], [], [put(x, `A${index}`)], rejected("UNKNOWN_OUTCOME")),
    )
    expect(checkLinearizable([...calls, read([200, 201], [[x, "NONE"]])]).linearizable).toBe(false)
    expect(checkLinearizable([...calls, read([200, 201], [[x, "A7"]])]).linearizable).toBe(true)
  })
})
