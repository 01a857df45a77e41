/** Waiting with a limit: every wait in the tests ends, with words on what was awaited. */
import { delay } from "../../src/platform/std/async.ts";

/** Signals that something changed, to whoever waits for a condition. */
export class Pulse {
  #waiters = new Set<() => void>();

  /** Wakes all waiters; they look at their condition again. */
  beat(): void {
    for (const wake of [...this.#waiters]) wake();
  }

  /**
   * Resolves with the first value of `probe` that is neither undefined, null nor false; `probe` is
   * called at once and after each beat.
   *
   * @param ms Longest wait in milliseconds.
   * @param what What is awaited, for the error; a function is called only when time is up.
   * @throws {Error} When time is up.
   */
  async until<T>(
    probe: () => T | undefined | null | false,
    ms: number,
    what: string | (() => string),
  ): Promise<T> {
    const deadline = performance.now() + ms;
    for (;;) {
      const found = probe();
      if (found !== undefined && found !== null && found !== false) {
        return found;
      }
      const left = deadline - performance.now();
      if (left <= 0) {
        const words = typeof what === "string" ? what : what();
        throw new Error(`Waited ${ms} ms in vain for ${words}`);
      }
      await this.#next(left);
    }
  }

  #next(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#waiters.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      this.#waiters.add(wake);
    });
  }
}

/**
 * Resolves with the first value of `probe` that is neither undefined, null nor false, looking every
 * `everyMs` milliseconds; for conditions outside this process.
 *
 * @throws {Error} When `ms` milliseconds have passed.
 */
export async function poll<T>(
  probe: () =>
    | T
    | undefined
    | null
    | false
    | Promise<
      T | undefined | null | false
    >,
  ms: number,
  what: string | (() => string),
  everyMs = 20,
): Promise<T> {
  const deadline = performance.now() + ms;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== null && found !== false) return found;
    if (performance.now() >= deadline) {
      const words = typeof what === "string" ? what : what();
      throw new Error(`Waited ${ms} ms in vain for ${words}`);
    }
    await delay(everyMs);
  }
}
