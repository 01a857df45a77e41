/** The directories of conversations: what was chosen for (task, device) and what the device made of it. */
import type { DirectoryChoice, TaskWorkdir } from "../../protocol/mod.ts";
import { type Database, nowText } from "./database.ts";

/** One binding; see {@link TaskWorkdir} for its members. */
export interface WorkdirRow extends TaskWorkdir {
  readonly task_id: number;
  readonly device_id: string;
  /** Directory of a standalone chat, as the device reported it; goes back with the next turn. */
  readonly chat_path: string | null;
}

/** What a device says of the directory it uses. */
export type Effective = Pick<TaskWorkdir, "origin" | "code" | "notice"> & { readonly path: string };

/** Reason code of a conversation that went to another device than the one its directory is on. */
const MOVED = "workdir_device_mismatch";
/** The row keeps {@link WorkdirStore.explainMove}'s words: the device has no other ones. */
const KEEPS = `policy IS NULL AND code = '${MOVED}' AND excluded.code IS NULL`;

/** Bindings in the database. */
export class WorkdirStore {
  constructor(private readonly db: Database) {}

  get(taskId: number, deviceId: string): WorkdirRow | undefined {
    return this.db.get(
      "SELECT * FROM task_workdirs WHERE task_id = ? AND device_id = ?",
      taskId,
      deviceId,
    );
  }

  /** The binding of the task, on any device, for which somebody chose a directory most lately. */
  lastChosen(taskId: number): WorkdirRow | undefined {
    return this.db.get(
      `SELECT * FROM task_workdirs WHERE task_id = ? AND policy IS NOT NULL
         ORDER BY chosen_at DESC, device_id LIMIT 1`,
      taskId,
    );
  }

  /** Stores a choice; what the device said of another one before is forgotten. */
  choose(taskId: number, deviceId: string, choice: DirectoryChoice): void {
    const now = nowText();
    this.db.run(
      `INSERT INTO task_workdirs (task_id, device_id, policy, workdir, git_url, branch_name,
           chosen_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (task_id, device_id) DO UPDATE SET policy = excluded.policy,
           workdir = excluded.workdir, git_url = excluded.git_url, branch_name = excluded.branch_name,
           path = NULL, origin = NULL, code = NULL, notice = NULL, chat_path = NULL,
           chosen_at = excluded.chosen_at, updated_at = excluded.updated_at`,
      taskId,
      deviceId,
      choice.policy,
      choice.workdir,
      choice.git_url,
      choice.branch_name,
      now,
      now,
    );
  }

  /** Says why the task works in no chosen directory on this device although it has one elsewhere. */
  explainMove(taskId: number, deviceId: string, notice: string): void {
    this.db.run(
      `INSERT INTO task_workdirs (task_id, device_id, code, notice, updated_at) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (task_id, device_id) DO NOTHING`,
      taskId,
      deviceId,
      MOVED,
      notice,
      nowText(),
    );
  }

  /**
   * Stores what the device says, also for a task without a choice. A managed directory does not take
   * back the explanation that {@link explainMove} gave; a chat's directory is kept for the next turn.
   */
  report(taskId: number, deviceId: string, effective: Effective): void {
    this.db.run(
      `INSERT INTO task_workdirs (task_id, device_id, path, origin, code, notice, updated_at)
         VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (task_id, device_id) DO UPDATE SET path = excluded.path, origin = excluded.origin,
           code = iif(${KEEPS}, code, excluded.code), notice = iif(${KEEPS}, notice, excluded.notice),
           chat_path = iif(policy = 'chat' AND excluded.origin = 'chat', excluded.path, chat_path),
           updated_at = excluded.updated_at`,
      taskId,
      deviceId,
      effective.path,
      effective.origin,
      effective.code,
      effective.notice,
      nowText(),
    );
  }

  /** Keeps the directory of a standalone chat; nothing happens when something else was chosen since. */
  setChatPath(taskId: number, deviceId: string, path: string): void {
    this.db.run(
      `UPDATE task_workdirs SET chat_path = ?, updated_at = ?
         WHERE task_id = ? AND device_id = ? AND policy = 'chat'`,
      path,
      nowText(),
      taskId,
      deviceId,
    );
  }
}
