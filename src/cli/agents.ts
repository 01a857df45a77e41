/** `wegent-executor agents`: the agents' CLIs on this machine, which one is used, and installing one. */
import type { Settings } from "../config/mod.ts";
import { AppError, EXIT, toAppError } from "../platform/mod.ts";
import { join } from "../platform/std/path.ts";
import {
  CODEX_MINIMUM,
  CODEX_VERSION,
  ensureCodex,
  findCodex,
  installCodex,
  readCodexVersion,
} from "../runtimes/codex/mod.ts";
import {
  CLAUDE_MINIMUM,
  CLAUDE_VERSION,
  ensureClaude,
  findClaude,
  installClaude,
} from "../runtimes/mod.ts";
import { type Candidate, type Inspection, listCandidates, whyNot } from "./_agent_candidates.ts";
import { parseFlags, type Usage, usageError } from "./arguments.ts";
import { configSources, loadSettings } from "./environment.ts";
import { note, print, printJson, progressBar } from "./output.ts";

const USAGE: Usage = {
  name: "agents",
  examples: ["wegent-executor agents", "wegent-executor agents install claude"],
  summary:
    "Shows the agents' programs found on this machine, which one is used and why the others are not,\n" +
    "or installs one for this program alone. What is installed is checked against a known hash.",
  positionals: "[list | install NAME]",
  maxPositionals: 2,
  flags: [
    { name: "json", help: "Print the list as JSON" },
    { name: "config", value: "FILE", help: "Another configuration file" },
  ],
};

/** Where an agent's own functions look. */
interface Places {
  readonly installDir: string;
  readonly userHome: string;
  readonly env: Readonly<Record<string, string>>;
}

/** An agent's program as this command shows and installs it. */
interface AgentProgram {
  /** Name on the command line. */
  readonly name: string;
  readonly label: string;
  /** Oldest version that is used, and the one that is installed. */
  readonly minimum: string;
  readonly version: string;
  /** What a person may type instead of `agents install`. */
  readonly byHand: string;
  /** File name, and where it lies below the directory of what this program installs. */
  readonly file: string;
  readonly installed: string;
  readonly homeDirs: readonly string[];
  explicit(settings: Settings): string | null;
  /** As the device finds it: a path the owner chose, or what there is; null: nothing. */
  ensure(options: Places & { configured: string }): Promise<{ path: string; version: string }>;
  find(places: Places): Promise<{ path: string } | null>;
  install(options: Places & Progress): Promise<string>;
  inspect?(path: string, places: Places): Promise<Inspection>;
}

interface Progress {
  onProgress(done: number, total: number): void;
}

const EXE = Deno.build.os === "windows" ? ".exe" : "";

const CLAUDE: AgentProgram = {
  name: "claude",
  label: "Claude Code",
  minimum: CLAUDE_MINIMUM,
  version: CLAUDE_VERSION,
  byHand: "npm install -g @anthropic-ai/claude-code@latest",
  file: `claude${EXE}`,
  installed: `claude/${CLAUDE_VERSION}/claude${EXE}`,
  homeDirs: [".local/bin", ".claude/local", ".npm-global/bin", ".bun/bin"],
  explicit: ({ agent }) => agent.claudeBinary,
  ensure: ensureClaude,
  find: findClaude,
  install: installClaude,
};

const CODEX: AgentProgram = {
  name: "codex",
  label: "Codex",
  minimum: CODEX_MINIMUM,
  version: CODEX_VERSION,
  byHand: "npm install -g @openai/codex@latest",
  file: Deno.build.os === "windows" ? "codex.cmd" : "codex",
  installed: `codex/${CODEX_VERSION}/bin/codex${EXE}`,
  homeDirs: [".local/bin", ".npm-global/bin", ".bun/bin", ".yarn/bin", "node_modules/.bin"],
  explicit: ({ agent }) => agent.codexBinary,
  ensure: ensureCodex,
  find: findCodex,
  install: installCodex,
  inspect: async (path, places) => {
    try {
      const { path: program, version } = await ensureCodex({ ...places, configured: path });
      return { program, version };
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      return { program: path, version: await readCodexVersion(path) };
    }
  },
};

/** All of them; a further agent is one more entry. */
const PROGRAMS: readonly AgentProgram[] = [CLAUDE, CODEX];

/** One agent as `--json` prints it. */
interface AgentReport {
  readonly name: string;
  readonly label: string;
  readonly minimum: string;
  /** Path of the one in use; null: none. */
  readonly used: string | null;
  /** Why none can be used although one is named. */
  readonly error: string | null;
  /** What to do when none is used. */
  readonly remedy: string | null;
  readonly found: readonly (Candidate & { readonly not_used: string | null })[];
}

export default async function agents(args: string[]): Promise<number> {
  const parsed = parseFlags(USAGE, args);
  if (!parsed) return EXIT.ok;
  const [action = "list", name] = parsed.positionals;
  const settings = await loadSettings(configSources(parsed.flags));
  if (action === "list" && name === undefined) await list(settings, parsed.flags["json"] === true);
  else if (action === "install" && name !== undefined) await install(settings, name);
  else throw usageError(USAGE, 'Expected "list" or "install NAME"');
  return EXIT.ok;
}

async function list(settings: Settings, json: boolean): Promise<void> {
  const reports = await Promise.all(PROGRAMS.map((program) => reportOf(program, settings)));
  if (json) return printJson({ agents: reports });
  for (const report of reports) printReport(report);
}

function placesOf({ paths, userHome }: Settings): Places {
  return { installDir: paths.agents, userHome, env: Deno.env.toObject() };
}

/** The one a device uses now; null: none, so it would be installed. @throws {AppError} */
async function usedBy(program: AgentProgram, settings: Settings): Promise<string | null> {
  const places = placesOf(settings);
  const configured = program.explicit(settings);
  // With an explicit path nothing is ever installed.
  if (configured) return (await program.ensure({ ...places, configured })).path;
  return (await program.find(places))?.path ?? null;
}

async function reportOf(program: AgentProgram, settings: Settings): Promise<AgentReport> {
  const { name, label, minimum, file, homeDirs, inspect } = program;
  const places = placesOf(settings);
  const found = await listCandidates({
    ...places,
    name: file,
    explicit: program.explicit(settings),
    installed: join(places.installDir, program.installed),
    homeDirs,
    ...(inspect && { inspect: (path: string) => inspect(path, places) }),
  });
  let used: string | null = null;
  let failure: AppError | null = null;
  try {
    used = await usedBy(program, settings);
  } catch (error) {
    failure = toAppError(error);
  }
  const remedy = `\`wegent-executor agents install ${name}\` or \`${program.byHand}\``;
  return {
    name,
    label,
    minimum,
    used,
    error: failure?.message ?? null,
    remedy: used ? null : failure?.remedy ?? remedy,
    found: found.map((candidate) => ({
      ...candidate,
      not_used: whyNot(candidate, minimum, used),
    })),
  };
}

function printReport({ label, minimum, used, error, remedy, found }: AgentReport): void {
  print(`${label} (${minimum} or newer)`);
  const width = Math.max(...found.map(({ path }) => path.length), 0) + 2;
  for (const { path, source, version, not_used } of found) {
    const state = not_used === null ? "in use" : `not used: ${not_used}`;
    print(
      `  ${(version ?? "?").padEnd(10)}${path.padEnd(width)}${source.padEnd(17)}${state}`,
    );
  }
  if (used) return;
  note(error ?? `No ${label} CLI of version ${minimum} or newer was found`);
  note(`  try: ${remedy}`);
}

async function install(settings: Settings, name: string): Promise<void> {
  const program = PROGRAMS.find((known) => known.name === name);
  if (!program) {
    throw usageError(
      USAGE,
      `Cannot install "${name}": the agents are ${PROGRAMS.map((known) => known.name).join(", ")}`,
    );
  }
  const onProgress = progressBar(`Installing the ${program.label} CLI`);
  const path = await program.install({ ...placesOf(settings), onProgress });
  print(`${program.label} ${program.version}: ${path}`);
  const used = await usedBy(program, settings);
  if (used !== path) note(`In use is another one: ${used}`);
}
