/**
 * Replaces all of many byte strings in a stream, with the automaton of Aho and Corasick (Efficient string matching, 1975):
 * time is linear in the stream, however its bytes were chosen. Bytes that two occurrences share are one replacement.
 */

export interface Pattern {
  readonly needle: Uint8Array
  readonly replacement: Uint8Array
}

/** A trie over all needles; a node's children are a list through `sibling`. Node 0 is the root. */
class Automaton {
  readonly byte: Uint8Array
  readonly child: Int32Array
  readonly sibling: Int32Array
  readonly fail: Int32Array
  readonly depth: Int32Array
  /** One of the patterns that begin with what leads to the node. */
  readonly owner: Int32Array
  /** The pattern that ends here, the longest if several do; -1 if none. */
  readonly ends: Int32Array
  readonly fromRoot = new Int32Array(256)
  #size = 1

  readonly patterns: readonly Pattern[]

  constructor(patterns: readonly Pattern[]) {
    this.patterns = patterns
    const nodes = patterns.reduce((sum, { needle }) => sum + needle.length, 1)
    this.byte = new Uint8Array(nodes)
    this.child = new Int32Array(nodes)
    this.sibling = new Int32Array(nodes)
    this.fail = new Int32Array(nodes)
    this.depth = new Int32Array(nodes)
    this.owner = new Int32Array(nodes)
    this.ends = new Int32Array(nodes).fill(-1)
    for (const [index, { needle }] of patterns.entries()) this.#add(needle, index)
    this.#link()
  }

  #add(needle: Uint8Array, index: number): void {
    let node = 0
    for (const byte of needle) {
      let next = this.#child(node, byte)
      if (next === 0) {
        next = this.#size++
        this.byte[next] = byte
        this.depth[next] = (this.depth[node] ?? 0) + 1
        this.owner[next] = index
        this.sibling[next] = this.child[node] ?? 0
        this.child[node] = next
        if (node === 0) this.fromRoot[byte] = next
      }
      node = next
    }
    if (this.ends[node] === -1) this.ends[node] = index
  }

  /** Breadth first: a node fails to the longest proper suffix of its text that is in the trie. */
  #link(): void {
    const queue = new Int32Array(this.#size)
    let length = 1
    for (let at = 0; at < length; at++) {
      const node = queue[at] ?? 0
      for (let child = this.child[node] ?? 0; child !== 0; child = this.sibling[child] ?? 0) {
        const fail = node === 0 ? 0 : this.next(this.fail[node] ?? 0, this.byte[child] ?? 0)
        this.fail[child] = fail
        if (this.ends[child] === -1) this.ends[child] = this.ends[fail] ?? -1
        queue[length++] = child
      }
    }
  }

  #child(node: number, byte: number): number {
    if (node === 0) return this.fromRoot[byte] ?? 0
    let child = this.child[node] ?? 0
    while (child !== 0 && this.byte[child] !== byte) child = this.sibling[child] ?? 0
    return child
  }

  next(from: number, byte: number): number {
    for (let node = from; node !== 0; node = this.fail[node] ?? 0) {
      const child = this.#child(node, byte)
      if (child !== 0) return child
    }
    return this.fromRoot[byte] ?? 0
  }

  /** From a node where no needle goes on, its suffix where one may. */
  open(from: number): number {
    let node = from
    while (node !== 0 && this.child[node] === 0) node = this.fail[node] ?? 0
    return node
  }
}

interface Found {
  from: number
  to: number
  replacement: Uint8Array
}

export interface Masker {
  /** What can be said so far: all but a beginning of a needle at the end. */
  push(chunk: Uint8Array): Uint8Array
  end(): Uint8Array
}

const none = new Uint8Array(0)

/** Makes maskers, each for one stream. Of overlapping occurrences the one that begins first gives the replacement. */
export const masking = (patterns: readonly Pattern[]): (() => Masker) => {
  const automaton = new Automaton(patterns)
  return () => start(automaton)
}

const start = (automaton: Automaton): Masker => {
  let node = 0
  let read = 0
  let written = 0
  // In order and disjoint; the first may have been written in part, that is: its replacement is out, its end not reached.
  let found: Found[] = []

  const note = (index: number, to: number): void => {
    const pattern = automaton.patterns[index]
    if (pattern === undefined) return
    const next = { from: to - pattern.needle.length, to, replacement: pattern.replacement }
    let last = found.at(-1)
    while (last !== undefined && last.from >= next.from) {
      found.pop()
      last = found.at(-1)
    }
    if (last !== undefined && last.to > next.from) last.to = to
    else found.push(next)
  }

  /** Writes up to `to`; `held` and then `chunk` are the bytes from `written` on. */
  const write = (to: number, held: Uint8Array, chunk: Uint8Array): Uint8Array => {
    const pieces: Uint8Array[] = []
    const chunkAt = written + held.length
    const base = written
    const copy = (until: number): void => {
      if (written < chunkAt) pieces.push(held.subarray(written - base, until - base))
      if (until > chunkAt) pieces.push(chunk.subarray(Math.max(written, chunkAt) - chunkAt, until - chunkAt))
      written = Math.max(written, until)
    }
    let done = 0
    for (const one of found) {
      if (one.from >= to) break
      if (one.from >= written) {
        copy(one.from)
        pieces.push(one.replacement)
      }
      written = Math.min(one.to, to)
      if (one.to > to) break
      done++
    }
    found = found.slice(done)
    if (written < to) copy(to)
    return pieces.length === 1 ? (pieces[0] ?? none) : Buffer.concat(pieces)
  }

  // The held bytes are the beginning of a needle, so that they need not be kept.
  const heldBytes = (): Uint8Array =>
    automaton.patterns[automaton.owner[node] ?? 0]?.needle.subarray(0, read - written) ?? none

  return {
    push(chunk) {
      const held = heldBytes()
      const base = read
      let at = node
      for (let index = 0; index < chunk.length; index++) {
        at = automaton.next(at, chunk[index] ?? 0)
        const pattern = at === 0 ? -1 : (automaton.ends[at] ?? -1)
        if (pattern !== -1) note(pattern, base + index + 1)
      }
      read = base + chunk.length
      node = automaton.open(at)
      return write(read - (automaton.depth[node] ?? 0), held, chunk)
    },
    end: () => write(read, heldBytes(), none),
  }
}
