/**
 * Slots and queue of a device, as a pure state machine: which run holds a slot, which one waits.
 *
 * A run starts when a slot is free and no other run of its task holds one; runs wait in the order
 * they came, and one that waits for its own task does not hold up the others.
 */

/** A run as the slots see it. */
export interface SlotEntry {
  readonly subtaskId: number;
  readonly taskId: number;
}

/** Hands out the slots of a device. */
export class Slots<E extends SlotEntry> {
  readonly #running = new Map<number, E>();
  readonly #queue: E[] = [];

  /** @param max Number of runs that may hold a slot at once; at least 1. */
  constructor(readonly max: number) {
    if (!Number.isInteger(max) || max < 1) {
      throw new RangeError(
        `Cannot use ${max} slots: it must be a whole number from 1`,
      );
    }
  }

  /** Puts a run at the end of the queue; {@link next} lets it start. */
  enqueue(entry: E): void {
    this.#queue.push(entry);
  }

  /** Takes the runs that may start now out of the queue and gives each a slot. */
  next(): E[] {
    const started: E[] = [];
    const busy = new Set(Array.from(this.#running.values(), (e) => e.taskId));
    for (let i = 0; i < this.#queue.length && this.#running.size < this.max;) {
      const entry = this.#queue[i]!;
      if (busy.has(entry.taskId)) {
        i++;
        continue;
      }
      this.#queue.splice(i, 1);
      this.hold(entry);
      busy.add(entry.taskId);
      started.push(entry);
    }
    return started;
  }

  /** Gives a run a slot without asking: one that outlived the previous daemon. */
  hold(entry: E): void {
    this.#running.set(entry.subtaskId, entry);
  }

  /** Frees the run's slot or removes it from the queue; false when it had neither. */
  release(subtaskId: number): boolean {
    if (this.#running.delete(subtaskId)) return true;
    const at = this.#queue.findIndex((e) => e.subtaskId === subtaskId);
    if (at >= 0) this.#queue.splice(at, 1);
    return at >= 0;
  }

  get running(): E[] {
    return [...this.#running.values()];
  }

  get queued(): E[] {
    return [...this.#queue];
  }

  /** Task ids that hold a slot: sorted, unique. */
  get runningTaskIds(): number[] {
    return uniqueSorted(this.running);
  }

  /** Task ids that wait: sorted, unique. */
  get queuedTaskIds(): number[] {
    return uniqueSorted(this.#queue);
  }
}

function uniqueSorted(entries: readonly SlotEntry[]): number[] {
  return [...new Set(entries.map((e) => e.taskId))].sort((a, b) => a - b);
}
