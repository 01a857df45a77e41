/**
 * The owner's script that runs before each turn, and the settings of what else is done then. Sources of
 * the variables and their defaults: the executor's environment as Wegent documents it.
 */
import { AppError, errorText, signalProcess } from "../../platform/mod.ts";
import { LAUNCH_FAILED, launchErrorOf } from "../../scope/mod.ts";
import { maskAddress } from "./remote.ts";
import type { PrepareJob, PrepareSeam } from "./types.ts";

const DEFAULT_SECONDS = 30;
const MAX_SECONDS = 24 * 3600;
/** Of the script's output this many last characters are kept. */
const MAX_OUTPUT = 8000;
/** After the script has ended, what it started may hold the pipes for so long. */
const DRAIN_MS = 500;

/** A script that runs before each turn. */
export type Hook = {
  readonly script: string;
  /** Longest time in milliseconds. */
  readonly timeout_ms: number;
};

/** What the executor's environment says about preparations; absent: nothing is to be done. */
export interface PreparationSettings {
  readonly instruction_files: string[];
  readonly hook?: Hook;
}

/** Reads `WEGENT_HOOK_PRE_EXECUTE`, its `_TIMEOUT` in seconds, and `CUSTOM_INSTRUCTION_FILES`. */
export function preparationSettings(
  env: Readonly<Record<string, string | undefined>>,
): PreparationSettings {
  const script = env["WEGENT_HOOK_PRE_EXECUTE"]?.trim();
  const seconds = Number(env["WEGENT_HOOK_PRE_EXECUTE_TIMEOUT"]?.trim() || DEFAULT_SECONDS);
  const sound = seconds > 0 && seconds <= MAX_SECONDS ? seconds : DEFAULT_SECONDS;
  const files = env["CUSTOM_INSTRUCTION_FILES"] ?? ".cursorrules,.windsurfrules";
  return {
    instruction_files: files.split(",").map((name) => name.trim()).filter(Boolean),
    ...(script && { hook: { script, timeout_ms: sound * 1000 } }),
  };
}

/** What came of a hook. */
export interface HookOutcome {
  /** A sentence for the person when it did not succeed; null: it did. */
  readonly note: string | null;
  /** The end of what it printed. */
  readonly output: string;
}

/**
 * Runs `bash SCRIPT DIR` in the box of preparations, in the session's workdir. It can fail only its own
 * way: whatever happens is a note, and the turn goes on.
 *
 * `DIR` (also `WEGENT_TASK_DIR`) is the task's directory: the one below the workspace root, or the one
 * that was chosen for the session. `WEGENT_TASK_ID` and `WEGENT_GIT_URL` say the rest.
 */
export async function runHook(
  job: PrepareJob,
  hook: Hook,
  seam: PrepareSeam,
): Promise<HookOutcome> {
  const url = job.clone?.url ?? job.gitUrl;
  const dir = job.taskDir ?? job.workdir;
  const output = { text: "" };
  try {
    if (!Deno.statSync(hook.script).isFile) {
      throw new AppError("hook_missing", `"${hook.script}" is no file`);
    }
    const why = await run(["bash", hook.script, dir], {
      ...seam.env,
      WEGENT_TASK_DIR: dir,
      WEGENT_TASK_ID: String(job.taskId),
      WEGENT_GIT_URL: url ? maskAddress(url) : "",
    }, { hook, seam, output });
    return {
      note: why && `The script before the turn ${why}; the turn goes on.`,
      output: output.text,
    };
  } catch (error) {
    return {
      note: `The script before the turn could not be run: ${errorText(error)}; the turn goes on.`,
      output: output.text,
    };
  }
}

/** @returns Why it did not succeed, or null. */
async function run(
  argv: readonly string[],
  env: Record<string, string>,
  { hook, seam, output }: { hook: Hook; seam: PrepareSeam; output: { text: string } },
): Promise<string | null> {
  const [command = "bash", ...args] = [...seam.launch, ...argv];
  const child = new Deno.Command(command, {
    args,
    cwd: "/",
    clearEnv: true,
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    // A group of its own, so that what it started is ended with it.
    detached: Deno.build.os !== "windows",
  }).spawn();
  let stopped: string | null = null;
  const stop = (why: string) => {
    stopped ??= why;
    if (Deno.build.os === "windows") signalProcess(child.pid, "SIGKILL");
    else if (!signalProcess(-child.pid, "SIGKILL")) signalProcess(child.pid, "SIGKILL");
  };
  const timer = setTimeout(
    () => stop(`took longer than ${hook.timeout_ms / 1000} s`),
    hook.timeout_ms,
  );
  const onAbort = () => stop("was cancelled");
  seam.signal.addEventListener("abort", onAbort, { once: true });
  if (seam.signal.aborted) onAbort();
  const readers = [child.stdout, child.stderr].map((stream) => stream.getReader());
  try {
    const read = Promise.all(readers.map((reader) => collect(reader, output)));
    const { code } = await child.status;
    const drained = setTimeout(() => readers.forEach((reader) => void reader.cancel()), DRAIN_MS);
    await read;
    clearTimeout(drained);
    if (stopped) return stopped;
    const launch = code === LAUNCH_FAILED ? launchErrorOf(output.text) : null;
    if (launch) throw new AppError(launch.code, launch.message);
    return code === 0 ? null : `ended with status ${code}`;
  } finally {
    clearTimeout(timer);
    seam.signal.removeEventListener("abort", onAbort);
  }
}

async function collect(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  output: { text: string },
): Promise<void> {
  const decoder = new TextDecoder();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    output.text = (output.text + decoder.decode(value, { stream: true })).slice(-MAX_OUTPUT);
  }
}
