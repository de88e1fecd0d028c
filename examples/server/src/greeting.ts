import type { DemoData } from "./demo-data.ts"

const curl = (url: string, token: string, body: unknown): string =>
  [
    `curl -X POST '${url}'`,
    `-H "Authorization: Bearer ${token}"`,
    "-H 'Content-Type: application/json'",
    `-d '${JSON.stringify(body)}'`,
  ].join(" \\\n  ")

/** What to try; `token` only on the start that made it, later it is known to nobody but who was shown it. */
export const greeting = (base: string, demo: DemoData, token: string | undefined): string => {
  const { workspace, project, environments, vault } = demo
  const bearer = token ?? "$STRONGROOM_DEMO_TOKEN"
  const value = "postgresql://..."
  const createSecret = {
    environments: environments.slice(0, 1).map(({ id }) => id),
    secrets: [{ key: "DATABASE_URL", value, type: "runtime", dataType: "text" }],
  }
  const createVaultSecret = { env_key: "DATABASE_URL", value, allowed_domains: ["*.example.com"] }
  return [
    `Strongroom is ready at ${base}`,
    "",
    `workspace    ${workspace}`,
    `project      ${project}`,
    ...environments.map(({ id, name }) => `environment  ${id}  ${name}`),
    `vault        ${vault.id}  ${vault.name}`,
    "",
    "Create a secret in a project's environment, and one in a vault:",
    ...(token === undefined ? ["(with your API token in the shell variable STRONGROOM_DEMO_TOKEN)"] : []),
    "",
    curl(`${base}/v1/workspace/${workspace}/project/${project}/secret/`, bearer, createSecret),
    "",
    curl(`${base}/api/public/v1/vaults/${vault.id}/secrets`, bearer, createVaultSecret),
    "",
  ].join("\n")
}
