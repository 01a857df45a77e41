/** `@std/async`, typed: the npm mirror of the standard library carries no type declarations. */
import * as deadlineModule from "@std/async/deadline";
import * as delayModule from "@std/async/delay";

export const { deadline } = deadlineModule as unknown as {
  /** Rejects with a `TimeoutError` when `promise` takes longer than `ms` milliseconds. */
  deadline<T>(
    promise: Promise<T>,
    ms: number,
    options?: { signal?: AbortSignal },
  ): Promise<T>;
};
export const { delay } = delayModule as unknown as {
  /** Resolves after `ms` milliseconds; rejects when `signal` aborts. */
  delay(
    ms: number,
    options?: { signal?: AbortSignal; persistent?: boolean },
  ): Promise<void>;
};
