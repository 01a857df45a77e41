/**
 * Sessions of this device and their turns, in one SQLite file: servers keep nothing of local tasks, so
 * this is the memory behind `runtime:rpc`. Only the device worker opens it.
 */
import { DatabaseSync } from "node:sqlite";
import * as z from "zod";
import { type FoldedTurn } from "./turn_fold.ts";
import { MESSAGE_STATUSES, TASK_RUNTIMES, type TaskRuntime } from "../../protocol/mod.ts";

/** What is kept: tasks, days without a turn, and bytes of transcripts. */
const MAX_TASKS = 2000;
const MAX_DAYS = 180;
const MAX_BYTES = 256 * 1024 * 1024;
/** Turns of one transcript that are read at once; older ones are left out. */
const MAX_TURNS = 1000;

const SCHEMA = `
CREATE TABLE IF NOT EXISTS tasks (
  local_id TEXT PRIMARY KEY,
  task_id INTEGER NOT NULL,
  session TEXT NOT NULL,
  runtime TEXT NOT NULL,
  path TEXT NOT NULL,
  asked_path TEXT,
  title TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  archived INTEGER NOT NULL DEFAULT 0 CHECK (archived IN (0, 1)),
  request BLOB,
  UNIQUE (task_id, session)
);
CREATE TABLE IF NOT EXISTS turns (
  n INTEGER PRIMARY KEY AUTOINCREMENT,
  local_id TEXT NOT NULL REFERENCES tasks(local_id) ON DELETE CASCADE,
  subtask_id INTEGER NOT NULL,
  run_id TEXT NOT NULL UNIQUE,
  at INTEGER NOT NULL,
  text TEXT NOT NULL,
  attachments TEXT,
  source TEXT,
  status TEXT NOT NULL CHECK (status IN ('streaming', 'done', 'failed', 'cancelled')),
  content TEXT NOT NULL DEFAULT '',
  blocks TEXT NOT NULL DEFAULT '[]',
  UNIQUE (local_id, subtask_id)
);
`;

/** A session; times in milliseconds. */
export interface TaskRow {
  readonly localId: string;
  readonly taskId: number;
  /** Which of the task's sessions: the key of its host. */
  readonly session: string;
  readonly runtime: TaskRuntime;
  /** Where it works, as far as is known. */
  readonly path: string;
  /** The path it was created with, when that is another spelling. */
  readonly askedPath: string | null;
  readonly title: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly archived: boolean;
}

/** A turn; the answer is there once it has ended. */
export interface TurnRow {
  readonly subtaskId: number;
  readonly runId: string;
  readonly at: number;
  readonly text: string;
  readonly attachments: string | null;
  readonly source: string | null;
  readonly status: FoldedTurn["status"];
  readonly content: string;
  /** JSON of the blocks. */
  readonly blocks: string;
}

const taskRow = z.object({
  localId: z.string(),
  taskId: z.number(),
  session: z.string(),
  runtime: z.enum(TASK_RUNTIMES),
  path: z.string(),
  askedPath: z.string().nullable(),
  title: z.string(),
  createdAt: z.number(),
  updatedAt: z.number(),
  archived: z.number().transform(Boolean),
});
const turnRow = z.object({
  subtaskId: z.number(),
  runId: z.string(),
  at: z.number(),
  text: z.string(),
  attachments: z.string().nullable(),
  source: z.string().nullable(),
  status: z.enum(MESSAGE_STATUSES),
  content: z.string(),
  blocks: z.string(),
});

const TASK = `SELECT local_id AS localId, task_id AS taskId, session, runtime, path,
  asked_path AS askedPath, title, created_at AS createdAt, updated_at AS updatedAt, archived FROM tasks`;

/** See the module comment. */
export class TaskStore {
  readonly #db: DatabaseSync;

  /**
   * @param onBroken Told why a file was put aside.
   * @throws When the file can be neither opened nor made.
   */
  constructor(path: string, onBroken: (message: string) => void = () => {}) {
    try {
      this.#db = open(path);
    } catch (error) {
      onBroken(String(error));
      Deno.renameSync(path, `${path}.broken`);
      this.#db = open(path);
    }
    if (Deno.build.os !== "windows") Deno.chmodSync(path, 0o600);
  }

  close(): void {
    this.#db.close();
  }

  get(localId: string): TaskRow | null {
    return this.#task(`${TASK} WHERE local_id = ?`, localId);
  }

  /** The session of a task, by the key of its host. */
  find(taskId: number, session: string): TaskRow | null {
    return this.#task(`${TASK} WHERE task_id = ? AND session = ?`, taskId, session);
  }

  /** The task a run belongs to. */
  taskOfRun(runId: string): string | null {
    const row = this.#db.prepare("SELECT local_id FROM turns WHERE run_id = ?").get(runId);
    return row ? String(row["local_id"]) : null;
  }

  /** Newest first. */
  list(includeArchived: boolean, limit: number): TaskRow[] {
    const rows = this.#db.prepare(
      `${TASK} WHERE archived = 0 OR ? ORDER BY updated_at DESC, local_id LIMIT ?`,
    ).all(includeArchived ? 1 : 0, limit);
    return rows.map((row) => taskRow.parse(row));
  }

  add(task: TaskRow): void {
    this.#db.prepare(
      `INSERT INTO tasks (local_id, task_id, session, runtime, path, asked_path, title, created_at,
        updated_at, archived) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ).run(
      task.localId,
      task.taskId,
      task.session,
      task.runtime,
      task.path,
      task.askedPath,
      task.title,
      task.createdAt,
      task.updatedAt,
      task.archived ? 1 : 0,
    );
  }

  /** The session works there. */
  setPath(localId: string, path: string): void {
    this.#db.prepare("UPDATE tasks SET path = ? WHERE local_id = ? AND path <> ?")
      .run(path, localId, path);
  }

  setArchived(localId: string, archived: boolean): void {
    this.#db.prepare("UPDATE tasks SET archived = ? WHERE local_id = ?")
      .run(archived ? 1 : 0, localId);
  }

  touch(localId: string, now: number): void {
    this.#db.prepare("UPDATE tasks SET updated_at = ? WHERE local_id = ?").run(now, localId);
  }

  /** Keeps the sealed request of the task's last turn, for the next one. */
  setRequest(localId: string, sealed: Uint8Array | null): void {
    this.#db.prepare("UPDATE tasks SET request = ? WHERE local_id = ?").run(sealed, localId);
  }

  request(localId: string): Uint8Array | null {
    const row = this.#db.prepare("SELECT request FROM tasks WHERE local_id = ?").get(localId);
    const sealed = row?.["request"];
    return sealed instanceof Uint8Array ? sealed : null;
  }

  /** A turn begins; a retry of a subtask takes the place of the attempt before. */
  beginTurn(
    localId: string,
    turn: Pick<TurnRow, "subtaskId" | "runId" | "at" | "text" | "attachments" | "source">,
  ): void {
    this.#db.prepare(
      `INSERT INTO turns (local_id, subtask_id, run_id, at, text, attachments, source, status)
        VALUES (?, ?, ?, ?, ?, ?, ?, 'streaming')
        ON CONFLICT (local_id, subtask_id) DO UPDATE SET run_id = excluded.run_id, at = excluded.at,
          text = excluded.text, attachments = excluded.attachments, source = excluded.source,
          status = 'streaming', content = '', blocks = '[]'`,
    ).run(
      localId,
      turn.subtaskId,
      turn.runId,
      turn.at,
      turn.text,
      turn.attachments,
      turn.source,
    );
  }

  /** The answer of a run. */
  endTurn(runId: string, { content, status, blocks }: FoldedTurn): void {
    this.#db.prepare("UPDATE turns SET status = ?, content = ?, blocks = ? WHERE run_id = ?")
      .run(status, content, JSON.stringify(blocks), runId);
  }

  /** The last turns, oldest first. */
  turns(localId: string): TurnRow[] {
    const rows = this.#db.prepare(
      `SELECT subtask_id AS subtaskId, run_id AS runId, at, text, attachments, source, status, content,
        blocks FROM turns WHERE local_id = ? ORDER BY n DESC LIMIT ?`,
    ).all(localId, MAX_TURNS);
    return rows.map((row) => turnRow.parse(row)).reverse();
  }

  /** The highest subtask of a task; 0 for none. */
  lastSubtask(localId: string): number {
    const row = this.#db.prepare("SELECT max(subtask_id) AS last FROM turns WHERE local_id = ?")
      .get(localId);
    return Number(row?.["last"] ?? 0);
  }

  /** Forgets what is old or, from the oldest turn on, too much. */
  prune(now = Date.now(), maxBytes = MAX_BYTES): void {
    this.#db.prepare(
      `DELETE FROM tasks WHERE updated_at < ? OR local_id NOT IN
        (SELECT local_id FROM tasks ORDER BY updated_at DESC LIMIT ?)`,
    ).run(now - MAX_DAYS * 86_400_000, MAX_TASKS);
    const pages = (name: string) => Number(this.#db.prepare(`PRAGMA ${name}`).get()?.[name]);
    const size = () => (pages("page_count") - pages("freelist_count")) * pages("page_size");
    while (size() > maxBytes) {
      this.#db.exec("DELETE FROM turns WHERE n IN (SELECT n FROM turns ORDER BY n LIMIT 200)");
    }
  }

  #task(sql: string, ...values: (string | number)[]): TaskRow | null {
    const row = this.#db.prepare(sql).get(...values);
    return row ? taskRow.parse(row) : null;
  }
}

function open(path: string): DatabaseSync {
  const db = new DatabaseSync(path);
  try {
    // A crash of the process loses nothing; a power cut may lose the last rows.
    db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 2000");
    db.exec("PRAGMA foreign_keys = ON");
    db.exec(SCHEMA);
  } catch (error) {
    db.close();
    throw error;
  }
  return db;
}
