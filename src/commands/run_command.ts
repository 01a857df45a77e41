/** Runs one command in a box of its own and waits for its end: bounded in time, output and processes. */
import { AppError, errorText, MARK_VARIABLE, signalProcess, sweepMarked } from "../platform/mod.ts";
import { launchArgs, launchErrorOf } from "../scope/mod.ts";

/** What is run, and within which bounds. */
export interface CommandRun {
  /** Argv prefix of this program, which starts the launcher. */
  readonly self: readonly string[];
  /** File with the sandbox policy; it names the directory too. */
  readonly policy: string;
  readonly argv: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Milliseconds after which the command and all below it are killed. */
  readonly limitMs: number;
  /** What its standard input gets. @default nothing */
  readonly input?: string;
  /** Its standard input stays open until this resolves, or the command ends. @default not at all */
  readonly holdInput?: Promise<unknown>;
  /** Bytes of standard output, and of standard error, that are kept; a command with more is killed. */
  readonly maxOutput: number;
}

/** How a command ended. */
export interface CommandResult {
  /** Null when it was killed. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Why it was killed by this program; null: it ended by itself. */
  readonly cut: "time" | "output" | null;
}

/** After a command has ended, what it said is read within this time; a child may hold the pipes open. */
const DRAIN_MS = 250;

/**
 * Runs the command. Nothing of it is left when this resolves, not even what has made a session of its own
 * (Linux).
 *
 * @throws {AppError} `command_failed`, or what the launcher refused for.
 */
export async function runCommand(run: CommandRun): Promise<CommandResult> {
  const mark = `c${crypto.randomUUID()}`;
  const child = start(run, mark);
  let cut: CommandResult["cut"] = null;
  const kill = (why: NonNullable<CommandResult["cut"]>) => {
    cut ??= why;
    signalProcess(-child.pid, "SIGKILL");
  };
  const timer = setTimeout(() => kill("time"), run.limitMs);
  const gone = new AbortController();
  const [out, err] = [child.stdout, child.stderr].map((stream) =>
    collect(stream, run.maxOutput, gone.signal, () => kill("output"))
  ) as [Promise<string>, Promise<string>];
  try {
    if (run.input !== undefined) void feed(child, run.input, run.holdInput);
    const { code, signal } = await child.status;
    const drain = setTimeout(() => gone.abort(), DRAIN_MS);
    const [stdout, stderr] = await Promise.all([out, err]);
    clearTimeout(drain);
    const refused = launchErrorOf(stderr.split("\n")[0] ?? "");
    if (refused) {
      const { code: why, message, remedy } = refused;
      throw new AppError(why, message, remedy ? { remedy } : {});
    }
    return { code: signal ? null : code, stdout, stderr, cut };
  } finally {
    clearTimeout(timer);
    gone.abort();
    sweepMarked(mark);
  }
}

async function feed(
  child: Deno.ChildProcess,
  input: string,
  hold: Promise<unknown> | undefined,
): Promise<void> {
  const writer = child.stdin.getWriter();
  try {
    await writer.write(new TextEncoder().encode(input));
    await Promise.race([hold, child.status]);
    await writer.close();
  } catch (error) {
    // It has closed its end, or has ended; its status says how.
    if (!(error instanceof Error)) throw error;
  }
}

function start({ self, policy, argv, env, input }: CommandRun, mark: string): Deno.ChildProcess {
  const [program = "", ...args] = [...self, ...launchArgs(policy, "command", argv)];
  try {
    return new Deno.Command(program, {
      args,
      clearEnv: true,
      env: { ...env, [MARK_VARIABLE]: mark },
      stdin: input === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
      // A group of its own, which can be ended as a whole.
      detached: true,
    }).spawn();
  } catch (error) {
    throw new AppError("command_failed", `Cannot start a command: ${errorText(error)}`, {
      cause: error,
    });
  }
}

async function collect(
  stream: ReadableStream<Uint8Array>,
  max: number,
  gone: AbortSignal,
  onTooMuch: () => void,
): Promise<string> {
  const reader = stream.getReader();
  gone.addEventListener("abort", () => void reader.cancel());
  const parts: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > max) {
      onTooMuch();
      break;
    }
    parts.push(value);
  }
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return new TextDecoder().decode(whole);
}
