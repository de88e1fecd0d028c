/** Who may do what, as pure data and decisions. Default deny; a grant covers what lies below its scope. */

/**
 * Each includes those before it. `use` is granted on vaults alone, elsewhere it is `INVALID_INPUT`: to see a vault and what it holds, without values, and to have
 * its secrets used without getting them.
 */
export type Permission = "use" | "read" | "read-write" | "admin"

export type Scope =
  | { readonly type: "workspace" }
  | { readonly type: "project"; readonly project: string }
  | { readonly type: "environment"; readonly project: string; readonly environment: string }
  | { readonly type: "vault"; readonly vault: string }

export interface Grant {
  readonly scope: Scope
  readonly permission: Permission
}

/**
 * Who asks. Nothing of another workspace than `workspace` (its id) is ever visible to it.
 *
 * - `grants` given: the host application vouches for them, and nothing is looked up.
 * - `grants` absent: the grants that the engine keeps for the principal `id`, as of each request's snapshot.
 * - `token` given (an API token's id): the token's own scope ∩ those grants, while the token is valid.
 */
export interface Principal {
  readonly workspace: string
  readonly id: string
  readonly grants?: readonly Grant[]
  readonly token?: string
}

const rank: Readonly<Record<Permission, number>> = { use: 1, read: 2, "read-write": 3, admin: 4 }

/** For callers to keep and change: what the engine has decoded is shared by all requests. */
export const copyGrants = (grants: readonly Grant[]): readonly Grant[] =>
  grants.map(({ scope, permission }) => ({ scope: { ...scope }, permission }))

/** Whether everything inside `inner` is also inside `outer`. */
export const contains = (outer: Scope, inner: Scope): boolean => {
  switch (outer.type) {
    case "workspace":
      return true
    case "project":
      return (inner.type === "project" || inner.type === "environment") && inner.project === outer.project
    case "environment":
      return inner.type === "environment" && inner.project === outer.project && inner.environment === outer.environment
    case "vault":
      return inner.type === "vault" && inner.vault === outer.vault
  }
}

export const may = (grants: readonly Grant[], permission: Permission, scope: Scope): boolean =>
  grants.some((grant) => rank[grant.permission] >= rank[permission] && contains(grant.scope, scope))

/** You see what you may read, and the ancestors of whatever you hold a grant in. */
export const sees = (grants: readonly Grant[], scope: Scope): boolean =>
  grants.some((grant) => contains(grant.scope, scope) || contains(scope, grant.scope))

/** What both lists allow: of two nested scopes the inner one, of two permissions the lesser. */
export const intersect = (left: readonly Grant[], right: readonly Grant[]): readonly Grant[] =>
  left.flatMap((a) =>
    right.flatMap((b) => {
      const permission = rank[a.permission] < rank[b.permission] ? a.permission : b.permission
      if (contains(a.scope, b.scope)) return [{ scope: b.scope, permission }]
      return contains(b.scope, a.scope) ? [{ scope: a.scope, permission }] : []
    }),
  )

/** An admin hands out, and takes back, only what lies within its own scopes. */
export const mayAdminister = (grants: readonly Grant[], handedOut: readonly Grant[]): boolean =>
  grants.some(({ permission }) => permission === "admin") && handedOut.every(({ scope }) => may(grants, "admin", scope))
