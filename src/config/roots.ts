/** Roots of working directories as their owner wrote them, read with suspicion. */
import { isAbsolute } from "../platform/std/path.ts";
import { expandHome } from "./paths.ts";

/** Roots that can be used, and what was left out with its reason (a sentence without a full stop). */
export interface Roots {
  readonly roots: readonly string[];
  readonly refused: readonly RefusedRoot[];
}

export interface RefusedRoot {
  readonly root: string;
  readonly reason: string;
}

/** Most roots one device has. */
const MAX_ROOTS = 200;

/** Splits the comma list of `LOCAL_WORKDIR_ALLOWED_ROOTS`; null when it is not set or blank. */
export function splitRoots(value: string | undefined): string[] | null {
  const listed = value?.split(",").map((root) => root.trim()).filter(Boolean) ?? [];
  return listed.length > 0 ? listed : null;
}

/**
 * Expands `~` and drops what can be no root. Nothing here touches the disk: a root that does not exist
 * is kept and holds nothing until it does.
 */
export function usableRoots(listed: readonly string[], userHome: string): Roots {
  const roots = new Set<string>();
  const refused: RefusedRoot[] = [];
  for (const root of listed) {
    const reason = roots.size >= MAX_ROOTS
      ? `There are more than ${MAX_ROOTS} roots`
      : whyRefused(root);
    if (reason) refused.push({ root: root.slice(0, 300), reason });
    else roots.add(expandHome(root, userHome).replace(/(?<=.)[\\/]+$/, ""));
  }
  return { roots: [...roots], refused };
}

function whyRefused(root: string): string | null {
  if (/\p{Cc}/u.test(root)) return "It holds a control character";
  if (/^~[^/\\]/.test(root)) return "The home of another user is no root; give its full path";
  if (!/^~($|[/\\])/.test(root) && !isAbsolute(root)) return "It is not an absolute path";
  if (/^([A-Za-z]:)?[\\/.]*$/.test(root)) return "The whole file system is no root";
  if (root.split(/[\\/]/).includes("..")) return 'It holds ".."';
  return null;
}
