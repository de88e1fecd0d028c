import type { Logger } from "@strongroom/core"
import type { Db, MongoClient } from "mongodb"

interface Common {
  /** The MongoDB collection that holds all records. Default: `strongroom`. */
  readonly collection?: string
  /** The longest that the server may work on one statement, in ms; at least 1. Default: 30,000. */
  readonly maxTimeMS?: number
  /** Told when a collection cannot be sharded. Default: nobody. */
  readonly logger?: Logger
}

/** Exactly one of `uri`, `client` and `db`. */
export type MongoOptions = Common &
  (
    | {
        /** A connection that the adapter opens, and closes in `close()`. */
        readonly uri: string
        /** Default: the one that the URI names, or `strongroom`. */
        readonly database?: string
      }
    | {
        /** Stays open after `close()`. */
        readonly client: MongoClient
        /** Default: `strongroom`. */
        readonly database?: string
      }
    | {
        /** Its client stays open after `close()`. */
        readonly db: Db
      }
  )
