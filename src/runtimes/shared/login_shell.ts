/** Asking programs of this machine, the login shell above all, for a line or two. */
import { signalProcess } from "../../platform/mod.ts";
import { isAbsolute } from "../../platform/std/path.ts";

const LOGIN_SHELL_MS = 3000;
/** For reading the rest when a program has ended, whose pipe something it left behind may hold open. */
const DRAIN_MS = 200;

const asked = new Map<string, Promise<string | null>>();

/**
 * `PATH` as a login shell has it: a service's is short, and version managers add theirs there. The shell
 * is asked once; one that takes longer than three seconds knows nothing.
 */
export function loginShellPath(
  shell: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string | null> {
  if (!shell || !isAbsolute(shell) || Deno.build.os === "windows") return Promise.resolve(null);
  const known = asked.get(shell);
  if (known) return known;
  const answer = askShell(shell, env);
  asked.set(shell, answer);
  return answer;
}

async function askShell(
  shell: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string | null> {
  // `env` and not `$PATH`: some shells write lists in another way.
  const out = await programOutput(shell, ["-lc", "/usr/bin/env"], LOGIN_SHELL_MS, env);
  return out?.split("\n").findLast((line) => line.startsWith("PATH="))?.slice(5) ?? null;
}

/** Standard output of a program that ends well within `ms`, else null; what it leaves is not waited for. */
export async function programOutput(
  command: string,
  args: string[],
  ms: number,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string | null> {
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(command, {
      args,
      clearEnv: true,
      env: Object.fromEntries(
        Object.entries(env).filter((pair) => pair[1] !== undefined),
      ) as Record<
        string,
        string
      >,
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
  } catch (error) {
    // Missing, not executable, or of another platform: it says nothing, whatever the reason.
    if (error instanceof Error) return null;
    throw error;
  }
  let ended = false;
  const status = child.status.finally(() => ended = true);
  const abort = new AbortController();
  let timer = setTimeout(() => abort.abort(), ms);
  try {
    const gone = new Promise<null>((r) => abort.signal.addEventListener("abort", () => r(null)));
    const text = collect(child.stdout, abort.signal);
    if (!(await Promise.race([status, gone]))?.success) return null;
    // What it said is there; what holds the pipe now has nothing to do with the question.
    clearTimeout(timer);
    timer = setTimeout(() => abort.abort(), DRAIN_MS);
    return await text;
  } finally {
    clearTimeout(timer);
    abort.abort();
    if (!ended) signalProcess(child.pid, "SIGKILL");
  }
}

const MAX_OUTPUT = 1024 * 1024;

async function collect(stream: ReadableStream<Uint8Array>, signal: AbortSignal): Promise<string> {
  const reader = stream.getReader();
  signal.addEventListener("abort", () => void reader.cancel());
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done || text.length > MAX_OUTPUT) return text;
    text += decoder.decode(value, { stream: true });
  }
}
