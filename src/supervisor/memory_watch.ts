/**
 * Ends sessions that only wait when the machine runs short of memory: spares first, then the session that has
 * been silent for longest. What a conversation needs to go on is on disk; its next turn starts a new agent.
 */

/** A session that could be ended. */
export interface WaitingSession {
  readonly hostId: string;
  /** Nobody has used it yet. */
  readonly spare: boolean;
  /** When its host last said anything, in milliseconds. */
  readonly lastSign: number;
}

/** What a watch looks at and does. */
export interface MemorySeam {
  /** Bytes that programs can still have. */
  available(): number;
  sessions(): readonly WaitingSession[];
  /** Asks a session to end if nothing runs in it. */
  retire(session: WaitingSession): void;
}

/** Options of {@link MemoryWatch}. */
export interface MemoryOptions {
  /** Below this many free bytes sessions are ended. */
  readonly keepFree: number;
  /** Pause between two looks, in milliseconds. @default 15_000 */
  readonly everyMs?: number;
  /** One that was asked lately, and is still there, is at work. @default 60_000 */
  readonly askAgainMs?: number;
}

/** See the module comment. */
export class MemoryWatch {
  readonly #timer: ReturnType<typeof setInterval>;
  /** When each session was asked last. */
  readonly #asked = new Map<string, number>();

  constructor(private readonly seam: MemorySeam, private readonly options: MemoryOptions) {
    this.#timer = setInterval(() => this.look(), options.everyMs ?? 15_000);
    Deno.unrefTimer(this.#timer);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Ends at most one session: what it frees is seen at the next look. */
  look(now = Date.now()): void {
    const { askAgainMs = 60_000, keepFree } = this.options;
    if (this.seam.available() >= keepFree) return;
    const sessions = this.seam.sessions();
    const alive = new Set(sessions.map(({ hostId }) => hostId));
    for (const id of this.#asked.keys()) if (!alive.has(id)) this.#asked.delete(id);
    const next = sessions
      .filter(({ hostId }) => now - (this.#asked.get(hostId) ?? -Infinity) >= askAgainMs)
      .toSorted((a, b) => Number(b.spare) - Number(a.spare) || a.lastSign - b.lastSign)[0];
    if (!next) return;
    this.#asked.set(next.hostId, now);
    this.seam.retire(next);
  }
}
