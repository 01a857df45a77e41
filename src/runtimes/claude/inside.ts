/** Whether a file the agent names lies in its working directory, links followed. */
import { isWithin } from "../../scope/mod.ts";
import { dirname, isAbsolute, join, normalize, relative } from "../../platform/std/path.ts";

/**
 * The place of `path` below `directory`, both without links, "" for the directory itself; null when it
 * lies elsewhere or that cannot be told. Only a look beforehand: the sandbox is what holds when a link
 * is changed meanwhile.
 *
 * @param path As the agent gave it; a relative one is taken from `directory`.
 * @param directory Absolute.
 */
export function placeInside(path: string, directory: string): string | null {
  // The CLI takes a tilde for the home directory.
  if (path.startsWith("~") || path.includes("\0")) return null;
  const at = real(normalize(isAbsolute(path) ? path : join(directory, path)));
  const root = real(normalize(directory));
  return at !== null && root !== null && isWithin(root, at) ? relative(root, at) : null;
}

/** The path without links; what does not exist yet keeps its name. Null: it cannot be told. */
function real(path: string): string | null {
  try {
    return Deno.realPathSync(path);
  } catch (error) {
    // A loop of links, or a directory nobody may look into.
    if (!(error instanceof Deno.errors.NotFound)) return null;
  }
  // A link that leads nowhere is written through.
  if (exists(path)) return null;
  const above = dirname(path);
  if (above === path) return path;
  const parent = real(above);
  return parent === null ? null : join(parent, path.slice(above.length));
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound);
  }
}
