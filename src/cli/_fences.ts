/** What `permissions` shows: every fence of this device, derived from its settings as the daemon does. */
import type { Settings } from "../config/mod.ts";
import { sourceRoots } from "../platform/mod.ts";
import { join } from "../platform/std/path.ts";
import {
  type Box,
  buildCommandPolicy,
  buildPolicy,
  deriveProgramScope,
  diskSeam,
  type FileSeam,
  isWithin,
  renderDenoFlags,
  renderWorkerPermissions,
  resolvePath,
  type SandboxStatus,
  sandboxStatus,
} from "../scope/mod.ts";
import { AGENTS } from "../runtimes/mod.ts";
import { configuredPath } from "../runtimes/shared/mod.ts";
import { deviceScope } from "../supervisor/mod.ts";

/** What Deno's own flags let this process do. */
export interface FlagsState {
  /** `baked`: into this executable; `given`: to `deno run`; `none`: they do not limit files. */
  readonly kind: "none" | "baked" | "given";
  /** Places of the device that the flags leave out. */
  readonly outside: readonly string[];
}

/** A box as people ask about it. Paths absolute, without links. */
export interface BoxReport {
  readonly write: readonly string[];
  /** Inside of `write`, and kept all the same. */
  readonly keptFromWriting: readonly string[];
  readonly unreadable: readonly string[];
  /** Inside of `unreadable`, and readable all the same. */
  readonly butReadable: readonly string[];
}

/** Every fence. */
export interface FencesReport {
  readonly roots: readonly string[];
  readonly refused: Settings["listedRoots"]["refused"];
  readonly chatsDir: string;
  readonly projectsDir: string;
  readonly flags: FlagsState;
  readonly worker: Deno.PermissionOptionsObject;
  readonly leftOut: readonly { readonly path: string; readonly reason: string }[];
  readonly sandbox: SandboxStatus;
  readonly agent: BoxReport;
  readonly command: BoxReport;
  readonly projects: Settings["projects"];
  /** One word each. @throws {AppError} `path_with_comma`. */
  denoFlags(): string[];
}

/** Derives the report. Looks at the disk and changes nothing. */
export function fencesOf(settings: Settings): FencesReport {
  const scope = deviceScope(settings);
  const { allowedRoots, listedRoots, chatsDir, projectsDir, projects } = settings;
  const { agent, command } = boxesOf(settings);
  return {
    roots: allowedRoots,
    refused: listedRoots.refused,
    chatsDir,
    projectsDir,
    flags: flagsState([settings.paths.home, ...allowedRoots]),
    worker: renderWorkerPermissions(scope),
    leftOut: scope.leftOut,
    sandbox: sandboxStatus(settings.sandbox.mode),
    agent: reportOf(agent),
    command: reportOf(command),
    projects,
    denoFlags: () => renderDenoFlags(programScope(settings)),
  };
}

function programScope(settings: Settings) {
  const { userHome, paths, workspaceRoot, allowedRoots, configFile, sandbox, agent } = settings;
  const env = Deno.env.toObject();
  const named = AGENTS.map(({ program }) => configuredPath(program, env, agent.binaries))
    .filter((path) => path !== null).map((path) => join(path, ".."));
  return deriveProgramScope({
    userHome,
    home: paths.home,
    workspaceRoot,
    roots: allowedRoots,
    extraWrite: sandbox.write,
    path: [...named, env["PATH"] ?? ""].join(":"),
    ...(isWithin(paths.home, configFile) ? {} : { configFile }),
  });
}

function flagsState(places: readonly string[]): FlagsState {
  const allowed = (path?: string) =>
    (["read", "write"] as const).every((name) =>
      Deno.permissions.querySync({ name, ...(path !== undefined && { path }) }).state === "granted"
    );
  if (allowed()) return { kind: "none", outside: [] };
  return {
    kind: Deno.build.standalone ? "baked" : "given",
    outside: places.filter((path) => !allowed(path)),
  };
}

/** Stands for a task and for a key of a session in the paths that are shown. */
const TASK = "<task>";

/** The boxes of a managed session and of a command, as they would be made now. */
function boxesOf(settings: Settings): { agent: Box; command: Box } {
  const { paths, sandbox, userHome, workspaceRoot, allowedRoots } = settings;
  const workdir = join(workspaceRoot, TASK);
  const sessionDir = join(paths.sessions, TASK);
  const tmpDir = join(sessionDir, "tmp");
  const common = {
    mode: sandbox.mode,
    preset: sandbox.preset,
    userHome,
    home: paths.home,
    workspaceRoot,
    roots: allowedRoots,
    agentsDir: paths.agents,
    programDirs: sourceRoots(),
    extraWrite: sandbox.write,
    denyRead: [...sandbox.denyRead, settings.configFile],
    env: Deno.env.toObject(),
  };
  const { agent } = buildPolicy({
    ...common,
    workdir,
    hostDir: join(paths.hosts, TASK),
    runsDir: paths.runs,
    sessionDir,
    agentConfigDir: join(workdir, ".claude"),
  }, showing(workdir)).boxes;
  const { command } = buildCommandPolicy({ ...common, cwd: "/", tmpDir }).boxes;
  if (!agent || !command) throw new TypeError("A policy is without its box");
  return { agent, command };
}

/** The disk as if the session's directory was there. */
function showing(workdir: string): FileSeam {
  return {
    ...diskSeam,
    realPath: (path) => path === workdir ? resolvePath(workdir, diskSeam) : diskSeam.realPath(path),
  };
}

function reportOf({ write, read, denyRead, denyWrite }: Box): BoxReport {
  const inside = (trees: readonly string[], path: string) =>
    trees.some((tree) => isWithin(tree, path));
  return {
    write,
    keptFromWriting: denyWrite.filter((path) => inside(write, path)),
    unreadable: denyRead,
    butReadable: [...read, ...write].filter((path) => inside(denyRead, path)),
  };
}
