/** Makes the policy of one session from where its things lie; see decision 16 for what is in it. */
import { AppError } from "../platform/errors.ts";
import type { Box } from "./box.ts";
import { child, diskSeam, type FileSeam, isWithin, resolvePath } from "./paths.ts";
import {
  cacheDirs,
  denied,
  inPlace,
  kept,
  linkedInside,
  type PlacesInput,
  readOnly,
  rebase,
  soundRoots,
  unique,
} from "./places.ts";
import { outsideRoots, type Policy, type SandboxMode } from "./policy.ts";

/** Where the things of one session lie. All paths absolute; links are resolved here. */
export interface PolicyInput extends PlacesInput {
  readonly mode: SandboxMode;
  /** The session's working directory; it must exist and lie in a root (a project may be its own). */
  readonly workdir: string;
  /** `run/hosts/<hostId>`: socket, secret and log of the host. */
  readonly hostDir: string;
  /** `state/runs`: journals. */
  readonly runsDir: string;
  /** `state/sessions/<task>/…`: what the session keeps; the agent may write here. */
  readonly sessionDir: string;
  /** The agent's configuration directory: one of its own, or the owner's `~/.claude`. */
  readonly agentConfigDir?: string;
  /**
   * Private directory for temporary files; the launcher creates it. Short, as sockets are made in it.
   * @default `sessionDir/tmp`
   */
  readonly tmpDir?: string;
  /** Further directories of the host alone, such as one for a socket with a short path. @default [] */
  readonly hostWrite?: readonly string[];
  /** Directories for preparations alone, not for the agent; inside of what the host has. @default [] */
  readonly prepareWrite?: readonly string[];
}

/**
 * Builds the policy. The directories of the session need not exist yet, but must when it is launched: a
 * missing one is not writable.
 *
 * @throws {AppError} `workdir_outside_roots`, `workdir_missing`, `path_moved` or `path_invalid`.
 */
export function buildPolicy(input: PolicyInput, seam: FileSeam = diskSeam): Policy {
  const workdir = seam.realPath(input.workdir);
  if (workdir === null) {
    throw new AppError(
      "workdir_missing",
      `The working directory "${input.workdir}" does not exist`,
      {
        remedy: "Create it, or choose another one",
      },
    );
  }
  const roots = soundRoots(input, seam);
  if (!roots.some((root) => isWithin(root, workdir))) throw outsideRoots(workdir, roots);
  const agent = agentBox(input, workdir, seam);
  return {
    version: 1,
    mode: input.mode,
    workdir,
    roots,
    boxes: { host: hostBox(input, agent, seam), agent, prepare: prepareBox(input, agent, seam) },
  };
}

function agentBox(input: PolicyInput, workdir: string, seam: FileSeam): Box {
  const real = (path: string) => resolvePath(path, seam);
  const sessionDir = inPlace(input.sessionDir, input, seam);
  const tmpDir = input.tmpDir ?? child(input.sessionDir, "tmp");
  const given = [
    tmpDir,
    ...(input.agentConfigDir ? [input.agentConfigDir] : []),
    ...(input.extraWrite ?? []),
  ]
    // What lies in a tree the agent may change needs no grant of its own, and a link there is its work.
    .filter((path) =>
      ![input.workdir, workdir, input.sessionDir].some((tree) => isWithin(tree, path))
    )
    .map((path) => inPlace(path, input, seam));
  const caches = cacheDirs(input).filter((path) => seam.realPath(path) !== null);
  const trees = [workdir, sessionDir, ...given, ...[...input.roots, ...caches].map(real)];
  const sound = caches.filter((path) => !linkedInside(path, trees, seam));
  return {
    write: unique([workdir, sessionDir, ...given, ...sound.map(real)]),
    read: unique([...readOnly(input), input.workspaceRoot].map(real)),
    denyRead: denied(input, seam),
    denyWrite: kept(input, input.workdir, seam),
    tmpDir: rebase(tmpDir, input.sessionDir, sessionDir) ?? real(tmpDir),
  };
}

/** What the agent has, and the journal and socket of the host. */
function hostBox(input: PolicyInput, agent: Box, seam: FileSeam): Box {
  const own = [input.hostDir, input.runsDir, ...(input.hostWrite ?? [])]
    .map((path) => inPlace(path, input, seam));
  return { ...agent, write: unique([...agent.write, ...own]) };
}

/**
 * For git and files in the directory before a turn: no configuration of the agent and no state of its
 * session, since nothing of it runs yet. The cache is the one of git's own credential helper.
 */
function prepareBox(input: PolicyInput, agent: Box, seam: FileSeam): Box {
  const extra = (input.extraWrite ?? []).map((path) => resolvePath(path, seam));
  const git = resolvePath(child(input.userHome, ".cache/git"), seam);
  const [workdir = ""] = agent.write;
  // What the agent's box was not given (a link in its own tree) is not given here either.
  const given = extra.filter((path) => agent.write.some((tree) => isWithin(tree, path)));
  const caches = agent.write.some((tree) => isWithin(tree, git)) ? [git] : [];
  const tmp = agent.tmpDir === undefined ? [] : [agent.tmpDir];
  const own = (input.prepareWrite ?? []).map((path) => inPlace(path, input, seam));
  return { ...agent, write: unique([workdir, ...tmp, ...given, ...caches, ...own]) };
}
