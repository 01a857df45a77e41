/** Rights of what a server asks for outside of a session: one command, or a terminal. */
import { AppError } from "../platform/errors.ts";
import type { Box } from "./box.ts";
import { child, diskSeam, type FileSeam, isWithin, resolvePath } from "./paths.ts";
import {
  cacheDirs,
  denied,
  kept,
  linkedInside,
  type PlacesInput,
  readOnly,
  soundRoots,
  unique,
} from "./places.ts";
import type { Policy, SandboxMode } from "./policy.ts";

/** Where a command starts and what it may change. `roots`: all of the device's, not a session's. */
export interface CommandPolicyInput extends PlacesInput {
  readonly mode: SandboxMode;
  /** Where it starts: any directory that its box can read. */
  readonly cwd: string;
  /** Private directory for temporary files; the launcher creates it. */
  readonly tmpDir: string;
}

/**
 * Builds the policy with which the launcher starts a command (kind `command`) or a shell in a terminal
 * (kind `terminal`): it writes the roots that exist, the usual caches and its temporary directory.
 *
 * @throws {AppError} `workdir_missing`, `workdir_denied` when the directory is one that no box may read,
 *   or `path_invalid`.
 */
export function buildCommandPolicy(
  input: CommandPolicyInput,
  seam: FileSeam = diskSeam,
): Policy {
  const workdir = seam.realPath(input.cwd);
  if (workdir === null) {
    throw new AppError("workdir_missing", `The directory "${input.cwd}" does not exist`, {
      remedy: "Create it, or choose another one",
    });
  }
  const box = commandBox(input, workdir, seam);
  if (!readable(box, workdir)) {
    throw new AppError("workdir_denied", `Cannot start in "${workdir}": it is kept from commands`, {
      remedy: "Choose a directory outside this program's own state",
    });
  }
  // Reading is free, so any directory may be entered; what counts are the grants.
  return {
    version: 1,
    mode: input.mode,
    workdir,
    roots: ["/"],
    boxes: { command: box, terminal: box },
  };
}

function commandBox(input: CommandPolicyInput, workdir: string, seam: FileSeam): Box {
  const exists = (path: string) => seam.realPath(path) !== null;
  const roots = soundRoots(input, seam).filter(exists);
  const given = [...cacheDirs(input), ...(input.extraWrite ?? [])].filter(exists);
  const trees = [...roots, ...given.map((path) => resolvePath(path, seam))];
  const sound = given.filter((path) => !linkedInside(path, trees, seam))
    .map((path) => resolvePath(path, seam));
  const tmpDir = resolvePath(input.tmpDir, seam);
  return {
    write: unique([...roots, ...sound, tmpDir]),
    read: unique([...readOnly(input), input.workspaceRoot].map((path) => resolvePath(path, seam))),
    denyRead: denied(input, seam),
    denyWrite: kept(input, workdir, seam),
    tmpDir,
  };
}

/** As `planBox()` decides: the nearest entry above the path counts, a denial before a grant. */
function readable({ write, read, denyRead }: Box, path: string): boolean {
  const nearest = (trees: readonly string[]) =>
    Math.max(
      -1,
      ...trees.filter((tree) => isWithin(tree, path)).map((tree) => child(tree, "").length),
    );
  const against = nearest(denyRead);
  return against < 0 || nearest([...write, ...read]) > against;
}
