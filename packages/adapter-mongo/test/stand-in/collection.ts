/**
 * A collection whose documents keep their versions, so that every unit of work reads one snapshot.
 *
 * The conflict rules are those of WiredTiger's snapshot isolation, first updater wins: a write fails at once when the
 * document has an uncommitted write of another unit, or a version newer than the writer's snapshot. Reading never
 * conflicts with anything.
 */
import { ServerError, writeConflict } from "./errors.ts"
import { equalities } from "./query.ts"
import type { Unit } from "./store.ts"
import { type Doc, docsOf, get, isDoc, keyOf, numberOf } from "./values.ts"

interface Version {
  readonly at: number
  readonly doc: Doc | undefined
}

/** All versions of the document of one `_id`, oldest first. */
export interface Chain {
  readonly collection: Collection
  readonly id: string
  versions: Version[]
  pending: { readonly unit: Unit; doc: Doc | undefined } | undefined
  /** The places in indexes where this chain is entered. */
  readonly places: Set<Set<Chain>>
}

export interface Index {
  readonly name: string
  readonly key: Doc
  readonly unique: boolean
  /** By length of the prefix of the key, and then by its values: the chains that have, or once had, these values. */
  readonly prefixes: readonly Map<string, Set<Chain>>[]
}

const prefixKey = (values: readonly unknown[]): string => values.map(keyOf).join("\n")
const indexKey = (index: Index, doc: Doc): string => prefixKey(Object.keys(index.key).map((field) => get(doc, field)))

export class Collection {
  readonly namespace: string
  readonly chains = new Map<string, Chain>()
  readonly indexes: Index[] = []
  /** The commit since which the catalogue entry (existence, indexes) is as it is. */
  changedAt: number
  shardKey: Doc | undefined
  /** As given to `create`: shown, and without effect. */
  readonly options: Doc

  constructor(namespace: string, changedAt: number, options: Doc) {
    this.namespace = namespace
    this.options = options
    this.changedAt = changedAt
  }

  read(chain: Chain, unit: Unit): Doc | undefined {
    if (chain.pending?.unit === unit) return chain.pending.doc
    return chain.versions.findLast((version) => version.at <= unit.readAt)?.doc
  }

  /** The chains that can match: found by `_id` or by the longest prefix of an index that the filter pins, else all. */
  candidates(filter: Doc): Iterable<Chain> {
    const found = this.narrowed(filter)
    if (found !== undefined) return found
    if (!Array.isArray(filter["$or"])) return this.chains.values()
    const union = new Set<Chain>()
    for (const branch of docsOf(filter["$or"], "$or")) for (const chain of this.candidates(branch)) union.add(chain)
    return union
  }

  private narrowed(filter: Doc): Iterable<Chain> | undefined {
    const pinned = equalities(filter)
    const ids = pinned.has("_id") ? [pinned.get("_id")] : isDoc(filter["_id"]) ? filter["_id"]["$in"] : undefined
    if (Array.isArray(ids)) {
      return new Set(ids.map((id) => this.chains.get(keyOf(id))).filter((chain) => chain !== undefined))
    }
    let best: { length: number; chains: Set<Chain> } | undefined
    for (const index of this.indexes) {
      const fields = Object.keys(index.key)
      const unpinned = fields.findIndex((field) => !pinned.has(field))
      const length = unpinned === -1 ? fields.length : unpinned
      if (length === 0 || length <= (best?.length ?? 0)) continue
      const values = fields.slice(0, length).map((field) => pinned.get(field))
      best = { length, chains: index.prefixes[length - 1]?.get(prefixKey(values)) ?? new Set() }
    }
    return best?.chains
  }

  insert(unit: Unit, doc: Doc, at: number): void {
    const id = keyOf(doc["_id"])
    const existing = this.chains.get(id)
    if (existing !== undefined && this.read(existing, unit) !== undefined) {
      throw this.duplicate("_id_", { _id: 1 }, doc, at)
    }
    const chain = existing ?? { collection: this, id, versions: [], pending: undefined, places: new Set() }
    this.chains.set(id, chain)
    this.write(unit, chain, doc, at)
  }

  /** Writes a new version, `undefined` deleting; the caller has made sure that it differs from the one it read. */
  write(unit: Unit, chain: Chain, doc: Doc | undefined, at = 0): void {
    // A step-down may have ended the transaction while this statement of it was under way.
    if (unit.ended) throw new ServerError(251, "Transaction has been aborted.")
    const newest = chain.versions.at(-1)
    const foreign = chain.pending !== undefined && chain.pending.unit !== unit
    if (foreign || (newest !== undefined && newest.at > unit.readAt)) throw writeConflict()
    if (doc !== undefined) for (const index of this.indexes) this.enter(unit, index, chain, doc, at)
    if (chain.pending === undefined) chain.pending = { unit, doc }
    else chain.pending.doc = doc
    unit.written.add(chain)
  }

  private enter(unit: Unit, index: Index, chain: Chain, doc: Doc, at: number): void {
    if (index.unique) {
      const key = indexKey(index, doc)
      const has = (other: Doc | undefined): boolean => other !== undefined && indexKey(index, other) === key
      for (const other of index.prefixes.at(-1)?.get(key) ?? []) {
        if (other === chain) continue
        // A key in the snapshot is a duplicate. One that is not, but is being or was since written, is a conflict.
        if (has(this.read(other, unit))) throw this.duplicate(index.name, index.key, doc, at)
        if (other.pending !== undefined && other.pending.unit !== unit && has(other.pending.doc)) throw writeConflict()
        if (other.versions.some((version) => version.at > unit.readAt && has(version.doc))) throw writeConflict()
      }
    }
    this.place(index, chain, doc)
  }

  private place(index: Index, chain: Chain, doc: Doc): void {
    const values = Object.keys(index.key).map((field) => get(doc, field))
    index.prefixes.forEach((prefix, shorter) => {
      const key = prefixKey(values.slice(0, shorter + 1))
      const chains = prefix.get(key) ?? new Set()
      prefix.set(key, chains.add(chain))
      chain.places.add(chains)
    })
  }

  private duplicate(name: string, key: Doc, doc: Doc, at: number): ServerError {
    const keyValue = Object.fromEntries(Object.keys(key).map((field) => [field, get(doc, field) ?? null]))
    const shown = Object.entries(keyValue).map(([field, value]) => `${field}: ${JSON.stringify(value)}`)
    return new ServerError(
      11000,
      `E11000 duplicate key error collection: ${this.namespace} index: ${name} dup key: { ${shown.join(", ")} }`,
      { index: at, keyPattern: key, keyValue },
    )
  }

  addIndex(unit: Unit, spec: { name: string; key: Doc; unique: boolean }): void {
    const prefixes = Object.entries(spec.key).map(([field, direction]) => {
      if (Math.abs(numberOf(direction, 0)) !== 1) {
        throw new ServerError(67, `the stand-in has ascending and descending keys only, not ${field}: ${direction}`)
      }
      return new Map<string, Set<Chain>>()
    })
    const index: Index = { ...spec, prefixes }
    for (const chain of this.chains.values()) {
      for (const { doc } of chain.versions) if (doc !== undefined) this.place(index, chain, doc)
      const current = this.read(chain, unit)
      if (current !== undefined) this.enter(unit, index, chain, current, 0)
    }
    this.indexes.push(index)
  }

  /** Forgets versions that no snapshot from `horizon` on can read. */
  prune(chain: Chain, horizon: number): void {
    const oldest = chain.versions.findLastIndex((version) => version.at <= horizon)
    if (oldest > 0) chain.versions = chain.versions.slice(oldest)
    const onlyDeleted = chain.versions.every((version) => version.doc === undefined && version.at <= horizon)
    if (chain.pending !== undefined || !onlyDeleted) return
    this.chains.delete(chain.id)
    for (const place of chain.places) place.delete(chain)
  }
}
