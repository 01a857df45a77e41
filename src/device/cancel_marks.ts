/** Cancels that came before the task they mean: events may overtake each other. */

/** Longest life of a mark: a stale one must not kill a later message of the same task. */
const MARK_MS = 10 * 60_000;
const MAX_MARKS = 1000;
const MAX_ENDED = 1000;

/** Remembers cancels of unknown runs until the run arrives. */
export class CancelMarks {
  readonly #marks = new Map<string, number>();
  /** Subtasks that ended lately, oldest first. */
  readonly #ended = new Set<number>();

  constructor(private readonly now: () => number = Date.now) {}

  /** A cancel that comes late means this run, and no retry of it. */
  ended(subtaskId: number): void {
    this.#ended.add(subtaskId);
    if (this.#ended.size <= MAX_ENDED) return;
    const oldest = this.#ended.values().next().value;
    if (oldest !== undefined) this.#ended.delete(oldest);
  }

  /** @param subtaskId Null means any turn of the task. */
  add(taskId: number, subtaskId: number | null): void {
    if (subtaskId !== null && this.#ended.has(subtaskId)) return;
    if (this.#marks.size >= MAX_MARKS) {
      const oldest = this.#marks.keys().next().value;
      if (oldest !== undefined) this.#marks.delete(oldest);
    }
    this.#marks.set(markKey(taskId, subtaskId), this.now() + MARK_MS);
  }

  /** True, once, when a cancel of this run or of its task has come before it. */
  take(taskId: number, subtaskId: number): boolean {
    for (const key of [markKey(taskId, subtaskId), markKey(taskId, null)]) {
      const until = this.#marks.get(key);
      if (until === undefined) continue;
      this.#marks.delete(key);
      if (until >= this.now()) return true;
    }
    return false;
  }
}

function markKey(taskId: number, subtaskId: number | null): string {
  return subtaskId === null ? `task ${taskId}` : `subtask ${subtaskId}`;
}
