/** `wegent-executor agents`: the agents' CLIs on this machine, which one is used, and installing one. */
import type { Settings } from "../config/mod.ts";
import { type AppError, EXIT, toAppError } from "../platform/mod.ts";
import { AGENTS } from "../runtimes/mod.ts";
import {
  type AgentProgram,
  type Candidate,
  compareVersions,
  configuredPath,
  ensureProgram,
  findProgram,
  installProgram,
  listPrograms,
  type Places,
} from "../runtimes/shared/mod.ts";
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

const PROGRAMS: readonly AgentProgram[] = AGENTS.map(({ program }) => program);

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

interface Search extends Places {
  readonly configured: string | null;
}

function searchOf(program: AgentProgram, { paths, userHome, agent }: Settings): Search {
  const env = Deno.env.toObject();
  const configured = configuredPath(program, env, agent.binaries);
  return { installDir: paths.agents, userHome, env, configured };
}

/** The one a device uses now; null: none, so it would be installed. @throws {AppError} */
async function usedBy(program: AgentProgram, search: Search): Promise<string | null> {
  // With an explicit path nothing is ever installed.
  if (search.configured) return (await ensureProgram(program, search)).path;
  return (await findProgram(program, search))?.path ?? null;
}

async function reportOf(program: AgentProgram, settings: Settings): Promise<AgentReport> {
  const { name, label, minimum, npmPackage } = program;
  const search = searchOf(program, settings);
  const found = await listPrograms(program, search);
  let used: string | null = null;
  let failure: AppError | null = null;
  try {
    used = await usedBy(program, search);
  } catch (error) {
    failure = toAppError(error);
  }
  const byHand = `npm install -g ${npmPackage}@latest`;
  const remedy = `\`wegent-executor agents install ${name}\` or \`${byHand}\``;
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

/** Why a program is not the one in use; null: it is. */
export function whyNot(candidate: Candidate, minimum: string, used: string | null): string | null {
  if (candidate.version === null) return "it does not run";
  if (compareVersions(candidate.version, minimum) < 0) return `it is older than ${minimum}`;
  return candidate.program === used ? null : "another one comes before it";
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
  const search = searchOf(program, settings);
  const path = await installProgram(program, { ...search, onProgress });
  print(`${program.label} ${program.release}: ${path}`);
  const used = await usedBy(program, search);
  if (used !== path) note(`In use is another one: ${used}`);
}
