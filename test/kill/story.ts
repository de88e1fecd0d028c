import type { NewSecret, Principal, Strongroom } from "@strongroom/core"

/** What the writers and the test agree on. */

export const rootKey = { id: "kill-test", key: new Uint8Array(32).fill(9) }

const suffixes = ["A", "B"]

/** A batch is two secrets in two environments: four values that are there together or not at all. */
export const batchOf = (name: string): readonly NewSecret[] =>
  suffixes.map((suffix) => ({
    name: `${name}-${suffix}`,
    value: `value of ${name}-${suffix}`,
    type: "runtime",
    dataType: "text",
  }))

export const valuesPerBatch = 4

export const host = async (strongroom: Strongroom): Promise<Principal> => {
  const workspace = await strongroom.workspaces.find("ws_kill")
  if (workspace === undefined) throw new Error("the workspace is missing")
  return { workspace: workspace.id, id: workspace.owner }
}

export const environmentsOf = async (strongroom: Strongroom, principal: Principal): Promise<string[]> => {
  const environments = await strongroom.environments.list(principal, { project: "prj_kill" })
  return environments.map(({ id }) => id)
}
