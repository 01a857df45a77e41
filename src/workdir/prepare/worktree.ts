/** What a session in a linked git worktree must be able to write outside of its directory. */
import { isWithin } from "../../scope/mod.ts";
import { basename, dirname, isAbsolute, join } from "../../platform/std/path.ts";
import { lstatOrNull } from "./staging.ts";

/** A path and its prefix; git's own files of this kind hold nothing else. */
const MAX_LINK_FILE = 8192;
/** Directories of the main repository that a commit in a worktree writes; neither hooks nor config. */
const SHARED = ["objects", "refs", "logs", "info"];

/**
 * Directories of the main repository for a session whose workdir is a linked worktree, without links.
 *
 * An agent may have written `.git` itself. So the main repository must name this very directory as a
 * worktree of its own, and must lie in one of `roots`; otherwise the answer is empty.
 *
 * @param workdir Absolute, without links.
 * @param roots Absolute, without links.
 */
export function worktreeGrants(workdir: string, roots: readonly string[]): string[] {
  const own = linkIn(join(workdir, ".git"), /^gitdir: (.+)$/, workdir);
  if (own === null || basename(dirname(own)) !== "worktrees") return [];
  const common = dirname(dirname(own));
  const back = linkIn(join(own, "gitdir"), /^(.+)$/, own);
  if (back !== join(workdir, ".git")) return [];
  const main = basename(common) === ".git" ? dirname(common) : common;
  if (!roots.some((root) => isWithin(root, main))) return [];
  if (!isDirectory(join(common, "objects")) || !isDirectory(join(common, "refs"))) return [];
  return [own, ...SHARED.map((name) => join(common, name)).filter(isDirectory)];
}

/** Where a small file leads that holds a path; null when it is not such a file or leads nowhere. */
function linkIn(file: string, form: RegExp, base: string): string | null {
  const info = lstatOrNull(file);
  if (!info?.isFile || info.size > MAX_LINK_FILE) return null;
  try {
    const target = Deno.readTextFileSync(file).trimEnd().match(form)?.[1];
    if (target === undefined || target.includes("\0")) return null;
    return Deno.realPathSync(isAbsolute(target) ? target : join(base, target));
  } catch (error) {
    if (
      error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied ||
      error instanceof Deno.errors.NotADirectory || error instanceof Deno.errors.FilesystemLoop
    ) return null;
    throw error;
  }
}

function isDirectory(path: string): boolean {
  return lstatOrNull(path)?.isDirectory === true;
}
