import { randomBytes } from "node:crypto"
import type { Environment, Principal, SecretInput, Strongroom, Vault } from "@strongroom/core"

export interface DemoData {
  readonly workspace: string
  readonly project: string
  readonly environments: readonly Environment[]
  readonly vault: Vault
}

const workspaceSlug = "ws_example"
const projectSlug = "prj_example"
const environmentNames = ["development", "staging", "production"]
const vaultName = "demo"

const issue = (strongroom: Strongroom, owner: Principal, token: SecretInput) =>
  strongroom.tokens.issue(owner, {
    name: "npm start",
    grants: [{ scope: { type: "workspace" }, permission: "read-write" }],
    token,
  })

/**
 * Every step finds or makes, so that a start that was killed on the way is completed by the next. Without a token given,
 * the first start makes one and hands it to `show`.
 */
export const ensureDemoData = async (
  strongroom: Strongroom,
  given: SecretInput | undefined,
  show: (token: string) => void,
): Promise<DemoData> => {
  const workspace =
    (await strongroom.workspaces.find(workspaceSlug)) ??
    (await strongroom.workspaces.create({ slug: workspaceSlug, name: "Example" })).workspace
  const owner: Principal = { workspace: workspace.id, id: workspace.owner }

  const project =
    (await strongroom.projects.list(owner)).find(({ slug }) => slug === projectSlug) ??
    (await strongroom.projects.create(owner, { slug: projectSlug, name: "Example" }))

  const present = await strongroom.environments.list(owner, { project: project.id })
  const environments: Environment[] = []
  for (const name of environmentNames) {
    const found = present.find((environment) => environment.name === name)
    environments.push(found ?? (await strongroom.environments.create(owner, { project: project.id, name })))
  }

  // The vault comes last: while it is missing, no first start has shown its token and kept it.
  const vault = (await strongroom.vaults.list(owner)).find(({ name }) => name === vaultName)
  if (given !== undefined) {
    const known = await strongroom.tokens.identify(given)
    await (known === undefined ? issue(strongroom, owner, given) : strongroom.tokens.verify(known))
  } else if (vault === undefined) {
    const token = `ek_live_${randomBytes(32).toString("base64url")}`
    await issue(strongroom, owner, token)
    show(token)
  }

  return {
    workspace: workspace.slug,
    project: project.slug,
    environments,
    vault: vault ?? (await strongroom.vaults.create(owner, { name: vaultName })),
  }
}
