/** A recursive listing of what must not change: kinds, modes, owners, times, sizes and contents. */
import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "../../src/platform/std/path.ts";

/** One line for each path below a tree. */
export type Canary = ReadonlyMap<string, string>;

/** Lists `root`, without what lies below one of `except`. */
export function canaryOf(root: string, except: readonly string[]): Canary {
  const lines = new Map<string, string>();
  const visit = (path: string) => {
    if (except.includes(path)) return;
    const info = lstatSync(path, { bigint: true });
    lines.set(
      path,
      [info.mode, info.uid, info.gid, info.nlink, info.mtimeNs, info.ctimeNs, contentOf(path, info)]
        .join(" "),
    );
    if (!info.isDirectory()) return;
    for (const name of readdirSync(path).sort()) visit(join(path, name));
  };
  visit(root);
  return lines;
}

function contentOf(
  path: string,
  info: { isFile(): boolean; isSymbolicLink(): boolean; size: bigint },
): string {
  if (info.isSymbolicLink()) return `-> ${readlinkSync(path)}`;
  if (!info.isFile()) return "";
  return `${info.size} ${createHash("sha256").update(readFileSync(path)).digest("hex")}`;
}

/** Paths that differ. */
export function changes(before: Canary, after: Canary): string[] {
  const paths = new Set([...before.keys(), ...after.keys()]);
  return [...paths].filter((path) => before.get(path) !== after.get(path)).sort();
}
