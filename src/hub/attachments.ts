/**
 * Files that go along with messages: taken in as they come, kept below the data directory, handed to
 * their owner and to the device that runs the turn, and removed when nobody needs them any more.
 */
import { createHash } from "node:crypto";
import { statfsSync } from "node:fs";
import { AppError, ensurePrivateDir, errorText, removeIfExists } from "../platform/mod.ts";
import { join } from "../platform/std/path.ts";
import { type AttachmentView, MAX_ATTACHMENT_BYTES } from "../protocol/mod.ts";
import { randomToken } from "./auth/mod.ts";
import type { AttachmentRow, DispatchRow, Store, SubtaskRow } from "./store/mod.ts";

/** Files of one person that wait to be sent, all together; and uploads at the same time. */
const MAX_UNSENT = 100;
const MAX_UNSENT_BYTES = 2 * 1024 ** 3;
const MAX_UPLOADS = 10;
/** How long a file waits to be sent, and how often is looked, in milliseconds. */
const UNSENT_MS = 24 * 3600_000;
const SWEEP_MS = 3600_000;
/** So much of the disk is left to others, the hub's database above all. */
const RESERVE = 256 * 1024 * 1024;
/** Free space is looked at again after so many bytes. */
const CHECK_BYTES = 16 * 1024 * 1024;

/** A file to take in. */
export interface Upload {
  readonly filename: string;
  /** As the browser names it. */
  readonly mimeType: string | null;
  /** As announced; null: not known. */
  readonly size: number | null;
  readonly body: ReadableStream<Uint8Array>;
}

/** A file to hand out. */
export interface OpenFile {
  readonly row: AttachmentRow;
  readonly body: ReadableStream<Uint8Array>;
}

/** See the module comment. */
export class Attachments {
  readonly #dir: string;
  readonly #uploads = new Map<number, number>();
  readonly #timer: ReturnType<typeof setInterval>;

  /** @param fault Told what could not be removed. */
  constructor(
    private readonly store: Store,
    dataDir: string,
    private readonly fault: (message: string) => void,
    /** Free bytes on the disk of a directory; a seam for tests. */
    private readonly freeBytes: (dir: string) => number = freeBytesOf,
  ) {
    this.#dir = join(dataDir, "attachments");
    ensurePrivateDir(this.#dir);
    this.#removeOrphans();
    this.sweep();
    this.#timer = setInterval(() => this.sweep(), SWEEP_MS);
    Deno.unrefTimer(Number(this.#timer));
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /**
   * Takes a file in; it waits to be sent then.
   *
   * @throws {AppError} `too_large`, `too_many`, `disk_full`, `upload_broken`; nothing is kept then.
   */
  async save(userId: number, upload: Upload): Promise<AttachmentView> {
    const { size } = upload;
    if (size !== null && size > MAX_ATTACHMENT_BYTES) throw tooLarge();
    const unsent = this.store.attachments.unsent(userId);
    const running = this.#uploads.get(userId) ?? 0;
    if (
      running >= MAX_UPLOADS || unsent.count + running >= MAX_UNSENT ||
      unsent.bytes + (size ?? 0) > MAX_UNSENT_BYTES
    ) {
      throw new AppError("too_many", "Too many files wait to be sent; send or remove some first");
    }
    this.#checkRoom(size ?? 0);
    this.#uploads.set(userId, running + 1);
    const file = crypto.randomUUID();
    try {
      const bytes = await this.#write(file, upload.body);
      return attachmentView(
        this.store.attachments.add({
          user_id: userId,
          file,
          filename: upload.filename,
          mime_type: mimeTypeOf(upload.mimeType),
          size: bytes,
        }),
      );
    } catch (error) {
      this.#removeFile(file);
      throw error;
    } finally {
      const left = (this.#uploads.get(userId) ?? 1) - 1;
      if (left > 0) this.#uploads.set(userId, left);
      else this.#uploads.delete(userId);
    }
  }

  /** A file for its owner. @throws {AppError} `not_found`. */
  async open(userId: number, id: number): Promise<OpenFile> {
    return await this.#open(this.store.attachments.get(userId, id));
  }

  /**
   * A file for the device that runs a turn of its conversation.
   *
   * @throws {AppError} `token_invalid` without an open attempt; `not_found` for any other file.
   */
  async openForDevice(token: string, id: number): Promise<OpenFile> {
    const hash = hashOf(token);
    if (!this.store.attachments.knowsToken(hash)) {
      throw new AppError("token_invalid", "Could not validate credentials");
    }
    return await this.#open(this.store.attachments.forToken(hash, id));
  }

  /**
   * Removes a file that was not sent.
   *
   * @throws {AppError} `not_found`; `wrong_state` for one that belongs to a message.
   */
  discard(userId: number, id: number): void {
    const row = this.store.attachments.get(userId, id);
    if (!row) throw notFound();
    if (row.subtask_id !== null) {
      throw new AppError("wrong_state", "The file belongs to a message; delete the conversation");
    }
    this.#remove(row);
  }

  /**
   * Gives files to a message. Runs inside the caller's transaction.
   *
   * @throws {AppError} `not_found` when one is not there any more or was sent before.
   */
  claim(userId: number, ids: readonly number[], message: SubtaskRow): void {
    for (const [place, id] of ids.entries()) {
      if (this.store.attachments.claim(userId, id, message.id, place)) continue;
      throw new AppError("not_found", "A file is not there any more; add it again");
    }
  }

  /** A token with which the device of an attempt fetches its files. */
  tokenFor(dispatch: DispatchRow): string {
    const token = randomToken();
    this.store.attachments.addToken(dispatch.id, hashOf(token));
    return token;
  }

  /** The conversation was deleted. */
  removeOfTask(taskId: number): void {
    for (const row of this.store.attachments.ofTask(taskId)) this.#remove(row);
  }

  /** Removes what has waited too long. */
  sweep(now: number = Date.now()): void {
    const before = new Date(now - UNSENT_MS).toISOString();
    for (const row of this.store.attachments.forgotten(before)) this.#remove(row);
  }

  async #open(row: AttachmentRow | undefined): Promise<OpenFile> {
    if (!row) throw notFound();
    try {
      const file = await Deno.open(join(this.#dir, row.file), { read: true });
      return { row, body: file.readable };
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) throw notFound();
      throw error;
    }
  }

  async #write(file: string, body: ReadableStream<Uint8Array>): Promise<number> {
    const path = join(this.#dir, file);
    using output = await Deno.open(path, { write: true, createNew: true, mode: 0o600 });
    let bytes = 0;
    let checked = 0;
    try {
      for await (const chunk of body) {
        bytes += chunk.length;
        if (bytes > MAX_ATTACHMENT_BYTES) throw tooLarge();
        if (bytes - checked >= CHECK_BYTES) {
          this.#checkRoom(0);
          checked = bytes;
        }
        for (let n = 0; n < chunk.length;) n += await output.write(chunk.subarray(n));
      }
      return bytes;
    } catch (error) {
      if (error instanceof AppError) throw error;
      if ((error as { code?: unknown } | null)?.code === "ENOSPC") throw diskFull(error);
      throw new AppError("upload_broken", "The file did not arrive whole", { cause: error });
    }
  }

  #checkRoom(bytes: number): void {
    if (this.freeBytes(this.#dir) - bytes < RESERVE) throw diskFull();
  }

  #remove(row: AttachmentRow): void {
    this.store.attachments.remove(row.id);
    this.#removeFile(row.file);
  }

  #removeFile(file: string): void {
    try {
      removeIfExists(join(this.#dir, file));
    } catch (error) {
      // It is nobody's any more; the next start of the hub tries again.
      this.fault(`A file could not be removed: ${errorText(error)}`);
    }
  }

  /** Files whose upload or removal was interrupted by the end of the hub. */
  #removeOrphans(): void {
    const kept = this.store.attachments.files();
    for (const { name } of Deno.readDirSync(this.#dir)) {
      if (!kept.has(name)) this.#removeFile(name);
    }
  }
}

/** What the pages see of a file. */
export function attachmentView(row: AttachmentRow): AttachmentView {
  const { id, filename, mime_type, size } = row;
  return { id, filename, mime_type, size };
}

/** The type alone; parameters do not count. */
function mimeTypeOf(text: string | null): string {
  const type = text?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  return /^[\w.+-]{1,99}\/[\w.+-]{1,99}$/.test(type) ? type : "application/octet-stream";
}

function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

function freeBytesOf(dir: string): number {
  const { bavail, bsize } = statfsSync(dir);
  return bavail * bsize;
}

function notFound(): AppError {
  return new AppError("not_found", "File not found");
}

function tooLarge(): AppError {
  const limit = MAX_ATTACHMENT_BYTES / 1024 / 1024;
  return new AppError("too_large", `A file can have at most ${limit} MB`);
}

function diskFull(cause?: unknown): AppError {
  return new AppError("disk_full", "The hub has no room for this file", {
    remedy: "Free some space on the hub's disk",
    cause,
  });
}
