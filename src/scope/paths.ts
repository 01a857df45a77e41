/**
 * Paths compared by components, so that `/a/foo` never counts as below `/a/fo`.
 *
 * Without `@std/path` on purpose: the launcher imports this and its whole start is 20 ms.
 */
import { AppError } from "../platform/errors.ts";
import * as disk from "./disk.ts";

const windows = Deno.build.os === "windows";

/** The one place where this folder looks at the disk, so that tests can show it any disk. */
export interface FileSeam {
  /** The path without links, or null when it does not exist or may not be looked at. */
  realPath(path: string): string | null;
  /** Entries of a directory; null when it cannot be listed (missing, a file, no right). */
  entries(path: string): DirectoryEntry[] | null;
}

/** One entry of a directory. */
export interface DirectoryEntry {
  readonly name: string;
  /** A symbolic link, whatever it points to. */
  readonly link: boolean;
  readonly directory: boolean;
}

/** Entries of one directory that are looked at before the launcher gives up. */
const MAX_ENTRIES = 65_536;

/** The disk itself, also where the program's own flags do not reach; see `disk.ts`. */
export const diskSeam: FileSeam = {
  realPath(path) {
    try {
      return Deno.realPathSync(path);
    } catch (error) {
      if (cannotBeSeen(error)) return null;
      if (beyondFlags(error)) return disk.realPath(path);
      throw error;
    }
  },
  entries(path) {
    try {
      return limited(Deno.readDirSync(path), path).map(({ name, isSymlink, isDirectory }) => ({
        name,
        link: isSymlink,
        directory: isDirectory,
      }));
    } catch (error) {
      if (cannotBeSeen(error)) return null;
      if (!beyondFlags(error)) throw error;
      const found = disk.entries(path);
      return found && limited(found, path);
    }
  },
};

function limited<T>(entries: Iterable<T>, path: string): T[] {
  const found: T[] = [];
  for (const entry of entries) {
    if (found.length === MAX_ENTRIES) {
      throw new AppError(
        "too_many_entries",
        `More than ${MAX_ENTRIES} entries in "${path}", above a protected path`,
        {
          remedy:
            "Remove the directory's protected path from sandbox.denyRead, or move the files away",
        },
      );
    }
    found.push(entry);
  }
  return found;
}

/** True for a refusal of Deno's flags, where the C library can answer. */
export function beyondFlags(error: unknown): boolean {
  return error instanceof Deno.errors.NotCapable && Deno.build.os === "linux";
}

function cannotBeSeen(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied ||
    error instanceof Deno.errors.NotADirectory || error instanceof Deno.errors.FilesystemLoop;
}

/** The names a path consists of; an absolute path on Windows starts with its drive. */
export function components(path: string): string[] {
  const names = path.split(windows ? /[\\/]+/ : /\/+/).filter((name) =>
    name !== "" && name !== "."
  );
  return windows ? names.map((name) => name.toLowerCase()) : names;
}

/** True when `path` is `root` or lies below it. Both absolute and without `..`. */
export function isWithin(root: string, path: string): boolean {
  const above = components(root);
  const below = components(path);
  return above.length <= below.length && above.every((name, i) => name === below[i]);
}

/** `name` below `directory`. */
export function child(directory: string, name: string): string {
  return /[\\/]$/.test(directory) ? `${directory}${name}` : `${directory}/${name}`;
}

/** The part of a path above its last name; the root is its own parent. */
export function parent(path: string): string {
  const at = Math.max(path.lastIndexOf("/"), windows ? path.lastIndexOf("\\") : -1);
  return at <= 0 ? path.slice(0, 1) : path.slice(0, at);
}

/**
 * Where `path` leads: its deepest existing part without links, and the rest as it is.
 *
 * @throws {AppError} `path_invalid` when the path is relative or holds `..` or a NUL character.
 */
export function resolvePath(path: string, seam: FileSeam): string {
  assertPlain(path);
  const missing: string[] = [];
  for (let at = path;; at = parent(at)) {
    const real = seam.realPath(at);
    if (real !== null) return missing.reduceRight(child, real);
    if (parent(at) === at) return path;
    const name = components(at).length ? at.slice(parent(at).length).replace(/^[\\/]+/, "") : "";
    if (name) missing.push(name);
  }
}

/** Refuses paths that are relative or climb. @throws {AppError} `path_invalid`. */
export function assertPlain(path: string): void {
  const absolute = windows ? /^([A-Za-z]:)?[\\/]/.test(path) : path.startsWith("/");
  const climbs = path.includes("..") && components(path).includes("..");
  if (absolute && !climbs && !path.includes("\0")) return;
  throw new AppError(
    "path_invalid",
    `Expected an absolute path without "..", got ${JSON.stringify(path.slice(0, 300))}`,
    {
      remedy: "Give the full path",
    },
  );
}
