import type { Clause } from "../clause.ts"
import { aborts } from "./aborts.ts"
import { addresses } from "./addresses.ts"
import { atRest } from "./at-rest.ts"
import { clients } from "./clients.ts"
import { commits } from "./commits.ts"
import { contention } from "./contention.ts"
import { durability } from "./durability.ts"
import { errors } from "./errors.ts"
import { histories } from "./histories.ts"
import { lifecycle } from "./lifecycle.ts"
import { limits } from "./limits.ts"
import { model } from "./model.ts"
import { pages } from "./pages.ts"
import { peers } from "./peers.ts"
import { rules } from "./rules.ts"
import { snapshots } from "./snapshots.ts"
import { values } from "./values.ts"

/** Every clause, those of one client first. The README lists them. */
export const clauses: readonly Clause[] = [
  ...values,
  ...addresses,
  ...pages,
  ...commits,
  ...model,
  ...contention,
  ...snapshots,
  ...clients,
  ...histories,
  ...rules,
  ...limits,
  ...errors,
  ...aborts,
  ...lifecycle,
  ...durability,
  ...peers,
  ...atRest,
]
