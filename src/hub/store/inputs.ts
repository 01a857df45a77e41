/** What people say to turns that run, until the agent has read it. */
import type { InputView } from "../../protocol/mod.ts";
import { type Database, nowText } from "./database.ts";

type UnreadRow = InputView & { readonly subtask_id: number };

const UNREAD = `SELECT d.subtask_id, i.input_id, i.text, i.state, i.created_at FROM inputs i
  JOIN dispatches d ON d.id = i.dispatch_id WHERE i.state <> 'read'`;

/** See the module comment. */
export class InputStore {
  constructor(private readonly db: Database) {}

  /** Keeps a message for an attempt that is open. */
  add(dispatchId: number, inputId: string, text: string): void {
    this.db.run(
      "INSERT INTO inputs (dispatch_id, input_id, text, created_at) VALUES (?, ?, ?, ?)",
      dispatchId,
      inputId,
      text,
      nowText(),
    );
  }

  /** Messages an attempt got, read or not. */
  count(dispatchId: number): number {
    return this.db.get<{ n: number }>(
      "SELECT count(*) AS n FROM inputs WHERE dispatch_id = ?",
      dispatchId,
    )?.n ?? 0;
  }

  /** Those of an attempt that wait to be read, oldest first. */
  pending(dispatchId: number): { input_id: string; text: string }[] {
    return this.db.all(
      "SELECT input_id, text FROM inputs WHERE dispatch_id = ? AND state = 'pending' ORDER BY id",
      dispatchId,
    );
  }

  /** The agent has read it. */
  read(dispatchId: number, inputId: string): void {
    this.db.run(
      `UPDATE inputs SET state = 'read' WHERE dispatch_id = ? AND input_id = ? AND state = 'pending'`,
      dispatchId,
      inputId,
    );
  }

  /** What the turn's attempts have not read, oldest first. */
  unread(subtaskId: number): InputView[] {
    return this.db.all<UnreadRow>(`${UNREAD} AND d.subtask_id = ? ORDER BY i.id`, subtaskId)
      .map(viewOf);
  }

  /** The same for all turns of a task. */
  unreadOfTask(taskId: number): Map<number, InputView[]> {
    const rows = this.db.all<UnreadRow>(`${UNREAD} AND d.task_id = ? ORDER BY i.id`, taskId);
    const found = new Map<number, InputView[]>();
    for (const row of rows) {
      const known = found.get(row.subtask_id);
      if (known) known.push(viewOf(row));
      else found.set(row.subtask_id, [viewOf(row)]);
    }
    return found;
  }

  /**
   * Removes a message that was left unread.
   *
   * @returns Its text; undefined when there is no such message.
   */
  takeBack(subtaskId: number, inputId: string): string | undefined {
    return this.db.get<{ text: string }>(
      `DELETE FROM inputs WHERE input_id = ? AND state = 'unread' AND dispatch_id IN
         (SELECT id FROM dispatches WHERE subtask_id = ?) RETURNING text`,
      inputId,
      subtaskId,
    )?.text;
  }
}

function viewOf({ input_id, text, state, created_at }: UnreadRow): InputView {
  return { input_id, text, state, created_at };
}
