/** Which device was asked to run which turn, and how that went. */
import type { RunningTask } from "../../protocol/mod.ts";
import { type Database, nowText } from "./database.ts";
import type { SubtaskRow } from "./tasks.ts";
import { encodeText } from "./text.ts";

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

const OPEN_OR_UNENDED = "(state = 'open' OR device_state <> 'ended')";

/** Attempts in the database. */
export class DispatchStore {
  constructor(private readonly db: Database) {}

  /**
   * Starts the next attempt of a turn: a failed or cancelled one becomes pending again.
   *
   * @throws When the turn's state does not allow it.
   */
  add(
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
      return this.get(id)!;
    });
  }

  get(id: number): DispatchRow | undefined {
    return this.db.get("SELECT * FROM dispatches WHERE id = ?", id);
  }

  /** The attempt that counts now. */
  current(subtaskId: number): DispatchRow | undefined {
    return this.db.get(
      "SELECT * FROM dispatches WHERE subtask_id = ? ORDER BY attempt DESC LIMIT 1",
      subtaskId,
    );
  }

  bySession(
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
  unbound(
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
  live(userId: number, deviceId: string): DispatchRow[] {
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
  open(): DispatchRow[] {
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
