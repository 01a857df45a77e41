/** Bytes of an agent's standard output → lines, whatever way the bytes are split. */
import { AppError } from "../../platform/mod.ts";

/** Longest line accepted, in bytes. Source: the Wegent executor's limit. */
export const MAX_LINE_BYTES = 50 * 1024 * 1024;

const NEWLINE = 10;

/** What happens to a line that is too long. */
export type Overlong =
  /** {@link LineSplitter.push} throws, and nothing more can be read. */
  | "refuse"
  /** It is left out and counted. */
  | "drop";

/** Cuts a byte stream into lines; memory stays below the longest line allowed. */
export class LineSplitter {
  readonly #decoder = new TextDecoder();
  readonly #overlong: Overlong;
  #max: number;
  #parts: Uint8Array[] = [];
  #length = 0;
  #skipping = false;
  #dropped = 0;

  /** @param max Longest line in bytes. */
  constructor(max = MAX_LINE_BYTES, overlong: Overlong = "refuse") {
    this.#max = max;
    this.#overlong = overlong;
  }

  /** Lines that were left out because they were too long. */
  get dropped(): number {
    return this.#dropped;
  }

  /**
   * Takes the next bytes and returns the lines they complete, without their ends.
   *
   * @throws {AppError} `agent_line_too_long`, unless such lines are dropped.
   */
  push(chunk: Uint8Array): string[] {
    const lines: string[] = [];
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start);
      if (end < 0) break;
      this.#keep(chunk.subarray(start, end));
      if (this.#skipping) this.#dropped++;
      else lines.push(this.#text());
      this.#clear();
      start = end + 1;
    }
    // The reader may use its buffer again, so what is kept for later is copied.
    if (start < chunk.length) this.#keep(chunk.slice(start));
    return lines;
  }

  /** From now on lines may have `max` bytes. */
  limit(max: number): void {
    this.#max = max;
  }

  /** What came after the last line end. */
  end(): string {
    const rest = this.#text();
    this.#clear();
    return rest;
  }

  #keep(part: Uint8Array): void {
    if (this.#skipping || part.length === 0) return;
    this.#length += part.length;
    if (this.#length <= this.#max) {
      this.#parts.push(part);
      return;
    }
    if (this.#overlong === "refuse") {
      throw new AppError(
        "agent_line_too_long",
        `The agent printed a line of more than ${this.#max} bytes`,
      );
    }
    this.#skipping = true;
    this.#parts = [];
  }

  #text(): string {
    const [first] = this.#parts;
    if (!first) return "";
    if (this.#parts.length === 1) return this.#decoder.decode(first);
    const bytes = new Uint8Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return this.#decoder.decode(bytes);
  }

  #clear(): void {
    this.#parts = [];
    this.#length = 0;
    this.#skipping = false;
  }
}
