/** Counts attempts by key in a sliding window; bounded in memory. */

const MAX_KEYS = 10_000;

/** At most `limit` attempts within `windowMs` milliseconds for each key. */
export class RateLimit {
  readonly #attempts = new Map<string, number[]>();

  constructor(
    private readonly limit: number,
    private readonly windowMs: number,
  ) {}

  /** True while `key` has attempts left. */
  allows(key: string, now: number = Date.now()): boolean {
    return this.#recent(key, now).length < this.limit;
  }

  /** Counts an attempt. */
  count(key: string, now: number = Date.now()): void {
    const recent = this.#recent(key, now);
    recent.push(now);
    // Re-inserted at the end, so that the oldest key is the first one to go.
    this.#attempts.delete(key);
    this.#attempts.set(key, recent);
    if (this.#attempts.size > MAX_KEYS) {
      const oldest = this.#attempts.keys().next();
      if (!oldest.done) this.#attempts.delete(oldest.value);
    }
  }

  /** Counts an attempt if one is left; false when none is. */
  take(key: string, now: number = Date.now()): boolean {
    if (!this.allows(key, now)) return false;
    this.count(key, now);
    return true;
  }

  #recent(key: string, now: number): number[] {
    return (this.#attempts.get(key) ?? []).filter((at) => at > now - this.windowMs);
  }
}
