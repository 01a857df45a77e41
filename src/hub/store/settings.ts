/** What a person has set: for each agent who answers, and the proxy of Codex. */
import type { AgentKind, ProviderKind } from "../../protocol/mod.ts";
import { type Database, nowText } from "./database.ts";

/** Settings of one agent. */
export interface AgentSettingsRow {
  provider: ProviderKind;
  model: string | null;
  base_url: string | null;
  api_key_sealed: Uint8Array | null;
  /** Models to offer in the page. */
  models: string[];
}

export interface ProxyRow {
  url_sealed: Uint8Array;
  use_proxy: number;
}

/** Settings in the database. */
export class SettingsStore {
  constructor(private readonly db: Database) {}

  /** Saves everything `work` saves, or nothing. */
  together(work: () => void): void {
    this.db.transaction(work);
  }

  agent(userId: number, agent: AgentKind): AgentSettingsRow | undefined {
    const row = this.db.get<Omit<AgentSettingsRow, "models"> & { models: string }>(
      `SELECT provider, model, base_url, api_key_sealed, models FROM agent_settings
         WHERE user_id = ? AND agent = ?`,
      userId,
      agent,
    );
    return row && { ...row, models: JSON.parse(row.models) };
  }

  saveAgent(userId: number, agent: AgentKind, row: AgentSettingsRow): void {
    this.db.run(
      `INSERT INTO agent_settings (user_id, agent, provider, model, base_url, api_key_sealed, models,
           updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (user_id, agent) DO UPDATE SET provider = excluded.provider,
           model = excluded.model, base_url = excluded.base_url,
           api_key_sealed = excluded.api_key_sealed, models = excluded.models,
           updated_at = excluded.updated_at`,
      userId,
      agent,
      row.provider,
      row.model,
      row.base_url,
      row.api_key_sealed,
      JSON.stringify(row.models),
      nowText(),
    );
  }

  /** True when anybody has chosen the demo model. */
  demoInUse(): boolean {
    return this.db.get("SELECT 1 FROM agent_settings WHERE provider = 'demo' LIMIT 1") !==
      undefined;
  }

  proxy(userId: number): ProxyRow | undefined {
    return this.db.get("SELECT url_sealed, use_proxy FROM proxies WHERE user_id = ?", userId);
  }

  /** Keeps the proxy; null: there is none any more. */
  saveProxy(userId: number, row: ProxyRow | null): void {
    if (!row) return void this.db.run("DELETE FROM proxies WHERE user_id = ?", userId);
    this.db.run(
      `INSERT INTO proxies (user_id, url_sealed, use_proxy, updated_at) VALUES (?, ?, ?, ?)
         ON CONFLICT (user_id) DO UPDATE SET url_sealed = excluded.url_sealed,
           use_proxy = excluded.use_proxy, updated_at = excluded.updated_at`,
      userId,
      row.url_sealed,
      row.use_proxy,
      nowText(),
    );
  }
}
