/** `wegent-executor roots list|add|remove|trust|untrust`. */
import * as z from "zod";
import {
  configPath,
  type ConfigSources,
  expandHome,
  loadSettings,
  readConfigFile,
  type Settings,
  usableRoots,
  writeConfigFile,
} from "../config/mod.ts";
import { AppError, exists, EXIT } from "../platform/mod.ts";
import { resolve } from "../platform/std/path.ts";
import { askDaemon } from "../supervisor/mod.ts";
import { whyNoRoot } from "../workdir/mod.ts";
import { parseFlags, type Usage, usageError } from "./arguments.ts";
import { configSources } from "./environment.ts";
import { note, print, printJson } from "./output.ts";

const USAGE: Usage = {
  name: "roots",
  examples: [
    "wegent-executor roots list",
    "wegent-executor roots add ~/Projects",
    "wegent-executor roots remove ~/Projects",
    "wegent-executor roots trust ~/Projects/app",
  ],
  summary:
    "Shows or changes the directories in which sessions may work; a running device follows at once,\n" +
    "and sessions that run keep what they have. In a directory that is trusted, the MCP servers of its\n" +
    "own `.mcp.json` are started as well.",
  positionals: "list | add PATH | remove PATH | trust PATH | untrust PATH",
  maxPositionals: 2,
  flags: [
    { name: "json", help: "Print the list as JSON" },
    { name: "config", value: "FILE", help: "Another configuration file" },
  ],
};

const EXPECTED = 'Expected "list", or "add", "remove", "trust" or "untrust" and a path';

const reloadReply = z.looseObject({ from_environment: z.boolean() });

export default async function roots(args: string[]): Promise<number> {
  const parsed = parseFlags(USAGE, args);
  if (!parsed) return EXIT.ok;
  const sources = configSources(parsed.flags);
  const [action = "list", path] = parsed.positionals;
  if (action === "list" && path === undefined) await list(sources, parsed.flags["json"] === true);
  else if (action === "add" && path) await add(sources, path);
  else if (action === "remove" && path) await remove(sources, path);
  else if (action === "trust" && path) await trust(sources, path, true);
  else if (action === "untrust" && path) await trust(sources, path, false);
  else throw usageError(USAGE, EXPECTED);
  return EXIT.ok;
}

async function list(sources: ConfigSources, json: boolean): Promise<void> {
  const settings = await loadSettings(sources);
  const { allowedRoots, listedRoots, rootsFromEnvironment } = settings;
  const rows = allowedRoots.map((path) => ({ path, from: originOf(path, settings) }));
  const { trustedWorkspaces: trusted } = settings;
  if (json) return printJson({ roots: rows, refused: listedRoots.refused, trusted });
  const width = Math.max(...rows.map(({ path }) => path.length)) + 2;
  for (const { path, from } of rows) print(`${path.padEnd(width)}${from}`);
  for (const { root, reason } of listedRoots.refused) {
    note(`warning: "${root}" is not used: ${reason}`);
  }
  for (const path of trusted) print(`${path.padEnd(width)}trusted`);
  if (rootsFromEnvironment) note("LOCAL_WORKDIR_ALLOWED_ROOTS hides the roots of the file");
}

function originOf(path: string, settings: Settings): string {
  const { listedRoots, workspaceRoot, chatsDir, rootsFromEnvironment } = settings;
  if (path === workspaceRoot) return "managed directories";
  if (path === chatsDir) return "standalone chats";
  if (!listedRoots.roots.includes(path)) return "projects";
  return rootsFromEnvironment ? "LOCAL_WORKDIR_ALLOWED_ROOTS" : "yours";
}

async function add(sources: ConfigSources, given: string): Promise<void> {
  const settings = await loadSettings(sources);
  const root = written(given);
  const { roots: [usable], refused: [refused] } = usableRoots([root], sources.userHome);
  const reason = refused?.reason ??
    whyNoRoot(usable!, { ...settings, executorHome: settings.paths.home });
  if (reason) {
    throw new AppError("root_refused", `Cannot allow "${given}": ${lowerFirst(reason)}`, {
      exitCode: EXIT.usage,
      remedy: "Choose the directory that holds your projects",
    });
  }
  if (settings.allowedRoots.includes(usable!)) return print(`${usable} is allowed already`);
  await change(sources, (listed) => [...listed, root]);
  print(`Added ${usable}`);
  if (!exists(usable!, { followLinks: true })) {
    note("It does not exist yet; sessions can use it as soon as it does");
  }
  await tellDevice(settings, sources);
}

async function remove(sources: ConfigSources, given: string): Promise<void> {
  const settings = await loadSettings(sources);
  const named = (root: string) => usableRoots([root], sources.userHome).roots[0] ?? root;
  const wanted = [named(written(given)), named(given)];
  const listed = readConfigFile(configPath(sources))?.workdir_allowed_roots ?? [];
  const kept = listed.filter((root) => !wanted.includes(named(root)) && root !== given);
  if (kept.length === listed.length) {
    throw new AppError("root_unknown", `"${given}" is not one of the roots of the file`, {
      remedy: "`wegent-executor roots list` shows them",
    });
  }
  await change(sources, () => kept);
  print(`Removed ${wanted[0]}`);
  await tellDevice(settings, sources);
}

async function trust(sources: ConfigSources, given: string, wanted: boolean): Promise<void> {
  const settings = await loadSettings(sources);
  const config = configPath(sources);
  const file = readConfigFile(config) ?? {};
  const named = (path: string) => expandHome(written(path), sources.userHome);
  const others = (file.trusted_workspaces ?? []).filter((path) => named(path) !== named(given));
  if (!wanted && others.length === (file.trusted_workspaces ?? []).length) {
    throw new AppError("trust_unknown", `"${given}" is not trusted`, {
      remedy: "`wegent-executor roots list` shows what is",
    });
  }
  const listed = wanted ? [...others, written(given)] : others;
  writeConfigFile(config, { ...file, trusted_workspaces: listed });
  print(wanted ? `Trusted ${named(given)}` : `No longer trusted: ${named(given)}`);
  await tellDevice(settings, sources);
}

/** A path as it goes into the file: what begins with `~` stays, the rest counts from here. */
function written(given: string): string {
  return /^~([/\\]|$)/.test(given) ? given : resolve(given);
}

// deno-lint-ignore require-await -- the commands treat a failing file like every other failure
async function change(
  sources: ConfigSources,
  edit: (listed: string[]) => string[],
): Promise<void> {
  const path = configPath(sources);
  const file = readConfigFile(path) ?? {};
  writeConfigFile(path, { ...file, workdir_allowed_roots: edit(file.workdir_allowed_roots ?? []) });
}

/** Lets a running device follow; says when something else decides there. */
async function tellDevice(settings: Settings, sources: ConfigSources): Promise<void> {
  try {
    const reply = reloadReply.parse(await askDaemon(settings.paths.run, "reload"));
    note(
      reply.from_environment
        ? "The running device does not follow: LOCAL_WORKDIR_ALLOWED_ROOTS is set for it"
        : "The running device uses this for new sessions",
    );
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "not_running") throw error;
    if (sources.env["LOCAL_WORKDIR_ALLOWED_ROOTS"]?.trim()) {
      note("LOCAL_WORKDIR_ALLOWED_ROOTS is set and hides the roots of the file");
    }
  }
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}
