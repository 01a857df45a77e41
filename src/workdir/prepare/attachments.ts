/** Files that came with a message, fetched from the server into the session's directory. */
import { statfsSync } from "node:fs";
import {
  errorText,
  makeDirectories,
  proxyFor,
  removeIfExists,
  trustedCertificates,
} from "../../platform/mod.ts";
import { join } from "../../platform/std/path.ts";
import type { Attachment } from "../../protocol/mod.ts";
import { foldedName, numberedName, safeFileName } from "./file_names.ts";
import { lstatOrNull } from "./staging.ts";
import type { AttachmentOutcome, PrepareJob, PrepareSeam } from "./types.ts";

const MAX_BYTES = 200 * 1024 * 1024;
const DOWNLOAD_MS = 300_000;
/** All of a turn's attachments together, after which the turn goes on without the rest. */
const TOTAL_MS = 900_000;
const AT_ONCE = 4;
const MAX_REDIRECTS = 5;
const MAX_NAME = 200;
/** So much of the disk is left to others. */
const RESERVE = 16 * 1024 * 1024;
const PART = ".part-";

type Job = Pick<PrepareJob, "attachments" | "attachmentsDir" | "downloadBase" | "authToken">;

/**
 * Downloads what is not there yet. A failure is an outcome, never an error: the turn goes on and the
 * prompt says what is missing. Without a token nothing is downloaded and the answer is empty.
 *
 * Names follow from the order of the list, so a retried turn finds what an earlier one has fetched.
 */
export async function fetchAttachments(job: Job, seam: PrepareSeam): Promise<AttachmentOutcome[]> {
  if (job.attachments.length === 0 || job.authToken === "") return [];
  try {
    makeDirectories(job.attachmentsDir, 0o700);
    for (const { name } of Deno.readDirSync(job.attachmentsDir)) {
      // Left by a download that died with its process.
      if (name.startsWith(PART)) removeIfExists(join(job.attachmentsDir, name));
    }
  } catch (error) {
    return job.attachments.map((item) => outcome(item, { error: `IO error: ${errorText(error)}` }));
  }
  const names = fileNames(job.attachments);
  const results: AttachmentOutcome[] = [];
  const signal = AbortSignal.any([seam.signal, AbortSignal.timeout(TOTAL_MS)]);
  using downloader = new Downloader(job, seam, signal);
  let next = 0;
  const work = async () => {
    for (let i = next++; i < job.attachments.length; i = next++) {
      results[i] = await downloader.fetch(job.attachments[i]!, names[i]!);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return results;
}

/** A name for each attachment, different from the others on any file system. */
function fileNames(attachments: readonly Attachment[]): string[] {
  const taken = new Set<string>();
  return attachments.map(({ original_filename }) => {
    const safe = safeFileName(original_filename ?? "", MAX_NAME);
    const wanted = safe === "" || safe.startsWith(PART) ? "document" : safe;
    let name = wanted;
    for (let n = 2; taken.has(foldedName(name)); n++) name = numberedName(wanted, n, MAX_NAME);
    taken.add(foldedName(name));
    return name;
  });
}

function outcome(
  attachment: Attachment,
  result: { path: string; size: number } | { error: string },
): AttachmentOutcome {
  const { id, original_filename, mime_type, file_size } = attachment;
  return {
    id: id === null || id === undefined ? null : String(id),
    filename: original_filename ?? "",
    mimeType: mime_type || "application/octet-stream",
    size: "size" in result ? result.size : file_size ?? null,
    path: "path" in result ? result.path : null,
    error: "error" in result ? result.error : null,
  };
}

/** A fault with the words the prompt shows. */
class DownloadFault extends Error {}

/** Fetches files with one client. */
class Downloader implements Disposable {
  readonly #clients = new Map<string, Deno.HttpClient>();
  readonly #max: number;

  constructor(
    private readonly job: Job,
    private readonly seam: PrepareSeam,
    private readonly signal: AbortSignal,
  ) {
    this.#max = seam.limits?.maxAttachment ?? MAX_BYTES;
  }

  [Symbol.dispose](): void {
    for (const client of this.#clients.values()) client.close();
  }

  async fetch(attachment: Attachment, name: string): Promise<AttachmentOutcome> {
    const { id, original_filename } = attachment;
    if (id === null || id === undefined || id === "" || !original_filename) {
      return outcome(attachment, {
        error: "Missing required fields (id or original_filename)",
      });
    }
    const path = join(this.job.attachmentsDir, name);
    const there = lstatOrNull(path);
    const complete = there?.isFile &&
      (!attachment.file_size || attachment.file_size === there.size);
    if (complete) return outcome(attachment, { path, size: there.size });
    const part = join(this.job.attachmentsDir, `${PART}${crypto.randomUUID()}`);
    const ms = this.seam.limits?.downloadMs ?? DOWNLOAD_MS;
    const limit = AbortSignal.any([this.signal, AbortSignal.timeout(ms)]);
    try {
      const size = await this.#download(String(id), part, limit);
      // In place of a link the file appears itself: a rename follows none.
      Deno.renameSync(part, path);
      return outcome(attachment, { path, size });
    } catch (error) {
      return outcome(attachment, { error: this.#words(error, limit) });
    } finally {
      removeIfExists(part);
    }
  }

  async #download(id: string, part: string, signal: AbortSignal): Promise<number> {
    const base = this.job.downloadBase.replace(/\/+$/, "");
    const address = `${base}/api/attachments/${encodeURIComponent(id)}/executor-download`;
    const response = await this.#open(address, signal);
    const body = response.body;
    try {
      if (!response.ok) throw new DownloadFault(`HTTP ${response.status}`);
      const announced = Number(response.headers.get("content-length") ?? 0);
      this.#checkSize(announced);
      return body === null ? this.#empty(part) : await this.#save(body, part);
    } finally {
      // What was not read is not waited for; a body that ended or broke needs no cancel.
      if (body && !body.locked) await body.cancel().catch(() => {});
    }
  }

  /** Follows redirects itself, so that the token goes to the server alone. */
  async #open(address: string, signal: AbortSignal): Promise<Response> {
    let url = webAddress(address);
    const home = url.origin;
    for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
      const headers: Record<string, string> = url.origin === home
        ? { authorization: `Bearer ${this.job.authToken}` }
        : {};
      const response = await fetch(url, {
        headers,
        redirect: "manual",
        signal,
        client: this.#client(url),
      });
      const location = response.headers.get("location");
      if (![301, 302, 303, 307, 308].includes(response.status) || location === null) {
        return response;
      }
      await response.body?.cancel();
      url = webAddress(new URL(location, url).href);
    }
    throw new DownloadFault("Request error: too many redirects");
  }

  #client(url: URL): Deno.HttpClient {
    const proxy = proxyFor(url.href, this.seam.env);
    const key = proxy ?? "";
    const known = this.#clients.get(key);
    if (known) return known;
    const client = Deno.createHttpClient({
      caCerts: trustedCertificates(this.seam.env),
      ...(proxy ? { proxy: { url: proxy } } : {}),
    });
    this.#clients.set(key, client);
    return client;
  }

  #checkSize(bytes: number): void {
    if (bytes > this.#max) {
      throw new DownloadFault(`Larger than the limit of ${readableSize(this.#max)}`);
    }
    const room = freeBytes(this.job.attachmentsDir);
    if (room !== null && bytes > room - Math.min(RESERVE, room / 4)) {
      throw new DownloadFault("IO error: not enough space on the disk");
    }
  }

  #empty(part: string): number {
    Deno.openSync(part, { write: true, createNew: true, mode: 0o600 }).close();
    return 0;
  }

  async #save(body: ReadableStream<Uint8Array>, part: string): Promise<number> {
    using file = await Deno.open(part, { write: true, createNew: true, mode: 0o600 });
    let size = 0;
    for await (const chunk of body) {
      size += chunk.length;
      if (size > this.#max) this.#checkSize(size);
      try {
        for (let n = 0; n < chunk.length;) n += await file.write(chunk.subarray(n));
      } catch (error) {
        throw new DownloadFault(`IO error: ${errorText(error)}`);
      }
    }
    return size;
  }

  #words(error: unknown, limit: AbortSignal): string {
    if (error instanceof DownloadFault) return error.message;
    if (this.seam.signal.aborted) return "Cancelled";
    if (limit.aborted) return "Download timeout";
    const text = errorText(error).replaceAll(this.job.authToken, "***");
    // Signed addresses carry their key in the query.
    const plain = text.replace(/\?[^\s"')]*/g, "");
    return error instanceof TypeError ? `Request error: ${plain}` : `IO error: ${plain}`;
  }
}

function webAddress(text: string): URL {
  const url = URL.parse(text);
  if (url && (url.protocol === "https:" || url.protocol === "http:")) return url;
  throw new DownloadFault("Request error: the server gave an address that is not on the web");
}

/** Free bytes of the disk `path` lies on, or null where the system does not say. */
function freeBytes(path: string): number | null {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  } catch (error) {
    // Only a check ahead; a disk that is full says so when it is written to.
    if (error instanceof Error) return null;
    throw error;
  }
}

/** Bytes as people read them, such as `1.2 MB`. */
export function readableSize(bytes: number): string {
  const units = ["bytes", "KB", "MB", "GB"];
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return unit === 0 ? `${value} bytes` : `${value.toFixed(1).replace(/\.0$/, "")} ${units[unit]}`;
}
