/** Makes the policy of one session from where its things lie; see decision 16 for what is in it. */
import { AppError } from "../platform/errors.ts";
import type { Box } from "./box.ts";
import {
  child,
  components,
  diskSeam,
  type FileSeam,
  isWithin,
  parent,
  resolvePath,
} from "./paths.ts";
import { outsideRoots, type Policy, type SandboxMode } from "./policy.ts";
import { CACHES, CLAUDE_CONFIG_KEPT, CREDENTIALS, START_FILES } from "./sensitive.ts";

/** Where the things of one session lie. All paths absolute; links are resolved here. */
export interface PolicyInput {
  readonly mode: SandboxMode;
  /** The owner's home directory. */
  readonly userHome: string;
  /** WEGENT_EXECUTOR_HOME: kept from the agent, except what is named below. */
  readonly home: string;
  /** Workspace root; readable although it usually lies below `home`. */
  readonly workspaceRoot: string;
  /** The session's working directory; it must exist. */
  readonly workdir: string;
  /** Roots the workdir may lie in; for a project outside of them, add the project's path. */
  readonly roots: readonly string[];
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
  /** Agent CLIs we installed: readable, never writable. @default `home/agents` */
  readonly agentsDir?: string;
  /** Sources of this program, when it runs from source: readable, never writable. @default [] */
  readonly programDirs?: readonly string[];
  /** Further directories of the host alone, such as one for a socket with a short path. @default [] */
  readonly hostWrite?: readonly string[];
  /** Directories the user added (`sandbox.write`). @default [] */
  readonly extraWrite?: readonly string[];
  /** `sandbox.deny_read`, and a configuration file outside of `home`. */
  readonly denyRead?: readonly string[];
  /** `strict` also keeps credentials (`~/.ssh`, cloud logins) from the agent. @default "default" */
  readonly preset?: "default" | "strict";
  /** Environment in which PATH and the caches' variables are looked up. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Builds the policy. The directories of the session need not exist yet, but must when it is launched: a
 * missing one is not writable.
 *
 * @throws {AppError} `workdir_outside_roots`, `workdir_missing`, `path_moved` or `path_invalid`.
 */
export function buildPolicy(input: PolicyInput, seam: FileSeam = diskSeam): Policy {
  const real = (path: string) => resolvePath(path, seam);
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
  const roots = input.roots.map(real);
  if (!roots.some((root) => isWithin(root, workdir))) throw outsideRoots(workdir, roots);
  const agent = agentBox(input, workdir, seam);
  return {
    version: 1,
    mode: input.mode,
    workdir,
    roots,
    boxes: { host: hostBox(input, agent, seam), agent },
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
    denyWrite: kept(input, seam),
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
 * Resolves a directory of ours. Our home and the roots may be reached through links, but below them
 * nobody but an earlier agent makes one, and following it would grant whatever it leads to.
 */
function inPlace(path: string, input: PolicyInput, seam: FileSeam): string {
  const actual = resolvePath(path, seam);
  const trees = [input.workspaceRoot, input.home, ...input.roots]
    .map((tree) => resolvePath(tree, seam));
  if (!linkedInside(path, trees, seam)) return actual;
  throw new AppError(
    "path_moved",
    `Expected "${path}" to be no link, but it leads to "${actual}"`,
    { remedy: "Remove the link and start the session again" },
  );
}

/** True when `path` goes through a link that lies inside one of `trees`. */
function linkedInside(path: string, trees: readonly string[], seam: FileSeam): boolean {
  let place = "/";
  let inside = false;
  for (const name of components(path)) {
    const next = child(place, name);
    inside ||= trees.some((tree) => tree !== next && isWithin(tree, next));
    place = seam.realPath(next) ?? next;
    if (inside && place !== next) return true;
  }
  return false;
}

/** `path` moved from below `from` to below `to`; null when it is not below `from`. */
function rebase(path: string, from: string, to: string): string | null {
  if (!isWithin(from, path)) return null;
  return components(path).slice(components(from).length).reduce(child, to);
}

function cacheDirs(input: PolicyInput): string[] {
  const { env, userHome } = input;
  const absolute = (value: string | undefined) =>
    value?.startsWith("/") ? [value.replace(/\/+$/, "") || "/"] : [];
  return [
    ...CACHES.map((path) => child(userHome, path)),
    ...absolute(env.XDG_CACHE_HOME),
    ...absolute(env.npm_config_cache),
    ...absolute(env.GOMODCACHE),
    ...absolute(env.CARGO_HOME).flatMap((path) => [child(path, "registry"), child(path, "git")]),
  ]
    // Neither our own state nor a whole home directory is a cache, whatever a variable says.
    .filter((path) =>
      !isWithin(path, input.home) && !isWithin(input.home, path) && !isWithin(path, userHome)
    );
}

function denied(input: PolicyInput, seam: FileSeam): string[] {
  const credentials = input.preset === "strict"
    ? CREDENTIALS.map((path) => child(input.userHome, path))
    : [];
  return bothEnds([input.home, ...(input.denyRead ?? []), ...credentials], seam);
}

function kept(input: PolicyInput, seam: FileSeam): string[] {
  const inHome = [...START_FILES, ...CLAUDE_CONFIG_KEPT.map((name) => `.claude/${name}`)];
  const onPath = (input.env.PATH ?? "").split(":").filter((path) => path.startsWith("/"));
  // Whoever works on this program in its own directory has chosen to change it.
  const program = [...programFiles(input), ...readOnly(input)].filter((path) =>
    path !== input.workdir
  );
  return bothEnds(
    [...inHome.map((path) => child(input.userHome, path)), ...onPath, ...program],
    seam,
  );
}

/** Files the next, unsandboxed start of this program executes. */
function programFiles(input: PolicyInput): string[] {
  if (Deno.build.standalone) return [Deno.execPath()];
  const { env } = input;
  const cache = env.XDG_CACHE_HOME ??
    child(input.userHome, Deno.build.os === "darwin" ? "Library/Caches" : ".cache");
  // Run from source, Deno's cache holds our packages and our compiled modules.
  return [Deno.execPath(), env.DENO_DIR ?? child(cache, "deno")].filter((path) =>
    path.startsWith("/")
  );
}

function readOnly(input: PolicyInput): string[] {
  return [input.agentsDir ?? child(input.home, "agents"), ...(input.programDirs ?? [])];
}

/** Each path where its name is and where it leads: neither the link nor its target may be replaced. */
function bothEnds(paths: readonly string[], seam: FileSeam): string[] {
  return unique(paths.flatMap((path) => {
    const plain = path.replace(/\/+$/, "") || "/";
    const name = plain.slice(parent(plain).length).replace(/^\/+/, "");
    const place = name ? child(resolvePath(parent(plain), seam), name) : plain;
    return [place, resolvePath(plain, seam)];
  }));
}

function unique(paths: readonly string[]): string[] {
  return [...new Set(paths)];
}
