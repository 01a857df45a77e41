/** A user's provider of answers; its key is sealed in the database and never sent back. */
import { AppError } from "../platform/mod.ts";
import type { ProviderKind, settingsRequest, SettingsView } from "../protocol/mod.ts";
import type { z } from "zod";
import type { Vault } from "./auth/mod.ts";
import type { Provider } from "./execution_request.ts";
import type { SettingsRow } from "./store/mod.ts";
import type { UserStore } from "./store/users.ts";

/** Settings of users who have saved none, and what they saved. */
export class Settings {
  constructor(
    private readonly users: UserStore,
    private readonly vault: Vault,
    private readonly fallback: ProviderKind,
  ) {}

  /** What the user may see. */
  view(userId: number): SettingsView {
    const row = this.#row(userId);
    return {
      provider: row.provider,
      model: row.model,
      base_url: row.base_url,
      api_key_hint: row.api_key_sealed ? this.#hint(row.api_key_sealed) : null,
    };
  }

  /** @throws {AppError} `bad_settings` when a key is needed and missing. */
  save(userId: number, wanted: z.output<typeof settingsRequest>): void {
    const row = { ...this.#row(userId) };
    if (wanted.provider) row.provider = wanted.provider;
    if (wanted.model !== undefined) row.model = wanted.model || null;
    if (wanted.base_url !== undefined) row.base_url = wanted.base_url || null;
    if (wanted.api_key !== undefined) {
      row.api_key_sealed = wanted.api_key ? this.vault.seal(wanted.api_key) : null;
    }
    if (row.provider === "key" && !row.api_key_sealed) {
      throw new AppError("bad_settings", "Enter an API key");
    }
    this.users.saveSettings(userId, row);
  }

  /** @throws {AppError} `secret_unreadable`. */
  provider(userId: number): Provider {
    const row = this.#row(userId);
    return {
      kind: row.provider,
      model: row.model,
      baseUrl: row.base_url,
      apiKey: row.provider === "key" && row.api_key_sealed
        ? this.vault.open(row.api_key_sealed)
        : null,
    };
  }

  #row(userId: number): SettingsRow {
    return this.users.settings(userId) ?? {
      provider: this.fallback,
      model: null,
      base_url: null,
      api_key_sealed: null,
    };
  }

  #hint(sealed: Uint8Array): string {
    try {
      const key = this.vault.open(sealed);
      return key.length >= 12 ? `…${key.slice(-4)}` : "…";
    } catch (error) {
      if (error instanceof AppError) return "unreadable";
      throw error;
    }
  }
}
