/** MCP servers in the database, each sealed as a whole. */
import { type Database, nowText } from "./database.ts";

export interface McpServerRow {
  name: string;
  enabled: number;
  server_sealed: Uint8Array;
}

/** See the module comment. */
export class McpServerStore {
  constructor(private readonly db: Database) {}

  /** Does everything `work` does, or nothing. */
  together<T>(work: () => T): T {
    return this.db.transaction(work);
  }

  list(userId: number): McpServerRow[] {
    return this.db.all(
      "SELECT name, enabled, server_sealed FROM mcp_servers WHERE user_id = ? ORDER BY id",
      userId,
    );
  }

  get(userId: number, name: string): McpServerRow | undefined {
    return this.db.get(
      "SELECT name, enabled, server_sealed FROM mcp_servers WHERE user_id = ? AND name = ?",
      userId,
      name,
    );
  }

  add(userId: number, { name, enabled, server_sealed }: McpServerRow): void {
    this.db.run(
      `INSERT INTO mcp_servers (user_id, name, enabled, server_sealed, updated_at)
         VALUES (?, ?, ?, ?, ?)`,
      userId,
      name,
      enabled,
      server_sealed,
      nowText(),
    );
  }

  change(userId: number, before: string, { name, enabled, server_sealed }: McpServerRow): void {
    this.db.run(
      `UPDATE mcp_servers SET name = ?, enabled = ?, server_sealed = ?, updated_at = ?
         WHERE user_id = ? AND name = ?`,
      name,
      enabled,
      server_sealed,
      nowText(),
      userId,
      before,
    );
  }

  /** @returns False when there is none of that name. */
  remove(userId: number, name: string): boolean {
    return this.db.run("DELETE FROM mcp_servers WHERE user_id = ? AND name = ?", userId, name)
      .changes > 0;
  }
}
