/**
 * What a process of ours may do to files, and how that becomes a list of grants.
 *
 * Landlock (like every allow list) can only grant, and a grant on a directory covers all below it. A
 * denial inside a granted tree is therefore made by granting everything around it: the entries of each
 * directory on the way to the denied path, one by one. What follows from that:
 *
 * - names in such directories stay visible (`ls` works everywhere), contents of denied paths do not;
 * - an entry that appears directly in such a directory after the start of a process is not covered:
 *   that process cannot read it, and cannot create one there even if the directory was writable.
 */
import { child, diskSeam, type FileSeam, isWithin } from "./paths.ts";

/** File rights of one process and all its children. Paths are absolute and without links. */
export interface Box {
  /** Trees (or files) that may be changed in every way. They are readable too. */
  readonly write: readonly string[];
  /** Trees that may be read although `denyRead` covers them. */
  readonly read: readonly string[];
  /** Trees that may not be read. A `write` or `read` entry below one of them wins. */
  readonly denyRead: readonly string[];
  /** Trees that may not be changed although `write` covers them. */
  readonly denyWrite: readonly string[];
  /** Directory for temporary files, set as TMPDIR; it must be below a `write` entry. */
  readonly tmpDir?: string;
}

/**
 * A kind of grant: `list` names only, `read` contents and execution, `write` every change and reading,
 * `device` reading, writing and `ioctl`, but no creation.
 */
export type Access = "list" | "read" | "write" | "device";

/** One grant. */
export interface BoxRule {
  readonly path: string;
  readonly access: Access;
  /** Known to be something other than a directory. */
  readonly file?: true;
  /** A place of the system's own, where links are followed. */
  readonly system?: true;
}

/**
 * Device nodes every program expects. The terminals of `/dev/pts` are there because a program that
 * makes a pseudo-terminal must open it; `/dev/shm` holds POSIX shared memory and semaphores.
 */
const DEVICES: readonly BoxRule[] = [
  ...["null", "zero", "full", "random", "urandom", "tty", "ptmx"]
    .map((name): BoxRule => ({ path: `/dev/${name}`, access: "device", system: true, file: true })),
  { path: "/dev/pts", access: "device", system: true },
  { path: "/dev/shm", access: "write", system: true },
];

/**
 * The grants of a box, outermost first.
 *
 * A deny inside a `write` or `read` tree takes effect there; a deny that lies above the tree (or around
 * it) does not, so the more specific entry wins; on the same path the deny wins. Of `/dev`, nothing but
 * {@link DEVICES} can be opened.
 */
export function planBox(box: Box, seam: FileSeam = diskSeam): BoxRule[] {
  const rules: BoxRule[] = [];
  // Root owns the nodes of whole disks and needs none of its powers to read them.
  const denyRead = [...box.denyRead, "/dev"];
  const add = (access: Access) => (path: string, file?: true) =>
    rules.push(file ? { path, access, file } : { path, access });
  add("list")("/");
  cover("/", denyRead, seam, add("read"));
  for (const root of box.read) cover(root, denyRead, seam, add("read"));
  const denied = [...denyRead, ...box.denyWrite];
  for (const root of withoutCovered(box.write, denied)) cover(root, denied, seam, add("write"));
  return [...rules, ...DEVICES];
}

/**
 * Drops roots that another root covers already. Besides saving rules this is a guard: what lies in a
 * tree the agent can change may have become a link, and must not be opened as a grant of its own.
 */
export function withoutCovered(roots: readonly string[], denied: readonly string[]): string[] {
  const unique = [...new Set(roots)];
  return unique.filter((path) =>
    !unique.some((other) =>
      other !== path && isWithin(other, path) &&
      !denied.some((d) => isWithin(other, d) && isWithin(d, path))
    )
  );
}

/** Reports the largest trees below `root` that hold no denied path. */
function cover(
  root: string,
  denied: readonly string[],
  seam: FileSeam,
  report: (path: string, file?: true) => void,
): void {
  const inside = denied.filter((path) => isWithin(root, path));
  if (inside.length === 0) return report(root);
  if (inside.some((path) => isWithin(path, root))) return;
  for (const entry of seam.entries(root) ?? []) {
    // A link is followed by the kernel: what counts is the grant on its target.
    if (entry.link) continue;
    const path = child(root, entry.name);
    if (entry.directory) cover(path, inside, seam, report);
    else if (!inside.some((other) => isWithin(other, path))) report(path, true);
  }
}
