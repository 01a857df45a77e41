/** Files written so that a crash leaves the old or the new content, readable by the owner only. */
import { dirname } from "./std/path.ts";

/** Options of {@link writeFileAtomic}. */
export interface WriteOptions {
  /**
   * Waits until the disk has the content, so that a power cut cannot lose it: milliseconds, which nobody
   * needs for what describes a process that a power cut ends as well. A crash loses nothing either way.
   * @default true
   */
  readonly sync?: boolean;
}

/** Writes `text` to `path` through a temporary file and a rename; mode 0600. */
export function writeFileAtomic(
  path: string,
  text: string,
  { sync = true }: WriteOptions = {},
): void {
  const temp = `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`;
  try {
    const file = Deno.openSync(temp, {
      write: true,
      createNew: true,
      mode: 0o600,
    });
    try {
      const bytes = new TextEncoder().encode(text);
      for (let n = 0; n < bytes.length;) n += file.writeSync(bytes.subarray(n));
      if (sync) file.syncSync();
    } finally {
      file.close();
    }
    Deno.renameSync(temp, path);
  } catch (error) {
    removeIfExists(temp);
    throw error;
  }
}

/** Creates `path` and its parents, the last one with mode 0700. */
export function ensurePrivateDir(path: string): void {
  try {
    // First without the parents: the flags of an image end at `path`.
    Deno.mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      Deno.mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      return ensurePrivateDir(path);
    }
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    if (
      Deno.build.os !== "windows" &&
      ((Deno.statSync(path).mode ?? 0) & 0o077) !== 0
    ) {
      Deno.chmodSync(path, 0o700);
    }
  }
}

/**
 * True when something lies at `path`. A link counts, wherever it leads.
 *
 * @param options.followLinks What a link leads to counts instead. @default false
 */
export function exists(path: string, options: { followLinks?: boolean } = {}): boolean {
  try {
    if (options.followLinks) Deno.statSync(path);
    else Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Removes a file or tree; a missing one is no error. */
export function removeIfExists(
  path: string,
  options: { recursive?: boolean } = {},
): void {
  try {
    Deno.removeSync(path, { recursive: options.recursive ?? false });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Text of a file, or null when there is none. */
export function readTextIfExists(path: string): string | null {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
