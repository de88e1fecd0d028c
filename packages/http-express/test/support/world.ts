import { setTimeout } from "node:timers/promises"
import { type Grant, type Logger, localKeys, openStrongroom, type Principal, reveal } from "@strongroom/core"
import express, { type Express } from "express"
import { type SecretsRouterOptions, secretsRouter } from "../../src/index.ts"
import { type Call, serve } from "./http.ts"
import { watchedStorage } from "./storage.ts"

export const get = (token: string): Call => ({ headers: { authorization: `Bearer ${token}` } })

/** A body that is no string is sent as JSON. */
export const post = (token: string, body: unknown): Call => ({
  method: "POST",
  headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
  body: typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body),
})

/**
 * A real engine on memory behind a real server: workspace `acme` with project `shop`, three environments and two
 * vaults, workspace `other` with the same, and tokens of every kind. Reads are not audited, so that a commit is a change.
 */
export const startWorld = async ({
  mount = (app, router) => app.use(router),
  ...options
}: Omit<SecretsRouterOptions, "strongroom"> & {
  readonly mount?: (app: Express, router: ReturnType<typeof secretsRouter>) => void
} = {}) => {
  const { storage, watch } = watchedStorage()
  const keys = localKeys([{ id: "test", key: new Uint8Array(32).fill(7) }])
  const logged: string[] = []
  const note = (message: string, fields?: unknown) => void logged.push(JSON.stringify({ message, fields }))
  const logger: Logger = { debug: note, info: note, warn: note, error: note }
  const strongroom = await openStrongroom({ storage, keys, logger, audit: { reads: false } })

  const makeTenant = async (slug: string) => {
    const { workspace } = await strongroom.workspaces.create({ slug, name: slug })
    const owner: Principal = { workspace: workspace.id, id: workspace.owner }
    const project = await strongroom.projects.create(owner, { slug: "shop", name: "Shop" })
    const environment = async (name: string) =>
      (await strongroom.environments.create(owner, { project: project.id, name })).id
    const issue = async (grants: readonly Grant[], expiresAt?: Date) => {
      const issued = await strongroom.tokens.issue(owner, { name: "test", grants, ...(expiresAt && { expiresAt }) })
      return { id: issued.id, token: reveal(issued.token) }
    }
    return {
      owner,
      workspace,
      project,
      issue,
      development: await environment("development"),
      staging: await environment("staging"),
      production: await environment("production"),
      vault: (await strongroom.vaults.create(owner, { name: "demo" })).id,
      secondVault: (await strongroom.vaults.create(owner, { name: "second", description: "two" })).id,
      token: (await issue([{ scope: { type: "workspace" }, permission: "read-write" }])).token,
      reader: (await issue([{ scope: { type: "workspace" }, permission: "read" }])).token,
    }
  }
  const acme = await makeTenant("acme")
  const other = await makeTenant("other")

  const revoked = await acme.issue([{ scope: { type: "workspace" }, permission: "read-write" }])
  await strongroom.tokens.revoke(acme.owner, revoked.id)
  const soon = new Date(Date.now() + 20)
  const expired = await acme.issue([{ scope: { type: "workspace" }, permission: "read-write" }], soon)
  while (Date.now() <= soon.getTime()) await setTimeout(5)

  const app = express()
  mount(app, secretsRouter({ strongroom, logger, ...options }))
  const server = await serve(app)

  return {
    strongroom,
    acme,
    other,
    revoked: revoked.token,
    expired: expired.token,
    watch,
    logged,
    call: server.call,
    port: server.port,
    stop: async () => {
      await server.stop()
      await strongroom.close()
    },
  }
}

export type World = Awaited<ReturnType<typeof startWorld>>
