import { randomBytes } from "node:crypto"
import { localKeys, memoryStorage, openStrongroom, type Principal, reveal } from "@strongroom/core"

export const envKey = "TRACKER_TOKEN"
export const value = "tracker-token-of-the-example"

/** An engine on memory with one secret, which may go to the API's host, and an agent that may use it and not read it. */
export const makeEngine = async (allowedDomain: string) => {
  const keys = localKeys([{ id: "example", key: randomBytes(32) }])
  const strongroom = await openStrongroom({ storage: memoryStorage(), keys })
  const { workspace, owner } = await strongroom.workspaces.create({ slug: "example", name: "Example" })
  const { id: vault } = await strongroom.vaults.create(owner, { name: "agents" })
  await strongroom.vaults.secrets.create(owner, vault, { envKey, value, allowedDomains: [allowedDomain] })

  const grants = [{ scope: { type: "vault", vault }, permission: "use" }] as const
  const agent: Principal = { workspace: workspace.id, id: "agent", grants }
  const { token } = await strongroom.tokens.issue(owner, { name: "agent", grants })
  return { strongroom, owner, vault, agent, token: reveal(token) }
}

export type Engine = Awaited<ReturnType<typeof makeEngine>>
