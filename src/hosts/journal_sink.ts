/**
 * The way of a turn's events into its journal: secrets taken out, one write per batch, a bound on the
 * size, and a disk that may be full. Whatever happens, the run's terminal event is written in the end.
 */
import type { ResponseBuilder, ResponseEvent } from "../protocol/mod.ts";
import type { JournalTail, JournalWriter } from "./journal.ts";
import type { EventMasker } from "./secrets.ts";

/** Pause between attempts to write the terminal event, in milliseconds. */
const RETRY_MS = 1000;

/** Who hears of the journal's growth. */
export interface SinkEvents {
  onTail(tail: JournalTail, ended: boolean): void;
  /** The first write that failed; later events are left out. */
  onFailure(error: unknown): void;
}

/** See the module comment. */
export class JournalSink {
  #failed = false;
  #leftOut = 0;

  constructor(
    private readonly writer: JournalWriter,
    readonly builder: ResponseBuilder,
    private readonly events: SinkEvents,
    private readonly masker: EventMasker,
  ) {}

  /**
   * Appends a batch; beyond the quota, or once a write has failed, it is only counted.
   *
   * @returns False when it was left out.
   */
  append(batch: readonly ResponseEvent[]): boolean {
    if (batch.length === 0) return true;
    if (this.#failed || this.writer.full) {
      this.#leftOut += batch.length;
      return false;
    }
    try {
      const masked = this.masker.take(batch);
      if (masked.length > 0) this.events.onTail(this.writer.append(masked), false);
      return true;
    } catch (error) {
      this.#failed = true;
      this.#leftOut += batch.length;
      this.events.onFailure(error);
      return false;
    }
  }

  /**
   * Writes the terminal event that `last` makes, trying again until the disk takes it.
   *
   * @param giveUp Ends the attempts, for a host that must go.
   * @returns False when it could not be written.
   */
  async end(
    last: (builder: ResponseBuilder) => ResponseEvent[],
    giveUp: AbortSignal,
  ): Promise<boolean> {
    const batch = this.masker.take([...this.#gap(), ...last(this.builder)]);
    try {
      for (;;) {
        if (this.#tryEnd(batch)) return true;
        if (giveUp.aborted) return false;
        await pause(RETRY_MS, giveUp);
      }
    } finally {
      this.writer.close();
    }
  }

  #tryEnd(batch: readonly ResponseEvent[]): boolean {
    try {
      this.events.onTail(this.writer.append(batch, { sync: true }), true);
      return true;
    } catch (error) {
      if (!this.#failed) this.events.onFailure(error);
      this.#failed = true;
      return false;
    }
  }

  #gap(): ResponseEvent[] {
    if (this.#leftOut === 0) return [];
    const reason = this.#failed
      ? "the disk of the device took no more"
      : "this turn reached the limit of its record";
    return this.builder.reasoning(
      `\n${this.#leftOut} events are left out here: ${reason}.\n`,
    );
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done);
  });
}
