import type { CreateSecrets, NewSecret } from "../../src/domain/model.ts"
import { environmentPath, levelAt, levels, type Rights, seesProject, vaultPath } from "./permission-model.ts"
import type { Tenant, TenantProject } from "./tenants.ts"

/** What an answer comes down to: an error's code (with the names that it tells), or what was given. */
export type Answer = { readonly code: string; readonly names?: readonly string[] } | { readonly gave: unknown }

interface Held {
  readonly secret: NewSecret
  /** By environment. */
  readonly values: Map<string, string>
}

export interface Where {
  readonly workspace?: string
  readonly project: string
  readonly environment?: string
}

/** What the engine should answer to somebody in one workspace, as far as permissions go. */
export class ReferenceEngine {
  readonly #tenant: Tenant
  readonly #secrets = new Map<string, Map<string, Held>>()
  readonly #vaults: Map<string, string[]>

  constructor(tenant: Tenant) {
    this.#tenant = tenant
    this.#vaults = new Map(tenant.vaults.map((vault) => [vault, []]))
  }

  #find(rights: Rights, { workspace, project: named }: Where): TenantProject | Answer {
    if (workspace !== undefined && workspace !== this.#tenant.slug && workspace !== this.#tenant.id) {
      return { code: "WORKSPACE_NOT_FOUND" }
    }
    const project = this.#tenant.projects.find(({ id, slug }) => id === named || slug === named)
    return project !== undefined && seesProject(rights, project.id) ? project : { code: "PROJECT_NOT_FOUND" }
  }

  #held(project: TenantProject): Map<string, Held> {
    const held = this.#secrets.get(project.id) ?? new Map<string, Held>()
    this.#secrets.set(project.id, held)
    return held
  }

  #readable(rights: Rights, { id, environments }: TenantProject): readonly string[] {
    return environments
      .map((environment) => environment.id)
      .filter((environment) => levelAt(rights, environmentPath(id, environment)) >= levels.read)
  }

  create(rights: Rights, request: CreateSecrets): Answer {
    const project = this.#find(rights, request)
    if (!("id" in project)) return project
    const readable = this.#readable(rights, project)
    if (request.environments.some((id) => !readable.includes(id))) return { code: "ENVIRONMENT_NOT_FOUND" }
    const levelIn = (id: string) => levelAt(rights, environmentPath(project.id, id))
    if (request.environments.some((id) => levelIn(id) < levels["read-write"])) return { code: "FORBIDDEN" }
    const held = this.#held(project)
    const namesOf = (holds: (wanted: NewSecret, there: Held) => boolean) =>
      request.secrets.flatMap((wanted) => {
        const there = held.get(wanted.name)
        return there && holds(wanted, there) ? [wanted.name] : []
      })
    const existing = namesOf((_, { values }) => request.environments.some((id) => values.has(id)))
    if (existing.length > 0) return { code: "SECRET_EXISTS", names: existing }
    const differing = namesOf(
      ({ type, dataType, note }, { secret }) =>
        secret.type !== type || secret.dataType !== dataType || (note !== undefined && secret.note !== note),
    )
    if (differing.length > 0) return { code: "SECRET_DIFFERS", names: differing }
    for (const wanted of request.secrets) {
      const there = held.get(wanted.name) ?? { secret: { ...wanted, note: wanted.note ?? "" }, values: new Map() }
      for (const id of request.environments) there.values.set(id, String(wanted.value))
      held.set(wanted.name, there)
    }
    return { gave: request.secrets.map(({ name }) => name) }
  }

  list(rights: Rights, where: Where): Answer {
    const project = this.#find(rights, where)
    if (!("id" in project)) return project
    const readable = this.#readable(rights, project)
    const { environment } = where
    if (environment !== undefined && !readable.includes(environment)) return { code: "ENVIRONMENT_NOT_FOUND" }
    const among = environment === undefined ? readable : [environment]
    const shown = [...this.#held(project).values()].map(({ secret, values }) => ({
      name: secret.name,
      note: secret.note,
      type: secret.type,
      dataType: secret.dataType,
      values: Object.fromEntries([...values].filter(([id]) => among.includes(id))),
    }))
    return {
      gave: shown.filter(({ values }) => Object.keys(values).length > 0).sort((a, b) => (a.name < b.name ? -1 : 1)),
    }
  }

  get(rights: Rights, name: string, where: Where): Answer {
    const answer = this.list(rights, where)
    if ("code" in answer || !Array.isArray(answer.gave)) return answer
    const secret: unknown = answer.gave.find((candidate) => candidate.name === name)
    return secret === undefined ? { code: "SECRET_NOT_FOUND" } : { gave: secret }
  }

  environments(rights: Rights, where: Where): Answer {
    const project = this.#find(rights, where)
    if (!("id" in project)) return project
    const readable = this.#readable(rights, project)
    return { gave: project.environments.filter(({ id }) => readable.includes(id)) }
  }

  projects(rights: Rights): Answer {
    return { gave: this.#tenant.projects.filter(({ id }) => seesProject(rights, id)).map(({ slug }) => slug) }
  }

  vaults(rights: Rights): Answer {
    const visible = [...this.#vaults].filter(([id]) => levelAt(rights, vaultPath(id)) >= levels.use)
    return { gave: visible.map(([id, keys]) => `${id} ${keys.length}`).sort() }
  }

  vaultSecrets(rights: Rights, vault: string): Answer {
    const keys = this.#vaults.get(vault)
    if (keys === undefined || levelAt(rights, vaultPath(vault)) < levels.use) return { code: "VAULT_NOT_FOUND" }
    return { gave: keys.toSorted() }
  }

  createVaultSecret(rights: Rights, vault: string, envKey: string): Answer {
    const keys = this.#vaults.get(vault)
    if (keys === undefined || levelAt(rights, vaultPath(vault)) < levels.use) return { code: "VAULT_NOT_FOUND" }
    if (levelAt(rights, vaultPath(vault)) < levels["read-write"]) return { code: "FORBIDDEN" }
    if (keys.includes(envKey)) return { code: "SECRET_EXISTS", names: [envKey] }
    keys.push(envKey)
    return { gave: envKey }
  }

  /** Every secret is unrestricted, so that the permission decides alone. */
  releaseVaultSecret(rights: Rights, vault: string, envKey: string, purpose: "release" | "forward"): Answer {
    const keys = this.#vaults.get(vault)
    const level = levelAt(rights, vaultPath(vault))
    if (keys === undefined || level < levels.use) return { code: "VAULT_NOT_FOUND" }
    if (purpose === "release" && level < levels.read) return { code: "FORBIDDEN" }
    return keys.includes(envKey) ? { gave: "value" } : { code: "SECRET_NOT_FOUND" }
  }
}
