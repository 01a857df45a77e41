/** Finds an agent's program on this machine, or has it installed. */
import { AppError } from "../../platform/mod.ts";
import { isAbsolute, join } from "../../platform/std/path.ts";
import type { InstallOptions } from "./install.ts";
import { loginShellPath, programOutput } from "./login_shell.ts";
import { type AgentProgram, compareVersions } from "./program.ts";

const VERSION_MS = 10_000;
/** Telemetry and updates are no part of asking for a version. */
const QUIET = { CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1" };

type Env = Readonly<Record<string, string | undefined>>;

/** Where a program was found, in the order of precedence. */
export type ProgramSource =
  | "explicit path"
  | "state directory"
  | "login shell"
  | "path"
  | "known place";

/** Where to look. */
export interface Places {
  /** `agents` of the executor's home: what we install lies in `<name>/<release>/` there. */
  readonly installDir: string;
  readonly userHome: string;
  readonly env: Env;
}

/** The program in use. */
export interface FoundProgram {
  /** Absolute path. */
  readonly path: string;
  readonly version: string;
  readonly source: ProgramSource;
}

/** One program on this machine. */
export interface Candidate {
  readonly path: string;
  readonly source: ProgramSource;
  /** What is started for it: npm, for example, puts a script in front of the program. */
  readonly program: string;
  /** Null: it does not run. */
  readonly version: string | null;
}

/** Options of {@link ensureProgram}. */
export interface EnsureOptions extends Places {
  /** Path the owner chose; nothing else is looked at then. */
  readonly configured: string | null;
  /** Told of the bytes of an installation that have come and of how many will. */
  onProgress?(done: number, total: number): void;
  readonly signal?: AbortSignal;
}

/** The path with which the owner names a program: by a variable, else by the configuration. */
export function configuredPath(
  program: AgentProgram,
  env: Env,
  settings: Readonly<Record<string, string>>,
): string | null {
  const set = program.variables.map((name) => env[name]?.trim()).find(Boolean);
  return set ?? (settings[program.setting]?.trim() || null);
}

/** Path at which {@link AgentProgram.package} is installed on this platform; null where there is none. */
export function installedPath(program: AgentProgram, installDir: string): string | null {
  const pkg = program.package();
  return pkg && join(installDir, program.name, pkg.release, pkg.binary);
}

/**
 * The program to use: the configured one, the one we installed, or the first on the login shell's `PATH`,
 * on our own or in a usual place that is new enough; else it is installed.
 *
 * @throws {AppError} `agent_unusable` when the configured one is missing or too old, or what
 * {@link installProgram} throws.
 */
export async function ensureProgram(
  program: AgentProgram,
  options: EnsureOptions,
): Promise<FoundProgram> {
  if (options.configured) return await requireUsable(program, options.configured, options);
  const found = await findProgram(program, options);
  if (found) return found;
  const path = await installProgram(program, options);
  const version = await versionOf(path, options.env) ?? "unknown";
  return { path, version, source: "state directory" };
}

/** Installs the program; see `install.ts`, which is loaded only for this. */
export async function installProgram(
  program: AgentProgram,
  options: InstallOptions,
): Promise<string> {
  const { install } = await import("./install.ts");
  return await install(program, options);
}

/** Looks for a usable program without installing one. */
export async function findProgram(
  program: AgentProgram,
  places: Places,
): Promise<FoundProgram | null> {
  const seen = new Set<string>();
  for await (const [source, candidate] of candidates(program, places)) {
    const path = programBehind(program, candidate);
    if (path === null || seen.has(path)) continue;
    seen.add(path);
    const version = await versionOf(path, places.env);
    if (version && compareVersions(version, program.minimum) >= 0) return { path, version, source };
  }
  return null;
}

/**
 * All programs, each path once, in the order of precedence; an explicit path is listed even when it is
 * missing.
 */
export async function listPrograms(
  program: AgentProgram,
  { configured, ...places }: Places & { readonly configured: string | null },
): Promise<Candidate[]> {
  const found = new Map<string, ProgramSource>();
  if (configured) found.set(lookedUp(configured, places.env), "explicit path");
  for await (const [source, path] of candidates(program, places)) {
    if (!found.has(path) && isFile(path)) found.set(path, source);
  }
  return await Promise.all([...found].map(async ([path, source]) => {
    const behind = programBehind(program, path);
    const version = behind === null ? null : await versionOf(behind, places.env);
    return { path, source, program: behind ?? path, version };
  }));
}

async function* candidates(
  program: AgentProgram,
  { installDir, userHome, env }: Places,
): AsyncGenerator<[ProgramSource, string]> {
  const inDirs = (source: ProgramSource, dirs: readonly string[]) =>
    dirs.flatMap((dir) =>
      program.files.map((name): [ProgramSource, string] => [source, join(dir, name)])
    );
  const installed = installedPath(program, installDir);
  if (installed) yield ["state directory", installed];
  // A service's `PATH` is short; the login shell knows where version managers put things.
  yield* inDirs("login shell", splitPath(await loginShellPath(env["SHELL"], env)));
  yield* inDirs("path", splitPath(env["PATH"]));
  for (const place of program.places ?? []) yield ["known place", place];
  const usual = Deno.build.os === "windows" ? [] : ["/usr/local/bin", "/opt/homebrew/bin"];
  yield* inDirs("known place", [...program.homeDirs.map((dir) => join(userHome, dir)), ...usual]);
}

function splitPath(path: string | null | undefined): string[] {
  return (path ?? "").split(Deno.build.os === "windows" ? ";" : ":").filter(isAbsolute);
}

/** A bare name is looked for on `PATH`; anything else is a path as it is. */
function lookedUp(configured: string, env: Env): string {
  if (/[/\\]/.test(configured)) return configured;
  const found = splitPath(env["PATH"]).map((dir) => join(dir, configured)).find(isFile);
  return found ?? configured;
}

function programBehind(program: AgentProgram, path: string): string | null {
  return program.programBehind ? program.programBehind(path) : path;
}

async function requireUsable(
  program: AgentProgram,
  configured: string,
  { env }: Places,
): Promise<FoundProgram> {
  const { label, minimum, variables, setting, npmPackage } = program;
  const remedy = `Correct ${variables[0]} or \`agent.${setting}\`, or leave it empty to have one ` +
    "found";
  const path = programBehind(program, lookedUp(configured, env));
  const version = path && await versionOf(path, env);
  if (!path || !version) {
    throw new AppError("agent_unusable", `Cannot run the configured ${label} CLI "${configured}"`, {
      remedy,
    });
  }
  if (compareVersions(version, minimum) < 0) {
    throw new AppError(
      "agent_unusable",
      `The configured ${label} CLI "${configured}" is version ${version}; ${minimum} is needed`,
      { remedy: `${remedy}; \`npm install -g ${npmPackage}@latest\` brings a new one` },
    );
  }
  return { path, version, source: "explicit path" };
}

/** What a program answers to `--version`; null when there is none or it does not answer. */
export async function versionOf(path: string, env: Env): Promise<string | null> {
  if (!isFile(path)) return null;
  const text = await programOutput(path, ["--version"], VERSION_MS, { ...env, ...QUIET });
  return text?.match(/\d+\.\d+\.\d+/)?.[0] ?? null;
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    // Whatever is in the way there, it is no program.
    if (error instanceof Error) return false;
    throw error;
  }
}
