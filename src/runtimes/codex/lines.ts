/** Bytes of the CLI's standard output → lines, whatever way the bytes are split. */

/** Longest line that is read, in bytes; a longer one is dropped as a whole. */
export const MAX_LINE_BYTES = 64 * 1024 * 1024;

const NEWLINE = 10;

/** Cuts a byte stream into lines; memory stays below the longest line allowed. */
export class BoundedLines {
  readonly #decoder = new TextDecoder();
  #parts: Uint8Array[] = [];
  #length = 0;
  #skipping = false;
  #dropped = 0;

  /** @param max Longest line in bytes. */
  constructor(private readonly max = MAX_LINE_BYTES) {}

  /** Lines that were too long. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Takes the next bytes and returns the lines they complete, without their ends and empty ones. */
  push(chunk: Uint8Array): string[] {
    const lines: string[] = [];
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start);
      if (end < 0) break;
      this.#keep(chunk.subarray(start, end));
      const line = this.#take();
      if (line !== "") lines.push(line);
      start = end + 1;
    }
    // The reader may use its buffer again, so what is kept for later is copied.
    if (start < chunk.length) this.#keep(chunk.slice(start));
    return lines;
  }

  #keep(part: Uint8Array): void {
    if (this.#skipping) return;
    this.#length += part.length;
    if (this.#length > this.max) {
      this.#skipping = true;
      this.#parts = [];
    } else if (part.length > 0) this.#parts.push(part);
  }

  #take(): string {
    if (this.#skipping) this.#dropped++;
    const [first] = this.#parts;
    let bytes = first ?? new Uint8Array(0);
    if (this.#parts.length > 1) {
      bytes = new Uint8Array(this.#length);
      let at = 0;
      for (const part of this.#parts) {
        bytes.set(part, at);
        at += part.length;
      }
    }
    this.#parts = [];
    this.#length = 0;
    this.#skipping = false;
    return this.#decoder.decode(bytes);
  }
}
