/** What the agent of a conversation may do unasked, and whether it waits for its person. */
import { MAX_RULES, type PermissionMode, type PermissionRule } from "../../protocol/mod.ts";
import type { Database } from "./database.ts";

/** See the module comment. */
export class PermissionStore {
  constructor(private readonly db: Database) {}

  /** Whether the agent asks; without a need to ask, what was allowed once is forgotten. */
  setMode(taskId: number, mode: PermissionMode): void {
    this.db.transaction(() => {
      this.db.run("UPDATE tasks SET permission_mode = ? WHERE id = ?", mode, taskId);
      if (mode === "bypass") this.db.run("DELETE FROM task_permissions WHERE task_id = ?", taskId);
    });
  }

  /** What the person has allowed for the conversation, oldest first. */
  rules(taskId: number): PermissionRule[] {
    const rows = this.db.all<{ tool: string; match: string | null }>(
      "SELECT tool, match FROM task_permissions WHERE task_id = ? ORDER BY id",
      taskId,
    );
    return rows.map(({ tool, match }) => ({ tool, match }));
  }

  /** Keeps a rule; of too many the oldest goes. */
  addRule(taskId: number, { tool, match }: PermissionRule): void {
    this.db.run(
      "INSERT OR IGNORE INTO task_permissions (task_id, tool, match) VALUES (?, ?, ?)",
      taskId,
      tool,
      match,
    );
    this.db.run(
      `DELETE FROM task_permissions WHERE task_id = ?1 AND id NOT IN
         (SELECT id FROM task_permissions WHERE task_id = ?1 ORDER BY id DESC LIMIT ?2)`,
      taskId,
      MAX_RULES,
    );
  }

  /** How many questions of an attempt are open. */
  setOpen(dispatchId: number, count: number): void {
    this.db.run("UPDATE dispatches SET open_questions = ? WHERE id = ?", count, dispatchId);
  }

  /** True while a turn of the conversation waits for an answer. */
  waiting(taskId: number): boolean {
    return this.db.get(
      `SELECT 1 FROM subtasks s JOIN dispatches d ON d.subtask_id = s.id AND d.state = 'open'
         AND d.open_questions > 0 WHERE s.task_id = ? AND s.status = 'RUNNING'`,
      taskId,
    ) !== undefined;
  }
}
