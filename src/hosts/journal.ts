/**
 * The journal of a run: an append-only file with one line per event, written before anybody is told.
 *
 * A line is `{"s":1,"e":"response.in_progress","d":{…}}`: sequence number from 1 without gaps, event
 * name, data. A torn last line (power cut, `kill -9` in mid-write) is cut off when the file is opened
 * for appending and ignored when it is read.
 */
import * as z from "zod";
import { AppError } from "../platform/mod.ts";
import type { ResponseEvent } from "../protocol/mod.ts";

/** One line of a journal. */
export const journalRecord = z.object({
  s: z.number().int().positive(),
  e: z.string().min(1).max(100),
  d: z.record(z.string(), z.unknown()),
});
export type JournalRecord = z.infer<typeof journalRecord>;

/** Largest journal of one run in bytes; beyond it only a gap record and the terminal event follow. */
export const JOURNAL_QUOTA_BYTES = 256 * 1024 * 1024;

/** Where a journal ends: number of its last event and length of the file in bytes. */
export interface JournalTail {
  seq: number;
  bytes: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const NEWLINE = 10;

/** Appends events to a journal; one writer at a time owns a file. */
export class JournalWriter {
  #file: Deno.FsFile;
  #seq: number;
  #bytes: number;
  readonly #quota: number;

  private constructor(file: Deno.FsFile, tail: JournalTail, quota: number) {
    this.#file = file;
    this.#seq = tail.seq;
    this.#bytes = tail.bytes;
    this.#quota = quota;
  }

  /** Opens or creates the journal at `path`, cutting off a torn last line. */
  static open(path: string, quota = JOURNAL_QUOTA_BYTES): JournalWriter {
    const file = Deno.openSync(path, {
      create: true,
      read: true,
      write: true,
      mode: 0o600,
    });
    try {
      const tail = readTail(file);
      file.truncateSync(tail.bytes);
      file.seekSync(tail.bytes, Deno.SeekMode.Start);
      return new JournalWriter(file, tail, quota);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  get tail(): JournalTail {
    return { seq: this.#seq, bytes: this.#bytes };
  }

  /** True once only the terminal event may still be appended. */
  get full(): boolean {
    return this.#bytes >= this.#quota;
  }

  /**
   * Appends `events` with one write and returns the new tail.
   *
   * @param options.sync Waits until the disk has them (terminal events).
   * @throws {AppError} `journal_write_failed`, with the file left as it was before the call.
   */
  append(
    events: readonly ResponseEvent[],
    options: { sync?: boolean } = {},
  ): JournalTail {
    if (events.length === 0) return this.tail;
    let seq = this.#seq;
    const text = events.map((ev) => JSON.stringify({ s: ++seq, e: ev.event, d: ev.data }) + "\n")
      .join("");
    const bytes = encoder.encode(text);
    try {
      for (let written = 0; written < bytes.length;) {
        written += this.#file.writeSync(bytes.subarray(written));
      }
      if (options.sync) this.#file.syncDataSync();
    } catch (error) {
      this.#file.truncateSync(this.#bytes);
      this.#file.seekSync(this.#bytes, Deno.SeekMode.Start);
      throw new AppError(
        "journal_write_failed",
        "Cannot write the run's journal",
        {
          cause: error,
          remedy: "Free space on the disk that holds the executor's home directory",
        },
      );
    }
    this.#seq = seq;
    this.#bytes += bytes.length;
    return this.tail;
  }

  close(): void {
    this.#file.close();
  }
}

/** Reads a journal forwards in bounded steps. */
export class JournalReader {
  #file: Deno.FsFile;
  #position = 0;

  constructor(path: string) {
    this.#file = Deno.openSync(path, { read: true });
  }

  /** Byte position after the last record that was returned. */
  get position(): number {
    return this.#position;
  }

  /**
   * Returns the whole records that begin in the next `maxBytes` bytes (at least one when there is
   * one, however long); an empty list means that the reader has caught up.
   *
   * @param end Length of the journal in bytes as its writer told it. What lies beyond may still be cut
   * off, when the write fails. @default the file's own length
   */
  read(maxBytes: number, end = Number.MAX_SAFE_INTEGER): JournalRecord[] {
    const available = end - this.#position;
    for (let size = Math.max(maxBytes, 1024);; size *= 4) {
      const chunk = this.#readAt(this.#position, Math.min(size, available));
      const last = chunk.lastIndexOf(NEWLINE);
      if (last >= 0) {
        this.#position += last + 1;
        return parseLines(chunk.subarray(0, last));
      }
      if (chunk.length < size) return [];
    }
  }

  /** Goes on reading after record `seq`. */
  skipTo(seq: number): void {
    while (this.#position >= 0) {
      const before = this.#position;
      const records = this.read(256 * 1024);
      const last = records.at(-1);
      if (!last) return;
      if (last.s <= seq) continue;
      const skip = records.filter((r) => r.s <= seq).length;
      this.#position = before + this.#lengthOfLines(before, skip);
      return;
    }
  }

  close(): void {
    this.#file.close();
  }

  #lengthOfLines(start: number, lines: number): number {
    let length = 0;
    let left = lines;
    while (left > 0) {
      const chunk = this.#readAt(start + length, 256 * 1024);
      if (chunk.length === 0) break;
      let at = 0;
      while (left > 0) {
        const end = chunk.indexOf(NEWLINE, at);
        if (end < 0) break;
        at = end + 1;
        left--;
      }
      length += left === 0 ? at : chunk.length;
    }
    return length;
  }

  #readAt(position: number, size: number): Uint8Array {
    if (size <= 0) return new Uint8Array(0);
    const buffer = new Uint8Array(size);
    this.#file.seekSync(position, Deno.SeekMode.Start);
    let length = 0;
    while (length < size) {
      const n = this.#file.readSync(buffer.subarray(length));
      if (n === null || n === 0) break;
      length += n;
    }
    return buffer.subarray(0, length);
  }
}

function parseLines(bytes: Uint8Array): JournalRecord[] {
  return decoder.decode(bytes).split("\n").filter((line) => line !== "").map(
    (line) => {
      const parsed = journalRecord.safeParse(JSON.parse(line));
      if (!parsed.success) {
        throw new AppError("journal_corrupt", "The run's journal is damaged");
      }
      return parsed.data;
    },
  );
}

/** Finds the last whole line of a journal by reading backwards from its end. */
function readTail(file: Deno.FsFile): JournalTail {
  const size = file.statSync().size;
  for (let window = 64 * 1024;; window *= 4) {
    const start = Math.max(0, size - window);
    const buffer = new Uint8Array(size - start);
    file.seekSync(start, Deno.SeekMode.Start);
    let length = 0;
    while (length < buffer.length) {
      const n = file.readSync(buffer.subarray(length));
      if (n === null) break;
      length += n;
    }
    const end = buffer.lastIndexOf(NEWLINE);
    if (end < 0) {
      if (start === 0) return { seq: 0, bytes: 0 };
      continue;
    }
    const before = end === 0 ? -1 : buffer.lastIndexOf(NEWLINE, end - 1);
    if (before < 0 && start > 0) continue;
    const record = parseLines(buffer.subarray(before + 1, end))[0];
    return { seq: record?.s ?? 0, bytes: start + end + 1 };
  }
}
