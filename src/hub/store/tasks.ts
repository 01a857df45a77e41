/** Conversations and their messages. */
import { AppError } from "../../platform/mod.ts";
import type { AgentKind, ModelChoice, PermissionMode, SubtaskStatus } from "../../protocol/mod.ts";
import { type Database, nowText } from "./database.ts";
import { decodeText, encodeText, type StoredText } from "./text.ts";

export interface TaskRow extends ModelChoice {
  id: number;
  user_id: number;
  title: string;
  device_id: string | null;
  agent: AgentKind;
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

interface StoredSubtask extends Omit<SubtaskRow, "content"> {
  content: StoredText;
}

function readable(row: StoredSubtask): SubtaskRow {
  return { ...row, content: decodeText(row.content) };
}

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

  /** The model from the next turn on. */
  setModel(id: number, { model, effort }: ModelChoice): void {
    this.db.run("UPDATE tasks SET model = ?, effort = ? WHERE id = ?", model, effort, id);
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
   * @param agent Of a new task.
   * @throws {AppError} `task_running` when a turn of the task is not final.
   */
  addTurn(
    userId: number,
    taskId: number | null,
    title: string,
    message: string,
    deviceId: string,
    agent: AgentKind = "claude",
  ): { task: TaskRow; user: SubtaskRow; turn: SubtaskRow } {
    return this.db.transaction(() => {
      const now = nowText();
      if (taskId !== null && this.openTurn(taskId)) {
        throw new AppError("task_running", "Task is still running");
      }
      const id = taskId ?? this.db.run(
        `INSERT INTO tasks (user_id, title, device_id, agent, created_at, updated_at)
           VALUES (?, ?, ?, ?, ?, ?)`,
        userId,
        title,
        deviceId,
        agent,
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
  messageOf(turn: SubtaskRow): SubtaskRow | undefined {
    const row = this.db.get<StoredSubtask>(
      `SELECT * FROM subtasks WHERE task_id = ? AND role = 'user' AND message_id < ?
         ORDER BY message_id DESC LIMIT 1`,
      turn.task_id,
      turn.message_id,
    );
    return row && readable(row);
  }

  /** The turn was handed to the device. */
  setRunning(subtaskId: number): void {
    this.db.run(
      "UPDATE subtasks SET status = 'RUNNING', updated_at = ? WHERE id = ? AND status = 'PENDING'",
      nowText(),
      subtaskId,
    );
  }
}
