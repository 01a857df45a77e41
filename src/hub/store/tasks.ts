/** Conversations, their messages, and which device was asked to run which turn. */
import { AppError } from "../../platform/mod.ts";
import type { PermissionMode, RunningTask, SubtaskStatus } from "../../protocol/mod.ts";
import { type Database, nowText } from "./database.ts";
import { decodeText, encodeText, type StoredText } from "./text.ts";

export interface TaskRow {
  id: number;
  user_id: number;
  title: string;
  device_id: string | null;
  permission_mode: PermissionMode;
  created_at: string;
  updated_at: string;
}

export interface SubtaskRow {
  id: number;
  task_id: number;
  message_id: number;
  role: "user" | "assistant";
  status: SubtaskStatus;
  content: string;
  error: string | null;
  error_code: string | null;
  usage: string | null;
  device_id: string | null;
  attempt: number;
  created_at: string;
  updated_at: string;
}

/** One attempt to run a turn on a device. */
export interface DispatchRow {
  id: number;
  user_id: number;
  device_id: string;
  task_id: number;
  subtask_id: number;
  attempt: number;
  /** The device's name for the run, known from its first event. */
  session: string | null;
  last_seq: number;
  /** Closed: the turn's fate is settled and events change nothing any more. */
  state: "open" | "closed";
  /** `accepted`: the device acknowledged or sent an event; `ended`: its terminal event was seen. */
  device_state: "unsent" | "sent" | "accepted" | "ended";
  cancel_requested: number;
  /** Questions of it that wait for the person. */
  open_questions: number;
  created_at: string;
}

/** How a turn ended. */
export interface TurnEnd {
  status: "COMPLETED" | "FAILED" | "CANCELLED";
  content: string;
  error?: string;
  errorCode?: string;
  usage?: unknown;
}

interface StoredSubtask extends Omit<SubtaskRow, "content"> {
  content: StoredText;
}

function readable(row: StoredSubtask): SubtaskRow {
  return { ...row, content: decodeText(row.content) };
}

const OPEN_OR_UNENDED = "(state = 'open' OR device_state <> 'ended')";

/** Conversations in the database. */
export class TaskStore {
  constructor(private readonly db: Database) {}

  /** The task if `userId` owns it and it is not deleted. */
  task(userId: number, id: number): TaskRow | undefined {
    return this.db.get(
      "SELECT * FROM tasks WHERE id = ? AND user_id = ? AND is_deleted = 0",
      id,
      userId,
    );
  }

  tasks(
    userId: number,
    limit: number,
  ): (TaskRow & { status: SubtaskStatus; waiting: number })[] {
    return this.db.all(
      `SELECT t.*, EXISTS (SELECT 1 FROM subtasks s JOIN dispatches d ON d.subtask_id = s.id
           AND d.state = 'open' AND d.open_questions > 0 WHERE s.task_id = t.id
           AND s.status = 'RUNNING') AS waiting, coalesce((SELECT status FROM subtasks s WHERE s.task_id = t.id AND role = 'assistant'
         ORDER BY message_id DESC LIMIT 1), 'COMPLETED') AS status
       FROM tasks t WHERE user_id = ? AND is_deleted = 0 ORDER BY updated_at DESC, id DESC LIMIT ?`,
      userId,
      limit,
    );
  }

  removeTask(userId: number, id: number): void {
    this.db.run(
      "UPDATE tasks SET is_deleted = 1 WHERE id = ? AND user_id = ?",
      id,
      userId,
    );
  }

  subtask(id: number): SubtaskRow | undefined {
    const row = this.db.get<StoredSubtask>(
      "SELECT * FROM subtasks WHERE id = ?",
      id,
    );
    return row && readable(row);
  }

  /** The last `limit` messages after `afterMessageId`, oldest first. */
  subtasks(
    taskId: number,
    afterMessageId: number,
    limit: number,
  ): SubtaskRow[] {
    return this.db.all<StoredSubtask>(
      `SELECT * FROM subtasks WHERE task_id = ? AND message_id > ? ORDER BY message_id DESC LIMIT ?`,
      taskId,
      afterMessageId,
      limit,
    ).reverse().map(readable);
  }

  /** The turn of `taskId` that is not final yet. */
  openTurn(taskId: number): SubtaskRow | undefined {
    const row = this.db.get<StoredSubtask>(
      "SELECT * FROM subtasks WHERE task_id = ? AND status IN ('PENDING', 'RUNNING') LIMIT 1",
      taskId,
    );
    return row && readable(row);
  }

  /**
   * Adds a person's message and the turn that will answer it; without `taskId` in a new task.
   *
   * @throws {AppError} `task_running` when a turn of the task is not final.
   */
  addTurn(
    userId: number,
    taskId: number | null,
    title: string,
    message: string,
    deviceId: string,
  ): { task: TaskRow; user: SubtaskRow; turn: SubtaskRow } {
    return this.db.transaction(() => {
      const now = nowText();
      if (taskId !== null && this.openTurn(taskId)) {
        throw new AppError("task_running", "Task is still running");
      }
      const id = taskId ?? this.db.run(
        "INSERT INTO tasks (user_id, title, device_id, created_at, updated_at) VALUES (?, ?, ?, ?, ?)",
        userId,
        title,
        deviceId,
        now,
        now,
      ).id;
      this.db.run(
        "UPDATE tasks SET device_id = ?, updated_at = ? WHERE id = ?",
        deviceId,
        now,
        id,
      );
      const last = this.db.get<{ n: number | null }>(
        "SELECT max(message_id) AS n FROM subtasks WHERE task_id = ?",
        id,
      )?.n ?? 0;
      const add = `INSERT INTO subtasks (task_id, message_id, role, status, content, device_id,
          created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`;
      const user = this.db.run(
        add,
        id,
        last + 1,
        "user",
        "COMPLETED",
        encodeText(message),
        null,
        now,
        now,
      );
      const turn = this.db.run(
        add,
        id,
        last + 2,
        "assistant",
        "PENDING",
        "",
        deviceId,
        now,
        now,
      );
      return {
        task: this.task(userId, id)!,
        user: this.subtask(user.id)!,
        turn: this.subtask(turn.id)!,
      };
    });
  }

  /** The message of the person that `turn` answers. */
  promptOf(turn: SubtaskRow): string {
    const row = this.db.get<{ content: StoredText }>(
      `SELECT content FROM subtasks WHERE task_id = ? AND role = 'user' AND message_id < ?
         ORDER BY message_id DESC LIMIT 1`,
      turn.task_id,
      turn.message_id,
    );
    return row ? decodeText(row.content) : "";
  }

  /**
   * Starts the next attempt of a turn: a failed or cancelled one becomes pending again.
   *
   * @throws When the turn's state does not allow it.
   */
  addDispatch(
    userId: number,
    turn: SubtaskRow,
    deviceId: string,
  ): DispatchRow {
    return this.db.transaction(() => {
      const now = nowText();
      this.db.run(
        `UPDATE subtasks SET status = 'PENDING', attempt = ?, device_id = ?, content = '', error = NULL,
           error_code = NULL, usage = NULL, updated_at = ? WHERE id = ?`,
        turn.attempt + 1,
        deviceId,
        now,
        turn.id,
      );
      this.db.run(
        "UPDATE tasks SET device_id = ?, updated_at = ? WHERE id = ?",
        deviceId,
        now,
        turn.task_id,
      );
      const { id } = this.db.run(
        `INSERT INTO dispatches (user_id, device_id, task_id, subtask_id, attempt, created_at)
         VALUES (?, ?, ?, ?, ?, ?)`,
        userId,
        deviceId,
        turn.task_id,
        turn.id,
        turn.attempt + 1,
        now,
      );
      return this.dispatch(id)!;
    });
  }

  dispatch(id: number): DispatchRow | undefined {
    return this.db.get("SELECT * FROM dispatches WHERE id = ?", id);
  }

  /** The attempt that counts now. */
  currentDispatch(subtaskId: number): DispatchRow | undefined {
    return this.db.get(
      "SELECT * FROM dispatches WHERE subtask_id = ? ORDER BY attempt DESC LIMIT 1",
      subtaskId,
    );
  }

  dispatchBySession(
    userId: number,
    deviceId: string,
    session: string,
  ): DispatchRow | undefined {
    return this.db.get(
      "SELECT * FROM dispatches WHERE user_id = ? AND device_id = ? AND session = ?",
      userId,
      deviceId,
      session,
    );
  }

  /**
   * The oldest attempt of a turn on this device that has no session yet and may still get one: a late
   * run of an earlier attempt must not be taken for the present one.
   */
  unboundDispatch(
    userId: number,
    deviceId: string,
    subtaskId: number,
  ): DispatchRow | undefined {
    return this.db.get(
      `SELECT * FROM dispatches WHERE user_id = ? AND device_id = ? AND subtask_id = ? AND session IS NULL
         AND device_state IN ('sent', 'accepted') ORDER BY attempt LIMIT 1`,
      userId,
      deviceId,
      subtaskId,
    );
  }

  /** Attempts that are open, or that the device may still be working on. */
  liveDispatches(userId: number, deviceId: string): DispatchRow[] {
    return this.db.all(
      `SELECT * FROM dispatches WHERE user_id = ? AND device_id = ? AND ${OPEN_OR_UNENDED} ORDER BY id`,
      userId,
      deviceId,
    );
  }

  /** Turns a device was given that are not final. */
  runningTasks(userId: number, deviceId: string): RunningTask[] {
    return this.db.all(
      `SELECT d.task_id, d.subtask_id, t.title, s.status, d.created_at
         FROM dispatches d JOIN subtasks s ON s.id = d.subtask_id JOIN tasks t ON t.id = d.task_id
         WHERE d.user_id = ? AND d.device_id = ? AND d.state = 'open' ORDER BY d.id`,
      userId,
      deviceId,
    );
  }

  /** Every open attempt, for the start of the hub. */
  openDispatches(): DispatchRow[] {
    return this.db.all("SELECT * FROM dispatches WHERE state = 'open'");
  }

  /** Highest stored sequence number by session, of live runs and of those that ended lately. */
  lastSeqs(userId: number, deviceId: string): Record<string, number> {
    const rows = this.db.all<{ session: string; last_seq: number }>(
      `SELECT session, last_seq FROM dispatches WHERE user_id = ? AND device_id = ? AND session IS NOT NULL
         ORDER BY ${OPEN_OR_UNENDED} DESC, id DESC LIMIT 500`,
      userId,
      deviceId,
    );
    return Object.fromEntries(rows.map((row) => [row.session, row.last_seq]));
  }

  bindSession(id: number, session: string): void {
    this.db.run(
      "UPDATE dispatches SET session = ?, device_state = 'accepted' WHERE id = ?",
      session,
      id,
    );
  }

  setSeq(id: number, seq: number): void {
    this.db.run("UPDATE dispatches SET last_seq = ? WHERE id = ?", seq, id);
  }

  /** Moves the device's side of an attempt forward; `ended` is never left. */
  setDeviceState(id: number, state: DispatchRow["device_state"]): void {
    this.db.run(
      "UPDATE dispatches SET device_state = ? WHERE id = ? AND device_state <> 'ended'",
      state,
      id,
    );
  }

  setCancelRequested(id: number): void {
    this.db.run(
      "UPDATE dispatches SET cancel_requested = 1 WHERE id = ?",
      id,
    );
  }

  /** The turn was handed to the device. */
  setRunning(subtaskId: number): void {
    this.db.run(
      "UPDATE subtasks SET status = 'RUNNING', updated_at = ? WHERE id = ? AND status = 'PENDING'",
      nowText(),
      subtaskId,
    );
  }

  /**
   * Settles a turn, once.
   *
   * @returns False when it was settled before; nothing changes then.
   */
  end(dispatch: DispatchRow, end: TurnEnd): boolean {
    return this.db.transaction(() => {
      const now = nowText();
      const { changes } = this.db.run(
        `UPDATE dispatches SET state = 'closed', ended_at = ? WHERE id = ? AND state = 'open'`,
        now,
        dispatch.id,
      );
      if (changes === 0) return false;
      this.db.run(
        `UPDATE subtasks SET status = ?, content = ?, error = ?, error_code = ?, usage = ?, updated_at = ?
           WHERE id = ?`,
        end.status,
        encodeText(end.content),
        end.error ?? null,
        end.errorCode ?? null,
        end.usage === undefined ? null : JSON.stringify(end.usage),
        now,
        dispatch.subtask_id,
      );
      this.db.run(
        "UPDATE tasks SET updated_at = ? WHERE id = ?",
        now,
        dispatch.task_id,
      );
      return true;
    });
  }
}
