/** `wegent-executor permissions`: each fence, what it allows, whether it is active. */
import { AppError, EXIT } from "../platform/mod.ts";
import { shellLine } from "../scope/mod.ts";
import { type BoxReport, fencesOf, type FencesReport } from "./_fences.ts";
import { parseFlags, type Usage, usageError } from "./arguments.ts";
import { configSources, loadSettings } from "./environment.ts";
import { print, printJson } from "./output.ts";

const USAGE: Usage = {
  name: "permissions",
  examples: [
    "wegent-executor permissions",
    "wegent-executor permissions --json",
    "deno run $(wegent-executor permissions --deno-flags) main.ts",
    'eval "deno run $(wegent-executor permissions --deno-flags) main.ts"   # paths with blanks',
  ],
  summary:
    "Shows the fences around this program and the agents, derived from the allowed roots, and whether\n" +
    "each is active.",
  flags: [
    { name: "json", help: "Print JSON" },
    {
      name: "deno-flags",
      help: "Print the flags of `deno run` and `deno compile` for these roots on one line",
    },
    { name: "config", value: "FILE", help: "Another configuration file" },
  ],
};

export default async function permissions(args: string[]): Promise<number> {
  const parsed = parseFlags(USAGE, args);
  if (!parsed) return EXIT.ok;
  const { json, "deno-flags": flagsOnly } = parsed.flags;
  if (json && flagsOnly) throw usageError(USAGE, 'Expected one of "--json" and "--deno-flags"');
  const fences = fencesOf(await loadSettings(configSources(parsed.flags)));
  if (flagsOnly) print(shellLine(fences.denoFlags()));
  else if (json) printJson(asJson(fences));
  else show(fences);
  return EXIT.ok;
}

function asJson(fences: FencesReport): unknown {
  const { roots, refused, flags, worker, leftOut, sandbox, agent, command, projects } = fences;
  return {
    roots,
    refused_roots: refused,
    chats_dir: fences.chatsDir,
    projects_dir: fences.projectsDir,
    deno: { ...flags, enforced: false },
    worker: { active: true, permissions: worker, left_out: leftOut },
    sandbox: { ...sandbox, agent: boxJson(agent), command: boxJson(command) },
    resolver: { active: true, roots, projects },
    ...flagsJson(fences),
  };
}

/** A path that no flag can hold is no reason to show nothing else. */
function flagsJson(fences: FencesReport): Record<string, unknown> {
  try {
    return { deno_flags: fences.denoFlags() };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { deno_flags: null, deno_flags_error: error.message };
  }
}

function boxJson({ write, keptFromWriting, unreadable, butReadable }: BoxReport): unknown {
  return {
    write,
    kept_from_writing: keptFromWriting,
    unreadable,
    but_readable: butReadable,
  };
}

function show(fences: FencesReport): void {
  showRoots(fences);
  print();
  showFlags(fences);
  print();
  print("1. Device worker (Deno permissions): active");
  for (const [name, value] of Object.entries(fences.worker)) {
    const all = value === true ? "all" : "nothing";
    const shown = Array.isArray(value) ? value.join(", ") || "nothing" : all;
    print(`  ${name.padEnd(7)} ${shown}`);
  }
  for (const { path, reason } of fences.leftOut) print(`  without ${path}: ${reason}`);
  print();
  showSandbox(fences);
  print();
  print("3. Resolver: active");
  print("  A session works only inside the allowed roots, links resolved, and never in your home");
  print("  itself, where credentials lie, in the system's directories or in this program's state;");
  print("  otherwise it gets a managed directory and is told why. The launcher checks again.");
  print(`  projects = ${fences.projects}: ${PROJECTS[fences.projects]}`);
}

const PROJECTS: Readonly<Record<FencesReport["projects"], string>> = {
  home: "a project may lie in the roots or anywhere below your home",
  roots: "a project must lie in the roots",
  any: "a project may lie anywhere outside the protected directories",
};

function showRoots({ roots, refused, chatsDir, projectsDir }: FencesReport): void {
  print("Allowed roots");
  for (const root of roots) print(`  ${root}`);
  for (const { root, reason } of refused) print(`  not used: ${root}: ${reason}`);
  print(`  chats lie in ${chatsDir}, projects in ${projectsDir}`);
}

function showFlags({ flags }: FencesReport): void {
  const words = {
    none: "not limited; `--deno-flags` prints flags for these roots",
    baked: "baked into this executable",
    given: "given on the command line",
  };
  print(`Deno flags of the whole program: ${words[flags.kind]}`);
  if (flags.kind === "none") return;
  print(
    "  A statement, no fence: processes and native calls, which the program needs, go around it",
  );
  for (const path of flags.outside) print(`  NOT covered: ${path}`);
}

function showSandbox({ sandbox, agent, command }: FencesReport): void {
  print(`2. Agents (operating system's sandbox): ${sandbox.active ? "active" : "NOT ACTIVE"}`);
  print(`  mode    ${sandbox.mode} (${sandbox.reason})`);
  if (sandbox.active) {
    print("  A session in a managed directory, as it would be made now:");
    showBox(agent);
    print("  A command or terminal, which starts in any directory it can read:");
    showBox(command);
  }
  for (const limit of sandbox.limits) print(`  does not stop: ${limit}`);
}

function showBox({ write, keptFromWriting, unreadable, butReadable }: BoxReport): void {
  const list = (label: string, paths: readonly string[]) =>
    paths.forEach((path, i) => print(`    ${(i === 0 ? label : "").padEnd(13)} ${path}`));
  list("writes", write);
  list("but not", keptFromWriting);
  list("reads", ["everything"]);
  list("but not", unreadable);
  list("except", butReadable);
}
