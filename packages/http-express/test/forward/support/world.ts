import {
  type Grant,
  type Logger,
  localKeys,
  memoryStorage,
  openStrongroom,
  type Permission,
  type Principal,
  reveal,
} from "@strongroom/core"
import express, { type Express } from "express"
import { expect } from "vitest"
import { type ForwardRouterOptions, forwardRouter } from "../../../src/forward.ts"
import { type Answer, type Call, serve } from "../../support/http.ts"
import { startUpstream } from "./upstream.ts"

/** The value that nobody but an upstream may ever see. */
export const canary = "canary-5Kq9zT1vXw7RbN3m"
const forms = ["utf8", "base64", "base64url", "hex"] as const
const canaries = forms.map((form) => (form === "utf8" ? canary : Buffer.from(canary).toString(form).slice(0, -2)))

const names = ["api.example.com", "files.example.com", "evil.example.net"]
const resolve = async (host: string) => [
  { address: host.startsWith("metadata.") ? "169.254.169.254" : "127.0.0.1", family: 4 },
]

/**
 * An engine, the router over it, and an upstream on loopback that answers to three names. `metadata.example.com` leads to
 * a link-local address. `API_KEY` may go to `*.example.com`, `OPEN` anywhere.
 */
export const startForwardWorld = async ({
  mount = (app, router) => app.use("/egress", router),
  ...options
}: Partial<ForwardRouterOptions> & {
  readonly mount?: (app: Express, router: ReturnType<typeof forwardRouter>) => void
} = {}) => {
  const upstream = await startUpstream(names)
  const logged: string[] = []
  const note = (message: string, fields?: unknown) => void logged.push(JSON.stringify({ message, fields }))
  const logger: Logger = { debug: note, info: note, warn: note, error: note }
  const keys = localKeys([{ id: "test", key: new Uint8Array(32).fill(7) }])
  const strongroom = await openStrongroom({ storage: memoryStorage(), keys, logger })

  const makeTenant = async (slug: string) => {
    const { workspace } = await strongroom.workspaces.create({ slug, name: slug })
    const owner: Principal = { workspace: workspace.id, id: workspace.owner }
    const vault = (await strongroom.vaults.create(owner, { name: "agents" })).id
    const otherVault = (await strongroom.vaults.create(owner, { name: "others" })).id
    for (const id of [vault, otherVault]) {
      const secret = { envKey: "API_KEY", value: canary, allowedDomains: ["*.example.com"] }
      await strongroom.vaults.secrets.create(owner, id, secret)
    }
    await strongroom.vaults.secrets.create(owner, vault, { envKey: "OPEN", value: canary })
    const issue = async (grants: readonly Grant[]) => {
      const issued = await strongroom.tokens.issue(owner, { name: "test", grants })
      return { id: issued.id, token: reveal(issued.token) }
    }
    const tokenOn = async (permission: Permission, on = vault) =>
      (await issue([{ scope: { type: "vault", vault: on }, permission }])).token
    return { owner, vault, otherVault, issue, tokenOn, agent: await tokenOn("use") }
  }
  const acme = await makeTenant("acme")
  const other = await makeTenant("other")

  const app = express()
  mount(
    app,
    forwardRouter({ strongroom, logger, resolve, ca: upstream.ca, allowPrivateAddresses: ["127.0.0.1"], ...options }),
  )
  const server = await serve(app)
  const answers: Answer[] = []
  const call = async (path: string, request?: Call) => {
    const answer = await server.call(path, request)
    answers.push(answer)
    return answer
  }

  const post = (path: string, body: unknown, token = acme.agent, headers: Readonly<Record<string, string>> = {}) =>
    call(path, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
    })
  const placeholder = async (envKey = "API_KEY", vault = acme.vault, token = acme.agent) => {
    const answer = await post(`/egress/vaults/${vault}/placeholders`, { env_key: envKey }, token)
    expect(answer.json).toEqual({ placeholder: expect.any(String) })
    return String(Object(answer.json).placeholder)
  }
  const forwardPath = (vault = acme.vault) => `/egress/vaults/${vault}/forward`

  return {
    strongroom,
    acme,
    other,
    upstream,
    logged,
    port: server.port,
    call,
    post,
    placeholder,
    forwardPath,
    url: (path: string, host = "api.example.com", scheme = "https") => `${scheme}://${host}:${upstream.port}${path}`,
    /** With the placeholder of `API_KEY` as the bearer token. */
    async forward(
      request: { url: string; headers?: Readonly<Record<string, string>>; [field: string]: unknown },
      token = acme.agent,
    ) {
      const authorization = `Bearer ${await placeholder()}`
      return post(forwardPath(), { ...request, headers: { authorization, ...request.headers } }, token)
    },
    async stop() {
      await server.stop()
      await upstream.stop()
      await strongroom.close()
      const told = [...logged, ...answers.map(({ headers, text }) => JSON.stringify(headers) + text)].join("\n")
      for (const form of canaries) expect(told).not.toContain(form)
    },
  }
}

export type ForwardWorld = Awaited<ReturnType<typeof startForwardWorld>>
