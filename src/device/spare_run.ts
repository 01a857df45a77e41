/** Directory and journal for the next task, made beforehand: they are what its first event waits for. */
import { errorText, removeIfExists } from "../platform/mod.ts";
import type { PreparedRun, RunStore } from "./run_store.ts";

/** Pause before the next one is made, so that it does not delay the task at hand. */
const PAUSE_MS = 50;

/** See the module comment. */
export class SpareRun {
  #spare: PreparedRun | null = null;
  #closed = false;

  constructor(private readonly store: RunStore, private readonly onFault: (text: string) => void) {}

  /** The prepared one, or one made now; another is made a little later. */
  take(): PreparedRun {
    const taken = this.#spare ?? this.store.prepare();
    this.#spare = null;
    setTimeout(() => this.prepare(), PAUSE_MS);
    return taken;
  }

  prepare(): void {
    if (this.#closed || this.#spare) return;
    try {
      this.#spare = this.store.prepare();
    } catch (error) {
      // The next task tries again and then says so itself.
      this.onFault(errorText(error));
    }
  }

  /** No more tasks come: makes none. */
  close(): void {
    this.#closed = true;
  }

  /** Removes the prepared one. */
  drop(): void {
    if (!this.#spare) return;
    this.#spare.journal.close();
    removeIfExists(this.store.dir(this.#spare.id), { recursive: true });
    this.#spare = null;
  }
}
