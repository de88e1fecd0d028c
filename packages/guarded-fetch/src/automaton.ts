/** Finds all of many byte strings in one pass (Aho and Corasick, Efficient string matching, 1975). */

export interface Pattern {
  readonly needle: Uint8Array
  readonly replacement: Uint8Array
}

/** A trie over all needles; a node's children are a list through `sibling`. Node 0 is the root. */
export class Automaton {
  readonly byte: Uint8Array
  readonly child: Int32Array
  readonly sibling: Int32Array
  readonly fail: Int32Array
  readonly depth: Int32Array
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
