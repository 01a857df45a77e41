/** Looks for an agent's CLI in every place, for showing all of them; choosing one is the runtime's. */
import { compareVersions } from "../runtimes/mod.ts";
import { loginShellPath, programOutput } from "../runtimes/shared/mod.ts";
import { isAbsolute, join } from "../platform/std/path.ts";

const VERSION_MS = 10_000;

/** Where a CLI was found, in the order of precedence. */
export type CandidateSource =
  | "explicit path"
  | "state directory"
  | "login shell"
  | "path"
  | "known place";

/** One CLI on this machine. */
export interface Candidate {
  readonly path: string;
  readonly source: CandidateSource;
  /** What is started for it: npm, for example, puts a script in front of the program. */
  readonly program: string;
  /** Null: it does not run. */
  readonly version: string | null;
}

/** What is behind a path. */
export type Inspection = Pick<Candidate, "program" | "version">;

/** Where to look. Paths are absolute. */
export interface CandidatePlaces {
  /** File name of the CLI. */
  readonly name: string;
  readonly explicit: string | null;
  /** Where this program installs it. */
  readonly installed: string;
  /** Directories below the owner's home in which it usually lies. */
  readonly homeDirs: readonly string[];
  readonly userHome: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** @default The path itself, and what it answers to `--version`. */
  inspect?(path: string): Promise<Inspection>;
}

/** All CLIs, each path once, in the order of precedence; an explicit path is listed even when missing. */
export async function listCandidates(places: CandidatePlaces): Promise<Candidate[]> {
  const found = new Map<string, CandidateSource>();
  for (const [source, path] of await paths(places)) {
    if (!found.has(path) && (source === "explicit path" || isFile(path))) found.set(path, source);
  }
  return await Promise.all(
    [...found].map(async ([path, source]) => {
      const inspect = places.inspect ?? askVersion;
      return { path, source, ...await inspect(path) };
    }),
  );
}

async function paths(places: CandidatePlaces): Promise<[CandidateSource, string][]> {
  const { name, explicit, installed, homeDirs, userHome, env } = places;
  const inDirs = (source: CandidateSource, dirs: readonly string[]) =>
    dirs.filter(isAbsolute).map((dir): [CandidateSource, string] => [source, join(dir, name)]);
  const shell = await loginShellPath(env["SHELL"], env);
  const usual = Deno.build.os === "windows" ? [] : ["/usr/local/bin", "/opt/homebrew/bin"];
  return [
    ...(explicit ? [["explicit path", explicit] as [CandidateSource, string]] : []),
    ["state directory", installed],
    ...inDirs("login shell", splitPath(shell)),
    ...inDirs("path", splitPath(env["PATH"])),
    ...inDirs("known place", [...homeDirs.map((dir) => join(userHome, dir)), ...usual]),
  ];
}

function splitPath(path: string | null | undefined): string[] {
  return (path ?? "").split(Deno.build.os === "windows" ? ";" : ":");
}

async function askVersion(path: string): Promise<Inspection> {
  const env = { ...Deno.env.toObject(), CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1" };
  const text = await programOutput(path, ["--version"], VERSION_MS, env);
  return { program: path, version: text?.match(/\d+\.\d+\.\d+/)?.[0] ?? null };
}

/** Why a CLI is not the one in use. */
export function whyNot(candidate: Candidate, minimum: string, used: string | null): string | null {
  if (candidate.version === null) return "it does not run";
  if (compareVersions(candidate.version, minimum) < 0) return `it is older than ${minimum}`;
  return candidate.program === used ? null : "another one comes before it";
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    // Whatever is in the way there, it is no CLI.
    if (error instanceof Error) return false;
    throw error;
  }
}
