/** The MCP servers of people: kept sealed, shown without secrets, sent with each task. */
import { AppError, parseJson } from "../platform/mod.ts";
import {
  type addMcpServers,
  type changeMcpServer,
  MAX_MCP_SERVERS,
  type McpServer,
  mcpServer,
  type McpServerView,
} from "../protocol/mod.ts";
import type { z } from "zod";
import type { Vault } from "./auth/mod.ts";
import { maskedServer, unmaskedServer } from "./mcp_mask.ts";
import type { McpServerRow, McpServerStore } from "./store/mcp_servers.ts";

/** See the module comment. */
export class McpServers {
  constructor(private readonly store: McpServerStore, private readonly vault: Vault) {}

  list(userId: number): McpServerView[] {
    return this.store.list(userId).map((row) => this.#view(row));
  }

  /**
   * Adds all of them or none.
   *
   * @throws {AppError} `name_taken`; `too_many`.
   */
  add(userId: number, servers: z.output<typeof addMcpServers>): void {
    this.store.together(() => {
      for (const [name, { server, enabled }] of Object.entries(servers)) {
        this.#checkFree(userId, name);
        if (this.store.list(userId).length >= MAX_MCP_SERVERS) {
          throw new AppError("too_many", `There can be at most ${MAX_MCP_SERVERS} servers`);
        }
        this.store.add(userId, {
          name,
          enabled: enabled ? 1 : 0,
          server_sealed: this.vault.seal(JSON.stringify(server)),
        });
      }
    });
  }

  /**
   * Replaces a server; values that were shown masked and come back so stay.
   *
   * @throws {AppError} `not_found`, `name_taken`; `bad_settings` when a hidden value is needed again.
   */
  change(
    userId: number,
    before: string,
    { name = before, server }: z.output<typeof changeMcpServer>,
  ): void {
    const row = this.#row(userId, before);
    if (name !== before) this.#checkFree(userId, name);
    const changed = unmaskedServer(server, this.#opened(row));
    this.store.change(userId, before, {
      ...row,
      name,
      server_sealed: this.vault.seal(JSON.stringify(changed)),
    });
  }

  /** @throws {AppError} `not_found`. */
  enable(userId: number, name: string, enabled: boolean): void {
    const row = this.#row(userId, name);
    this.store.change(userId, name, { ...row, enabled: enabled ? 1 : 0 });
  }

  /** @throws {AppError} `not_found`. */
  remove(userId: number, name: string): void {
    if (!this.store.remove(userId, name)) throw notFound(name);
  }

  /** Those that are on, with their secrets. @throws {AppError} `secret_unreadable`. */
  forRequest(userId: number): (McpServer & { name: string })[] {
    return this.store.list(userId).filter(({ enabled }) => enabled === 1).map((row) => ({
      name: row.name,
      ...this.#open(row),
    }));
  }

  #view(row: McpServerRow): McpServerView {
    const server = this.#opened(row);
    return {
      name: row.name,
      enabled: row.enabled === 1,
      server: server && maskedServer(server),
    };
  }

  #open({ name, server_sealed }: McpServerRow): McpServer {
    const server = mcpServer.safeParse(parseJson(this.vault.open(server_sealed)));
    if (server.success) return server.data;
    throw new AppError("secret_unreadable", `The MCP server "${name}" cannot be read`, {
      remedy: "Enter it again in the settings",
    });
  }

  /** Null: it cannot be read any more. */
  #opened(row: McpServerRow): McpServer | null {
    try {
      return this.#open(row);
    } catch (error) {
      if (error instanceof AppError) return null;
      throw error;
    }
  }

  #row(userId: number, name: string): McpServerRow {
    const row = this.store.get(userId, name);
    if (!row) throw notFound(name);
    return row;
  }

  #checkFree(userId: number, name: string): void {
    if (!this.store.get(userId, name)) return;
    throw new AppError("name_taken", `There is an MCP server "${name}" already`, {
      remedy: "Edit or remove it, or give this one another name",
    });
  }
}

function notFound(name: string): AppError {
  return new AppError("not_found", `MCP server "${name.slice(0, 64)}" not found`);
}
