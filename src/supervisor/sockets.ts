/** Local sockets: where they lie, and lines over them. */
import { ensurePrivateDir } from "../platform/mod.ts";
import { join } from "../platform/std/path.ts";

/** Longest path of a Unix socket on Linux and macOS, less the terminating zero. */
const MAX_SOCKET_PATH = 103;

/**
 * Path for the socket `name` in `dir`, or in a short private directory when that path would be too
 * long for the kernel.
 */
export async function socketPath(dir: string, name: string): Promise<string> {
  const path = join(dir, name);
  if (new TextEncoder().encode(path).length <= MAX_SOCKET_PATH) return path;
  const digest = await crypto.subtle.digest(
    "SHA-256",
    new TextEncoder().encode(dir),
  );
  const hash = Array.from(
    new Uint8Array(digest, 0, 8),
    (b) => b.toString(16).padStart(2, "0"),
  );
  const short = `/tmp/wegent-${Deno.uid() ?? 0}-${hash.join("")}`;
  ensurePrivateDir(short);
  const owner = Deno.lstatSync(short);
  if (owner.isSymlink || (owner.uid !== null && owner.uid !== Deno.uid())) {
    throw new Error(`Directory "${short}" belongs to somebody else`);
  }
  return join(short, name);
}

/** A secret of 256 bits as hex digits. */
export function newSecret(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

/**
 * Reads one line of at most `max` bytes.
 *
 * @returns The line without its end and the bytes after it, or null at the end of the stream.
 */
export async function readLine(
  conn: Deno.Conn,
  max: number,
  ms: number,
): Promise<{ line: string; rest: Uint8Array } | null> {
  const timer = setTimeout(() => conn.close(), ms);
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for (;;) {
      const buffer = new Uint8Array(64 * 1024);
      const n = await conn.read(buffer);
      if (n === null) return null;
      const chunk = buffer.subarray(0, n);
      const end = chunk.indexOf(10);
      if (end >= 0) {
        chunks.push(chunk.subarray(0, end));
        return {
          line: await new Blob(chunks as BlobPart[]).text(),
          rest: chunk.slice(end + 1),
        };
      }
      chunks.push(chunk);
      length += n;
      if (length > max) throw new Error(`Line longer than ${max} bytes`);
    }
  } finally {
    clearTimeout(timer);
  }
}

/** Writes all of `bytes`. */
export async function writeAll(
  conn: Deno.Conn,
  bytes: Uint8Array,
): Promise<void> {
  for (let n = 0; n < bytes.length;) n += await conn.write(bytes.subarray(n));
}
