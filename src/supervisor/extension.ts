/** A skill's script that the server has run in a task's directory; off unless the owner allows it. */
import { runCommand } from "../commands/mod.ts";
import type { Settings } from "../config/mod.ts";
import {
  AppError,
  ensurePrivateDir,
  parseJson,
  removeIfExists,
  selfCommand,
  sourceRoots,
  writeFileAtomic,
} from "../platform/mod.ts";
import { join } from "../platform/std/path.ts";
import type { RunExtension } from "../protocol/mod.ts";
import { agentOf } from "../runtimes/mod.ts";
import { buildCommandPolicy, isWithin } from "../scope/mod.ts";

/** Source: the Wegent executor's limit. */
const LIMIT_MS = 60_000;
/** An answer must fit a frame of the wire. */
const MAX_OUTPUT = 800_000;

/**
 * Runs the script of a skill of the task's own (`.claude/skills` of its directory, or of `.wegent` in a
 * directory that was chosen) in a box that may write the task's directory only.
 *
 * @param workdir Where the task works; null: in its managed directory.
 * @returns The JSON object the script printed.
 * @throws {AppError} `extensions_disabled`, `extension_missing`, `extension_failed`, or the launcher's.
 */
export async function runTaskExtension(
  settings: Settings,
  request: RunExtension,
  workdir: string | null,
): Promise<Record<string, unknown>> {
  if (!settings.extensions) {
    throw new AppError("extensions_disabled", "Extensions are not enabled on this device", {
      remedy: "Its owner allows them with `wegent-executor config set extensions true`",
    });
  }
  const { task_id, extension_name: name, script_path, action } = request;
  const taskDir = join(settings.workspaceRoot, String(task_id));
  const cwd = workdir ?? taskDir;
  const script = findScript([taskDir, join(cwd, ".wegent")], name, script_path);
  const temp = join(settings.paths.state, "extensions", crypto.randomUUID());
  ensurePrivateDir(temp);
  try {
    const policy = join(temp, "policy.json");
    const text = JSON.stringify(policyOf(settings, cwd, join(temp, "tmp")));
    writeFileAtomic(policy, text, { sync: false });
    const result = await runCommand({
      self: selfCommand(),
      policy,
      argv: ["bash", script, action],
      env: environmentOf(settings, request),
      limitMs: LIMIT_MS,
      maxOutput: MAX_OUTPUT,
    });
    return answerOf(name, result);
  } finally {
    removeIfExists(temp, { recursive: true });
  }
}

/** The script, links followed; it lies in the skill's own directory. */
function findScript(homes: readonly string[], name: string, path: string): string {
  for (const home of homes) {
    const skill = realPath(join(home, agentOf("claude").configDir, "skills", name));
    const script = skill && realPath(join(skill, path));
    if (!script || !isWithin(skill, script) || script === skill) continue;
    // A link in the way would lead out of the task's directory.
    if (isWithin(realPath(home) ?? home, skill)) return script;
  }
  throw new AppError("extension_missing", `The task has no script "${path}" in a skill "${name}"`);
}

function realPath(path: string): string | null {
  try {
    return Deno.realPathSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return null;
    }
    throw error;
  }
}

function policyOf(settings: Settings, cwd: string, tmpDir: string) {
  const { sandbox, userHome, paths, workspaceRoot, configFile } = settings;
  return buildCommandPolicy({
    mode: sandbox.mode,
    preset: sandbox.preset,
    userHome,
    home: paths.home,
    workspaceRoot,
    roots: [cwd],
    agentsDir: paths.agents,
    programDirs: sourceRoots(),
    extraWrite: sandbox.write,
    denyRead: [...sandbox.denyRead, configFile],
    env: Deno.env.toObject(),
    cwd,
    tmpDir,
  });
}

/** What the script is told, beside what any program needs. */
function environmentOf(settings: Settings, request: RunExtension): Record<string, string> {
  const { extension_name, action, payload } = request;
  const common = Object.entries(Deno.env.toObject())
    .filter(([name]) => /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LC_\w+|TZ|TERM|DENO_DIR)$/.test(name));
  const given = Object.entries(payload).map(([key, value]) => [
    `WEGENT_EXT_${key.toUpperCase().replace(/[^A-Z0-9_]/g, "_")}`,
    textOf(value),
  ]);
  return {
    ...Object.fromEntries(common),
    WEGENT_EXECUTOR_HOME: settings.paths.home,
    WEGENT_EXECUTOR_PROJECTS_DIR: settings.projectsDir,
    ...Object.fromEntries(given),
    WEGENT_EXTENSION_NAME: extension_name,
    WEGENT_EXTENSION_ACTION: action,
    WEGENT_EXTENSION_PAYLOAD: textOf(payload),
  };
}

function textOf(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value) ?? "";
  return text.replaceAll("\0", "");
}

function answerOf(
  name: string,
  { code, stdout, stderr, cut }: Awaited<ReturnType<typeof runCommand>>,
): Record<string, unknown> {
  const failed = (why: string) => {
    const words = stderr.trim().split("\n").at(-1)?.slice(0, 500) ?? "";
    return new AppError("extension_failed", `The extension "${name}" ${why}`, {
      ...(words && { remedy: `It said: ${words}` }),
    });
  };
  if (cut === "time") throw failed(`took longer than ${LIMIT_MS / 1000} seconds`);
  if (cut === "output") throw failed("printed too much");
  if (code !== 0) throw failed(code === null ? "was killed" : `ended with status ${code}`);
  const value = parseJson(stdout);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw failed("did not print one JSON object");
}
