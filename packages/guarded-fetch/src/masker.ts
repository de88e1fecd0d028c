import { Automaton, type Pattern } from "./automaton.ts"
import { asItIs, type Escapes, form, json, markup, type Piece, percent, type Unescaper, unescaper } from "./unescape.ts"

/**
 * Replaces all of many byte strings in a stream, as they are and escaped: the stream is searched as it came, and with each
 * kind of escape undone. Time is linear in the stream, however its bytes were chosen. Bytes that two occurrences share
 * are one replacement.
 */

interface Found {
  from: number
  to: number
  replacement: Uint8Array
}

/** Where `size` bytes from the `at`th on have come from: one after the other from `source`, or as `starts` says. */
interface Stretch {
  readonly at: number
  size: number
  readonly source: number
  readonly starts?: readonly number[]
}

/** How much is unescaped at a time, before it may be in step again with the stream as it came. */
const blockBytes = 32

/** The stream in one reading. */
class Reading {
  node = 0
  readonly #automaton: Automaton
  readonly #triggers: readonly number[]
  readonly #chain: readonly Unescaper[]
  /** How many bytes were read, and since which none was an escape. */
  #read = 0
  #plainSince = 0
  /** Of the bytes that may begin an occurrence. */
  #stretches: Stretch[] = []

  constructor(automaton: Automaton, chain: readonly Escapes[]) {
    this.#automaton = automaton
    this.#triggers = chain.flatMap(({ triggers }) => triggers)
    this.#chain = chain.map(unescaper)
  }

  /** Whether what comes until the next escape brings what it brings to the stream as it came, which is at that node. */
  #isInStep(node: number): boolean {
    const isHolding = this.#chain.some((step) => step.heldFrom() !== undefined)
    return !isHolding && this.node === node && (this.#automaton.depth[node] ?? 0) <= this.#read - this.#plainSince
  }

  /** Where in the source one of the bytes begins. */
  #sourceOf(index: number): number {
    let low = 0
    let high = this.#stretches.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#stretches[middle]?.at ?? 0) <= index) low = middle
      else high = middle - 1
    }
    const { at, source, starts } = this.#stretches[low] ?? { at: 0, source: 0 }
    return starts?.[index - at] ?? source + index - at
  }

  #extend(size: number, source: number, starts?: readonly number[]): void {
    if (size === 0) return
    const last = this.#stretches.at(-1)
    if (starts !== undefined) this.#stretches.push({ at: this.#read, size, source, starts })
    else if (last !== undefined && last.starts === undefined && last.source + last.size === source) last.size += size
    else this.#stretches.push({ at: this.#read, size, source })
    this.#read += size
  }

  #forget(): void {
    const needed = this.#read - (this.#automaton.depth[this.node] ?? 0)
    for (let first = this.#stretches[0]; first !== undefined && first.at + first.size <= needed; ) {
      this.#stretches.shift()
      first = this.#stretches[0]
    }
  }

  /** The occurrences that end in a piece. */
  #search(bytes: ArrayLike<number>, from: number, piece: Piece | undefined, found: Found[], nodes?: Int32Array): void {
    const automaton = this.#automaton
    const before = this.#read
    this.#extend(bytes.length, from, piece?.starts)
    let at = this.node
    for (let index = 0; index < bytes.length; index++) {
      at = automaton.next(at, bytes[index] ?? 0)
      if (nodes !== undefined) nodes[index] = at
      const end = at === 0 ? -1 : (automaton.ends[at] ?? -1)
      const pattern = end === -1 ? undefined : automaton.patterns[end]
      if (pattern === undefined) continue
      const { needle, replacement } = pattern
      const to = piece?.ends[index] ?? from + index + 1
      const next = { from: this.#sourceOf(before + index + 1 - needle.length), to, replacement }
      let last = found.at(-1)
      while (last !== undefined && last.from >= next.from) {
        found.pop()
        last = found.at(-1)
      }
      if (last !== undefined && last.to > next.from) last.to = to
      else found.push(next)
    }
    this.node = at
    let escapes = piece === undefined ? 0 : bytes.length
    while (escapes > 0 && (piece?.ends[escapes - 1] ?? 0) - (piece?.starts[escapes - 1] ?? 0) === 1) escapes--
    if (escapes > 0) this.#plainSince = before + escapes
  }

  #end(): void {
    this.node = this.#automaton.open(this.node)
    this.#forget()
  }

  /** The stream as it came; `nodes` gets the node after each byte. */
  pushAsItIs(chunk: Uint8Array, from: number, nodes: Int32Array): Found[] {
    const found: Found[] = []
    this.#search(chunk, from, undefined, found, nodes)
    this.#end()
    return found
  }

  /**
   * The occurrences that end in a chunk, in order and disjoint, but for those that the stream as it came has too. `from` is
   * the chunk's place in the source; `before`, and `nodes` after each byte, where the search of the stream as it came was.
   */
  push(chunk: Uint8Array, from: number, before: number, nodes: Int32Array): Found[] {
    const found: Found[] = []
    const next = this.#triggers.map((byte) => ({ byte, at: -1 }))
    let at = 0
    while (at < chunk.length) {
      const other = at === 0 ? before : (nodes[at - 1] ?? 0)
      let until = at
      if (this.#isInStep(other)) {
        until = chunk.length
        for (const trigger of next) {
          if (trigger.at < at) trigger.at = chunk.indexOf(trigger.byte, at)
          if (trigger.at === -1) trigger.at = chunk.length
          until = Math.min(until, trigger.at)
        }
      }
      if (until > at) {
        this.#extend(until - at, from + at)
        this.node = nodes[until - 1] ?? 0
      } else {
        until = Math.min(at + blockBytes, chunk.length)
        this.#unescape(chunk.subarray(at, until), from + at, false, found)
      }
      at = until
    }
    this.#end()
    return found
  }

  /** What was held back is no escape. */
  finish(from: number): Found[] {
    const found: Found[] = []
    this.#unescape(new Uint8Array(0), from, true, found)
    return found
  }

  #unescape(block: Uint8Array, from: number, isLast: boolean, found: Found[]): void {
    const piece = this.#chain.reduce((one, step) => step.push(one, isLast), asItIs(block, from))
    this.#search(piece.bytes, from, piece, found)
  }

  /** Where in the source something begins that may go on; `read` if nothing does. */
  heldFrom(read: number): number {
    const depth = this.#automaton.depth[this.node] ?? 0
    const held = this.#chain.map((step) => step.heldFrom() ?? read)
    return Math.min(...held, depth === 0 ? read : this.#sourceOf(this.#read - depth))
  }
}

/** In order and disjoint; of those that overlap the one that begins first gives the replacement. */
const merged = (all: Found[]): Found[] => {
  const disjoint: Found[] = []
  for (const next of all.sort((a, b) => a.from - b.from || b.to - a.to)) {
    const last = disjoint.at(-1)
    if (last !== undefined && last.to > next.from) last.to = Math.max(last.to, next.to)
    else disjoint.push(next)
  }
  return disjoint
}

export interface Masker {
  /** What can be said so far: all but a beginning of an occurrence, or of an escape, at the end. */
  push(chunk: Uint8Array): Uint8Array
  end(): Uint8Array
}

/** Makes maskers, each for one stream. */
export const masking = (patterns: readonly Pattern[]): (() => Masker) => {
  const automaton = new Automaton(patterns)
  const spaced = patterns.some(({ needle }) => needle.includes(0x20))
  // JSON in JSON is what was sent as JSON and comes back as a string in JSON.
  const chains = [[json], [json, json], [percent], [markup], ...(spaced ? [[form]] : [])]
  return () =>
    start(
      new Reading(automaton, []),
      chains.map((chain) => new Reading(automaton, chain)),
    )
}

const start = (asItCame: Reading, unescaped: readonly Reading[]): Masker => {
  let read = 0
  let written = 0
  /** The source from `written` on. */
  let pending: Uint8Array[] = []
  // The first may have been written in part, that is: its replacement is out, its end not reached.
  let found: Found[] = []

  const search = (chunk: Uint8Array): void => {
    const nodes = new Int32Array(chunk.length)
    const before = asItCame.node
    const fresh = asItCame.pushAsItIs(chunk, read, nodes)
    const others = unescaped.flatMap((reading) => reading.push(chunk, read, before, nodes))
    found = merged([...found, ...fresh, ...others])
    read += chunk.length
    pending.push(chunk)
  }

  const take = (until: number): Uint8Array[] => {
    const taken: Uint8Array[] = []
    let whole = 0
    for (const chunk of pending) {
      if (written >= until) break
      const piece = chunk.subarray(0, until - written)
      taken.push(piece)
      written += piece.length
      if (piece.length < chunk.length) pending[whole] = chunk.subarray(piece.length)
      else whole++
    }
    pending = whole === 0 ? pending : pending.slice(whole)
    return taken
  }

  const write = (to: number): Uint8Array => {
    const pieces: Uint8Array[] = []
    let done = 0
    for (const one of found) {
      if (one.from >= to) break
      if (one.from >= written) pieces.push(...take(one.from), one.replacement)
      take(Math.min(one.to, to))
      if (one.to > to) break
      done++
    }
    found = found.slice(done)
    pieces.push(...take(to))
    return Buffer.concat(pieces)
  }

  return {
    push(chunk) {
      search(chunk)
      return write(Math.min(asItCame.heldFrom(read), ...unescaped.map((reading) => reading.heldFrom(read))))
    },
    end() {
      found = merged([...found, ...unescaped.flatMap((reading) => reading.finish(read))])
      return write(read)
    },
  }
}
