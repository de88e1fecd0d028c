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

/** Every step finds or makes, so that a start that was killed on the way is completed by the next. */
export const ensureDemoData = async (strongroom: Strongroom): Promise<{ demo: DemoData; owner: Principal }> => {
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

  const vault =
    (await strongroom.vaults.list(owner)).find(({ name }) => name === "demo") ??
    (await strongroom.vaults.create(owner, { name: "demo" }))

  return { demo: { workspace: workspace.slug, project: project.slug, environments, vault }, owner }
}

/**
 * Sees to it that the given token, or else some token, may read and write the workspace. A new one is shown before it
 * is kept: then whatever moment a start is killed at, no token is kept that nobody has seen.
 */
export const ensureToken = async (
  strongroom: Strongroom,
  owner: Principal,
  given: SecretInput | undefined,
  show: (token: string) => void,
): Promise<void> => {
  const issue = (token: SecretInput) =>
    strongroom.tokens.issue(owner, {
      name: "npm start",
      grants: [{ scope: { type: "workspace" }, permission: "read-write" }],
      token,
    })

  if (given !== undefined) {
    const known = await strongroom.tokens.identify(given)
    await (known === undefined ? issue(given) : strongroom.tokens.verify(known))
    return
  }
  if ((await strongroom.tokens.list(owner)).length > 0) return
  const token = `ek_live_${randomBytes(32).toString("base64url")}`
  show(token)
  await issue(token)
}
