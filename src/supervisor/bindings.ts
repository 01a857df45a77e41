/**
 * What a device remembers of directories: which one a conversation works in, by task and device, and
 * which one holds a repository's branch. Kept by the supervisor alone, in a SQLite file.
 */
import { DatabaseSync } from "node:sqlite";
import { errorText } from "../platform/mod.ts";

/** A conversation's directory on one device. */
export interface Binding {
  readonly taskId: number;
  readonly deviceId: string;
  /** What was asked for; null: nothing. */
  readonly workdir: string | null;
  readonly policy: string | null;
  readonly gitUrl: string | null;
  readonly branch: string | null;
  /** Where it works: absolute, no links. */
  readonly path: string;
  readonly origin: string;
}

/** A repository's branch and its directory; `branch` null: the default branch. */
export interface RepoBinding {
  /** As it was given. */
  readonly gitUrl: string;
  readonly branch: string | null;
  readonly path: string;
}

/** Bindings that are kept; the oldest go first. */
const MAX_BINDINGS = 10_000;
const MAX_REPOS = 1000;

const SCHEMA = `
CREATE TABLE IF NOT EXISTS bindings (
  task_id INTEGER NOT NULL,
  device_id TEXT NOT NULL,
  workdir TEXT,
  policy TEXT,
  git_url TEXT,
  branch TEXT,
  path TEXT NOT NULL,
  origin TEXT NOT NULL,
  used_at INTEGER NOT NULL,
  PRIMARY KEY (task_id, device_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS bindings_used ON bindings(used_at);
CREATE TABLE IF NOT EXISTS repos (
  remote TEXT NOT NULL,
  branch TEXT NOT NULL,
  git_url TEXT NOT NULL,
  path TEXT NOT NULL,
  used_at INTEGER NOT NULL,
  PRIMARY KEY (remote, branch)
) WITHOUT ROWID;
`;

/** See the module comment. */
export class Bindings {
  readonly #db: DatabaseSync;

  /**
   * Opens the file at `path`, or makes it. A file SQLite cannot read is put aside with the suffix
   * `.broken`: what it held is convenience, and not worth a device that does not start.
   *
   * @param onBroken Told why a file was put aside.
   */
  constructor(path: string, onBroken: (message: string) => void = () => {}) {
    try {
      this.#db = openDatabase(path);
    } catch (error) {
      onBroken(errorText(error));
      Deno.renameSync(path, `${path}.broken`);
      this.#db = openDatabase(path);
    }
    Deno.chmodSync(path, 0o600);
  }

  close(): void {
    this.#db.close();
  }

  /** The directory of a conversation, or null. */
  get(taskId: number, deviceId: string): Binding | null {
    const row = this.#db.prepare(
      `SELECT task_id AS taskId, device_id AS deviceId, workdir, policy, git_url AS gitUrl, branch, path,
        origin FROM bindings WHERE task_id = ? AND device_id = ?`,
    ).get(taskId, deviceId);
    return row ? { ...row } as unknown as Binding : null;
  }

  set(binding: Binding, now = Date.now()): void {
    this.#db.prepare(
      `INSERT OR REPLACE INTO bindings
        (task_id, device_id, workdir, policy, git_url, branch, path, origin, used_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ).run(
      binding.taskId,
      binding.deviceId,
      binding.workdir,
      binding.policy,
      binding.gitUrl,
      binding.branch,
      binding.path,
      binding.origin,
      now,
    );
    this.#db.prepare(
      `DELETE FROM bindings WHERE used_at < (SELECT min(used_at) FROM
        (SELECT used_at FROM bindings ORDER BY used_at DESC LIMIT ?))`,
    ).run(MAX_BINDINGS);
  }

  /** Directories people chose, newest first, each once; `usedAt` in Unix seconds. */
  recent(limit: number): { path: string; usedAt: number }[] {
    const rows = this.#db.prepare(
      `SELECT path, max(used_at) / 1000 AS usedAt FROM bindings WHERE origin IN ('session', 'project')
        GROUP BY path ORDER BY max(used_at) DESC LIMIT ?`,
    ).all(limit);
    return rows.map((row) => ({ path: String(row["path"]), usedAt: Number(row["usedAt"]) }));
  }

  /** Directories of all conversations, newest first. */
  paths(limit: number): string[] {
    return this.#db.prepare(
      "SELECT path FROM bindings GROUP BY path ORDER BY max(used_at) DESC LIMIT ?",
    ).all(limit).map((row) => String(row["path"]));
  }

  /** @param remote The repository in its normalised form. */
  repo(remote: string, branch: string | null): string | null {
    const row = this.#db.prepare("SELECT path FROM repos WHERE remote = ? AND branch = ?")
      .get(remote, branch ?? "");
    return row ? String(row["path"]) : null;
  }

  setRepo(remote: string, binding: RepoBinding, now = Date.now()): void {
    this.#db.prepare("INSERT OR REPLACE INTO repos VALUES (?, ?, ?, ?, ?)")
      .run(remote, binding.branch ?? "", binding.gitUrl, binding.path, now);
    this.#db.prepare(
      `DELETE FROM repos WHERE used_at < (SELECT min(used_at) FROM
        (SELECT used_at FROM repos ORDER BY used_at DESC LIMIT ?))`,
    ).run(MAX_REPOS);
  }

  /** Repository bindings, newest first. */
  repos(limit: number): RepoBinding[] {
    return this.#db.prepare("SELECT * FROM repos ORDER BY used_at DESC LIMIT ?").all(limit).map((
      row,
    ) => ({
      gitUrl: String(row["git_url"]),
      branch: row["branch"] === "" ? null : String(row["branch"]),
      path: String(row["path"]),
    }));
  }
}

function openDatabase(path: string): DatabaseSync {
  const db = new DatabaseSync(path);
  try {
    // A crash of the process loses nothing; a power cut may lose the last rows.
    db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 2000");
    db.exec(SCHEMA);
  } catch (error) {
    db.close();
    throw error;
  }
  return db;
}
