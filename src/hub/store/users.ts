/** People and their API keys. */
import { AppError } from "../../platform/mod.ts";
import { type Database, nowText } from "./database.ts";

export interface UserRow {
  id: number;
  user_name: string;
  password_hash: string;
  is_admin: number;
  is_active: number;
  created_at: string;
}

export interface ApiKeyRow {
  id: number;
  user_id: number;
  name: string;
  description: string | null;
  key_prefix: string;
  expires_at: string;
  last_used_at: string | null;
  is_active: number;
  created_at: string;
}

const KEY_COLUMNS =
  "id, user_id, name, description, key_prefix, expires_at, last_used_at, is_active, created_at";
/** API keys do not expire by themselves. */
const NEVER = "9999-12-31T00:00:00.000Z";

/** Users and keys in the database. */
export class UserStore {
  constructor(private readonly db: Database) {}

  count(): number {
    return this.db.get<{ n: number }>("SELECT count(*) AS n FROM users")?.n ??
      0;
  }

  byId(id: number): UserRow | undefined {
    return this.db.get("SELECT * FROM users WHERE id = ?", id);
  }

  byName(name: string): UserRow | undefined {
    return this.db.get("SELECT * FROM users WHERE user_name = ?", name);
  }

  /** The first administrator. */
  admin(): UserRow | undefined {
    return this.db.get(
      "SELECT * FROM users WHERE is_admin = 1 AND is_active = 1 ORDER BY id LIMIT 1",
    );
  }

  /** @throws {AppError} `user_exists` when the name is taken. */
  create(name: string, passwordHash: string, admin: boolean): UserRow {
    if (this.byName(name)) {
      throw new AppError("user_exists", `User "${name}" exists already`);
    }
    const { id } = this.db.run(
      "INSERT INTO users (user_name, password_hash, is_admin, created_at) VALUES (?, ?, ?, ?)",
      name,
      passwordHash,
      admin ? 1 : 0,
      nowText(),
    );
    return this.byId(id)!;
  }

  addKey(
    userId: number,
    name: string,
    description: string | null,
    hash: string,
    prefix: string,
  ): ApiKeyRow {
    const { id } = this.db.run(
      `INSERT INTO api_keys (user_id, name, description, key_hash, key_prefix, expires_at, created_at)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      userId,
      name,
      description,
      hash,
      prefix,
      NEVER,
      nowText(),
    );
    return this.key(userId, id)!;
  }

  key(userId: number, id: number): ApiKeyRow | undefined {
    return this.db.get(
      `SELECT ${KEY_COLUMNS} FROM api_keys WHERE user_id = ? AND id = ?`,
      userId,
      id,
    );
  }

  keys(userId: number): ApiKeyRow[] {
    return this.db.all(
      `SELECT ${KEY_COLUMNS} FROM api_keys WHERE user_id = ? ORDER BY id`,
      userId,
    );
  }

  toggleKey(userId: number, id: number): ApiKeyRow | undefined {
    this.db.run(
      "UPDATE api_keys SET is_active = 1 - is_active WHERE user_id = ? AND id = ?",
      userId,
      id,
    );
    return this.key(userId, id);
  }

  /** @returns False when there is no such key of this user. */
  deleteKey(userId: number, id: number): boolean {
    return this.db.run(
      "DELETE FROM api_keys WHERE user_id = ? AND id = ?",
      userId,
      id,
    ).changes > 0;
  }

  /** The active owner of an active, unexpired key. Reads only: devices reconnect often. */
  ownerOfKey(hash: string): UserRow | undefined {
    return this.db.get(
      `SELECT u.* FROM api_keys k JOIN users u ON u.id = k.user_id
       WHERE k.key_hash = ? AND k.is_active = 1 AND k.expires_at > ? AND u.is_active = 1`,
      hash,
      nowText(),
    );
  }
}
