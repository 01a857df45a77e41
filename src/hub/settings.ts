/**
 * What a user has set: for each agent where its answers come from, and the proxy of Codex. Keys and the
 * proxy's address are sealed in the database; a key is never sent back, an address without its password.
 */
import { AppError, SECRET_MARK } from "../platform/mod.ts";
import {
  AGENT_KINDS,
  type AgentKind,
  AGENTS,
  type AgentSettingsRequest,
  type AgentSettingsView,
  type ProviderKind,
  type ProxyView,
  type SettingsRequest,
  type SettingsView,
} from "../protocol/mod.ts";
import type { Vault } from "./auth/mod.ts";
import type { Provider, Proxy } from "./model_config.ts";
import type { AgentSettingsRow } from "./store/mod.ts";
import type { SettingsStore } from "./store/settings.ts";

/** Who answers for users who have not chosen, by agent. */
export type DefaultProviders = Readonly<Record<AgentKind, ProviderKind>>;

/** Settings of users who have saved none, and what they saved. */
export class Settings {
  constructor(
    private readonly store: SettingsStore,
    private readonly vault: Vault,
    private readonly fallback: DefaultProviders,
  ) {}

  /** What the user may see. */
  view(userId: number): SettingsView {
    const claude = this.#agentView(userId, "claude");
    const { provider, model, base_url, api_key_hint } = claude;
    return {
      provider,
      model,
      base_url,
      api_key_hint,
      agents: { claude, codex: this.#agentView(userId, "codex") },
      proxy: this.#proxyView(userId),
    };
  }

  /** @throws {AppError} `bad_settings` when something that is needed is missing; nothing is saved then. */
  save(userId: number, wanted: SettingsRequest): void {
    const { agents = {}, proxy, provider, model, base_url, api_key } = wanted;
    const claude = { provider, model, base_url, api_key };
    const rows = AGENT_KINDS.map((agent) => {
      const row = { ...this.#row(userId, agent) };
      if (agent === "claude") this.#change(row, claude);
      this.#change(row, agents[agent] ?? {});
      checkComplete(agent, row);
      return [agent, row] as const;
    });
    const saveProxy = proxy && this.#changedProxy(userId, proxy);
    this.store.together(() => {
      for (const [agent, row] of rows) {
        const touched = agents[agent] || (agent === "claude" && namesAgent(claude));
        if (touched) this.store.saveAgent(userId, agent, row);
      }
      saveProxy?.();
    });
  }

  /** @throws {AppError} `secret_unreadable`. */
  provider(userId: number, agent: AgentKind): Provider {
    const row = this.#row(userId, agent);
    return {
      kind: row.provider,
      model: row.model,
      baseUrl: row.base_url,
      apiKey: row.provider === "key" && row.api_key_sealed
        ? this.vault.open(row.api_key_sealed)
        : null,
    };
  }

  /** The way to Codex' model; null: the direct one. @throws {AppError} `secret_unreadable`. */
  proxy(userId: number): Proxy | null {
    const row = this.store.proxy(userId);
    return row?.use_proxy ? { url: this.vault.open(row.url_sealed) } : null;
  }

  /** True while anybody's answers come from the demo model. */
  demoInUse(): boolean {
    return Object.values(this.fallback).includes("demo") || this.store.demoInUse();
  }

  #agentView(userId: number, agent: AgentKind): AgentSettingsView {
    const { provider, model, base_url, api_key_sealed, models } = this.#row(userId, agent);
    return {
      provider,
      model,
      base_url,
      api_key_hint: api_key_sealed ? this.#hint(api_key_sealed) : null,
      models,
    };
  }

  #change(row: AgentSettingsRow, wanted: AgentSettingsRequest): void {
    const { provider, model, base_url, api_key, models } = wanted;
    if (provider) row.provider = provider;
    if (model !== undefined) row.model = model || null;
    if (base_url !== undefined) row.base_url = base_url || null;
    if (api_key !== undefined) row.api_key_sealed = api_key ? this.vault.seal(api_key) : null;
    if (models !== undefined) row.models = [...new Set(models ?? [])];
  }

  #proxyView(userId: number): ProxyView {
    const row = this.store.proxy(userId);
    return {
      url: row ? this.#readable(row.url_sealed, masked) : null,
      use_proxy: row?.use_proxy === 1,
    };
  }

  /** @returns What saves the change. @throws {AppError} `bad_settings` without an address to use. */
  #changedProxy(
    userId: number,
    { url, use_proxy }: NonNullable<SettingsRequest["proxy"]>,
  ): () => void {
    const stored = this.store.proxy(userId);
    const kept = url === undefined || (url && url === this.#proxyView(userId).url);
    const sealed = kept ? stored?.url_sealed : url ? this.vault.seal(url) : undefined;
    const use = use_proxy ?? (stored?.use_proxy === 1 && sealed !== undefined);
    if (use && !sealed) throw new AppError("bad_settings", "Enter the address of the proxy");
    const row = sealed ? { url_sealed: sealed, use_proxy: use ? 1 : 0 } : null;
    return () => this.store.saveProxy(userId, row);
  }

  #row(userId: number, agent: AgentKind): AgentSettingsRow {
    return this.store.agent(userId, agent) ?? {
      provider: this.fallback[agent],
      model: null,
      base_url: null,
      api_key_sealed: null,
      models: [],
    };
  }

  #hint(sealed: Uint8Array): string {
    return this.#readable(sealed, (key) => key.length >= 12 ? `…${key.slice(-4)}` : "…");
  }

  #readable(sealed: Uint8Array, shown: (secret: string) => string): string {
    try {
      return shown(this.vault.open(sealed));
    } catch (error) {
      if (error instanceof AppError) return "unreadable";
      throw error;
    }
  }
}

/** @throws {AppError} `bad_settings`. */
function checkComplete(agent: AgentKind, row: AgentSettingsRow): void {
  if (row.provider !== "key") return;
  if (!row.api_key_sealed) throw new AppError("bad_settings", "Enter an API key");
  if (agent === "codex" && !row.model) {
    throw new AppError("bad_settings", `${AGENTS.codex.name} needs a model when it uses a key`);
  }
}

function namesAgent(wanted: Partial<AgentSettingsRequest>): boolean {
  return Object.values(wanted).some((member) => member !== undefined);
}

/** An address without what lets somebody in. */
function masked(url: string): string {
  return url.replace(/^(\w+:\/\/)[^@/]*@/, `$1${SECRET_MARK}@`);
}
