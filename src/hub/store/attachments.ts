/** What is remembered of files: whose they are, which message they came with, where their bytes lie. */
import { type Database, nowText } from "./database.ts";

export interface AttachmentRow {
  id: number;
  user_id: number;
  /** Message it came with; null: it waits to be sent. */
  subtask_id: number | null;
  /** Name of the file that holds the bytes. */
  file: string;
  filename: string;
  mime_type: string;
  size: number;
}

/** Files of messages in the database. */
export class AttachmentStore {
  constructor(private readonly db: Database) {}

  add(row: Omit<AttachmentRow, "id" | "subtask_id">): AttachmentRow {
    const { id } = this.db.run(
      `INSERT INTO attachments (user_id, file, filename, mime_type, size, created_at)
         VALUES (?, ?, ?, ?, ?, ?)`,
      row.user_id,
      row.file,
      row.filename,
      row.mime_type,
      row.size,
      nowText(),
    );
    return this.get(row.user_id, id)!;
  }

  /** The file if it is this user's. */
  get(userId: number, id: number): AttachmentRow | undefined {
    return this.db.get(
      "SELECT * FROM attachments WHERE id = ? AND user_id = ?",
      id,
      userId,
    );
  }

  /** The files of a message. */
  of(subtaskId: number): AttachmentRow[] {
    return this.db.all("SELECT * FROM attachments WHERE subtask_id = ? ORDER BY place", subtaskId);
  }

  ofTask(taskId: number): AttachmentRow[] {
    return this.db.all(
      `SELECT a.* FROM attachments a JOIN subtasks s ON s.id = a.subtask_id WHERE s.task_id = ?
         ORDER BY a.subtask_id, a.place`,
      taskId,
    );
  }

  /** How much of a user waits to be sent. */
  unsent(userId: number): { count: number; bytes: number } {
    return this.db.get<{ count: number; bytes: number }>(
      `SELECT count(*) AS count, coalesce(sum(size), 0) AS bytes FROM attachments
         WHERE user_id = ? AND subtask_id IS NULL`,
      userId,
    )!;
  }

  /**
   * Gives an unsent file to a message, at its place there.
   *
   * @returns False when there is no such file of this user, or it was sent before.
   */
  claim(userId: number, id: number, subtaskId: number, place: number): boolean {
    return this.db.run(
      `UPDATE attachments SET subtask_id = ?, place = ?
         WHERE id = ? AND user_id = ? AND subtask_id IS NULL`,
      subtaskId,
      place,
      id,
      userId,
    ).changes > 0;
  }

  remove(id: number): void {
    this.db.run("DELETE FROM attachments WHERE id = ?", id);
  }

  /** Files that wait to be sent since before `before`. */
  forgotten(before: string): AttachmentRow[] {
    return this.db.all(
      "SELECT * FROM attachments WHERE subtask_id IS NULL AND created_at < ?",
      before,
    );
  }

  /** Names of all files whose bytes are kept. */
  files(): Set<string> {
    const rows = this.db.all<{ file: string }>("SELECT file FROM attachments");
    return new Set(rows.map(({ file }) => file));
  }

  /** Lets whoever has the token fetch the files of the attempt's task, while the attempt is open. */
  addToken(dispatchId: number, tokenHash: string): void {
    this.db.run(
      "INSERT INTO dispatch_tokens (token_hash, dispatch_id) VALUES (?, ?)",
      tokenHash,
      dispatchId,
    );
  }

  /** The file, if the token may fetch it. */
  forToken(tokenHash: string, id: number): AttachmentRow | undefined {
    return this.db.get(
      `SELECT a.* FROM dispatch_tokens k JOIN dispatches d ON d.id = k.dispatch_id AND d.state = 'open'
         JOIN subtasks s ON s.task_id = d.task_id JOIN attachments a ON a.subtask_id = s.id
         WHERE k.token_hash = ? AND a.id = ?`,
      tokenHash,
      id,
    );
  }

  /** True while the token is good for anything. */
  knowsToken(tokenHash: string): boolean {
    return this.db.get("SELECT 1 FROM dispatch_tokens WHERE token_hash = ?", tokenHash) !==
      undefined;
  }
}
