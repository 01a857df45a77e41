/** Which of the files that git names go into a snapshot. */
import { dirname, join, SEPARATOR } from "../../platform/std/path.ts";

/** A list of names from git, judged. */
export interface Selection {
  /** Files and links as they are, and those that are gone. */
  readonly take: readonly string[];
  /** Entries whose place is taken by something git does not follow, such as a directory. */
  readonly gone: readonly string[];
  /** Repositories of their own inside the directory, with a slash at the end. */
  readonly nested: readonly string[];
  /** Files left out because of their size. */
  readonly large: readonly string[];
  /** Bytes of all files in {@link take}. */
  readonly bytes: number;
}

/** Bounds of a selection. */
export interface SelectBounds {
  readonly fileBytes: number;
  /** Trees whose files are not looked at, absolute. */
  readonly ignored: readonly string[];
}

/**
 * Judges names, relative to `base`, by what is on disk.
 *
 * @param base Absolute, without links.
 */
export function selectFiles(
  names: readonly string[],
  base: string,
  { fileBytes, ignored }: SelectBounds,
): Selection {
  const take: string[] = [];
  const gone: string[] = [];
  const nested: string[] = [];
  const large: string[] = [];
  let bytes = 0;
  const linked = linkFinder(base);
  for (const name of new Set(names)) {
    const path = join(base, name);
    if (ignored.some((tree) => isBelow(tree, path))) continue;
    if (name.endsWith("/")) {
      nested.push(name);
      continue;
    }
    const info = linked(dirname(path)) ? null : lookAt(path);
    if (info === null) gone.push(name);
    else if (info.isSymlink) take.push(name);
    else if (!info.isFile) gone.push(name);
    else if (info.size > fileBytes) large.push(name);
    else {
      take.push(name);
      bytes += info.size;
    }
  }
  return { take, gone, nested, large, bytes };
}

/** True for `tree` and everything in it. */
export function isBelow(tree: string, path: string): boolean {
  return path === tree || path.startsWith(`${tree}${SEPARATOR}`);
}

/** Files of `names` that can be opened: one that cannot would end the whole snapshot. */
export function readableFiles(names: readonly string[], base: string): string[] {
  return names.filter((name) => {
    const path = join(base, name);
    if (lookAt(path)?.isFile !== true) return true;
    try {
      Deno.openSync(path).close();
      return true;
    } catch (error) {
      if (error instanceof Deno.errors.PermissionDenied || isGone(error)) return false;
      throw error;
    }
  });
}

/** Says whether a directory is reached through a link below `base`: git does not go there. */
function linkFinder(base: string): (dir: string) => boolean {
  const known = new Map<string, boolean>([[base, false]]);
  const linked = (dir: string): boolean => {
    const answer = known.get(dir);
    if (answer !== undefined) return answer;
    const found = dir.length <= base.length ? false : linked(dirname(dir)) ||
      lookAt(dir)?.isDirectory !== true;
    known.set(dir, found);
    return found;
  };
  return linked;
}

function lookAt(path: string): Deno.FileInfo | null {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory;
}
