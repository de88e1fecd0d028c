import fc from "fast-check"
import { reveal } from "../../src/domain/fields.ts"
import type { Grant, Permission, Principal, Scope } from "../../src/domain/permission.ts"
import type { Strongroom } from "../../src/strongroom.ts"
import type { Rights } from "./permission-model.ts"

/** Workspaces whose projects have the same slugs and environments of the same names. */
export interface Tenant {
  readonly slug: string
  readonly id: string
  readonly owner: Principal
  readonly projects: readonly TenantProject[]
  readonly vaults: readonly string[]
}

export interface TenantProject {
  readonly slug: string
  readonly id: string
  readonly environments: readonly { readonly id: string; readonly name: string }[]
}

export const projectsPerTenant = 2
export const environmentsPerProject = 2
export const vaultsPerTenant = 2

export const makeTenant = async (engine: Strongroom, slug: string): Promise<Tenant> => {
  const { workspace, owner } = await engine.workspaces.create({ slug, name: slug })
  const projects: TenantProject[] = []
  for (let p = 0; p < projectsPerTenant; p++) {
    const project = await engine.projects.create(owner, { slug: `prj_${p}`, name: "project" })
    const environments = []
    for (let e = 0; e < environmentsPerProject; e++) {
      environments.push(await engine.environments.create(owner, { project: project.id, name: `environment ${e}` }))
    }
    projects.push({ slug: project.slug, id: project.id, environments })
  }
  const vaults: string[] = []
  for (let v = 0; v < vaultsPerTenant; v++) vaults.push((await engine.vaults.create(owner, { name: "vault" })).id)
  return { slug, id: workspace.id, owner, projects, vaults }
}

/** Something of a tenant, by numbers: what is drawn before the tenants exist. `tenant` 1 is a stranger to tenant 0. */
export interface Spot {
  readonly tenant: number
  readonly project: number
  readonly environment: number
  readonly vault: number
}

export const spot: fc.Arbitrary<Spot> = fc.record({
  tenant: fc.oneof({ weight: 14, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constant(1) }),
  project: fc.nat({ max: projectsPerTenant - 1 }),
  environment: fc.nat({ max: environmentsPerProject - 1 }),
  vault: fc.nat({ max: vaultsPerTenant - 1 }),
})

const found = <A>(item: A | undefined): A => {
  if (item === undefined) throw new Error("no such thing among the tenants")
  return item
}

export const placeOf = (tenants: readonly Tenant[], { tenant: t, project: p, environment: e, vault: v }: Spot) => {
  const tenant = found(tenants[t])
  const project = found(tenant.projects[p])
  return { tenant, project, environment: found(project.environments[e]), vault: found(tenant.vaults[v]) }
}

interface DrawnGrant {
  readonly type: Scope["type"]
  readonly spot: Spot
  readonly permission: Permission
}

const drawnGrant: fc.Arbitrary<DrawnGrant> = fc
  .record({
    type: fc.oneof(
      { weight: 1, arbitrary: fc.constant("workspace" as const) },
      { weight: 3, arbitrary: fc.constant("project" as const) },
      { weight: 5, arbitrary: fc.constant("environment" as const) },
      { weight: 4, arbitrary: fc.constant("vault" as const) },
    ),
    spot,
    permission: fc.constantFrom<Permission[]>("use", "read", "read-write", "admin"),
  })
  // `use` is granted on vaults alone.
  .map((grant) => (grant.permission === "use" ? { ...grant, type: "vault" } : grant))

const grantOf = (tenants: readonly Tenant[], { type, spot: drawn, permission }: DrawnGrant): Grant => {
  const { project, environment, vault } = placeOf(tenants, drawn)
  switch (type) {
    case "workspace":
      return { scope: { type }, permission }
    case "project":
      return { scope: { type, project: project.id }, permission }
    case "environment":
      return { scope: { type, project: project.id, environment: environment.id }, permission }
    case "vault":
      return { scope: { type, vault }, permission }
  }
}

/** A principal of tenant 0, of each of the three kinds. */
export interface DrawnPrincipal {
  readonly kind: "asserted" | "stored" | "token"
  readonly grants: readonly DrawnGrant[]
  readonly tokenGrants: readonly DrawnGrant[]
}

export const drawnPrincipal: fc.Arbitrary<DrawnPrincipal> = fc.record({
  kind: fc.constantFrom("asserted", "stored", "token"),
  grants: fc.array(drawnGrant, { maxLength: 5 }),
  tokenGrants: fc.array(drawnGrant, { maxLength: 5 }),
})

/** Makes the principal in the engine, and says what it should be able to do. */
export const makePrincipal = async (
  engine: Strongroom,
  tenants: readonly Tenant[],
  { kind, grants: drawn, tokenGrants }: DrawnPrincipal,
): Promise<{ readonly principal: Principal; readonly rights: Rights }> => {
  const { id: workspace, owner } = found(tenants[0])
  const grants = drawn.map((grant) => grantOf(tenants, grant))
  if (kind === "asserted") return { principal: { workspace, id: "asserted", grants }, rights: { lists: [grants] } }
  if (kind === "stored") {
    const { id } = await engine.principals.create(owner, { name: "stored", grants })
    return { principal: { workspace, id }, rights: { lists: [grants] } }
  }
  // Made while its maker may do everything; what counts is what the maker may do when the token is used.
  const everything = [{ scope: { type: "workspace" }, permission: "admin" }] as const
  const { id } = await engine.principals.create(owner, { name: "maker", grants: everything })
  const own = tokenGrants.map((grant) => grantOf(tenants, grant))
  const { token } = await engine.tokens.issue({ workspace, id }, { name: "token", grants: own })
  await engine.principals.setGrants(owner, id, grants)
  return { principal: found(await engine.tokens.identify(reveal(token))), rights: { lists: [own, grants] } }
}
