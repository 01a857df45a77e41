/** Bytes of the CLI's standard output → lines → messages, whatever way the bytes are split. */
import { AppError } from "../../platform/mod.ts";
import { type CliMessage, cliMessage } from "./messages.ts";

/** Longest line accepted, in bytes. */
export const MAX_LINE_BYTES = 50 * 1024 * 1024;

const NEWLINE = 10;

/** Cuts a byte stream into lines. */
export class LineSplitter {
  readonly #decoder = new TextDecoder();
  #max: number;
  #parts: Uint8Array[] = [];
  #length = 0;

  /** @param max Longest line in bytes. */
  constructor(max = MAX_LINE_BYTES) {
    this.#max = max;
  }

  /**
   * Takes the next bytes and returns the lines they complete, without their ends.
   *
   * @throws {AppError} `agent_line_too_long`; nothing more can be read after it.
   */
  push(chunk: Uint8Array): string[] {
    const lines: string[] = [];
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start);
      if (end < 0) break;
      this.#keep(chunk.subarray(start, end));
      lines.push(this.#take());
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
    return this.#take();
  }

  #keep(part: Uint8Array): void {
    this.#length += part.length;
    if (this.#length > this.#max) {
      throw new AppError(
        "agent_line_too_long",
        `The agent printed a line of more than ${this.#max} bytes`,
      );
    }
    if (part.length > 0) this.#parts.push(part);
  }

  #take(): string {
    const [first] = this.#parts;
    if (!first) return "";
    let bytes = first;
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
    return this.#decoder.decode(bytes);
  }
}

/**
 * A message, or why there is none: `noise` is a blank line or one that is not JSON (libraries of the CLI
 * print warnings), `unknown` a type this program does not read, `malformed` one it would read.
 */
export function parseMessage(line: string): CliMessage | "noise" | "unknown" | "malformed" {
  if (!line.startsWith("{")) return "noise";
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    if (error instanceof SyntaxError) return "noise";
    throw error;
  }
  const parsed = cliMessage.safeParse(value);
  if (parsed.success) return parsed.data;
  return KNOWN_TYPES.has(String((value as { type?: unknown }).type)) ? "malformed" : "unknown";
}

const KNOWN_TYPES = new Set(cliMessage.options.map((option) => option.shape.type.value as string));
