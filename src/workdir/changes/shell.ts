/**
 * A shell in its box that waits for work. Starting a box costs more than the few git commands of a
 * snapshot, so one shell serves all turns of a session.
 */
import { AppError, signalProcess } from "../../platform/mod.ts";
import { launchErrorOf } from "../../scope/mod.ts";

/** Of what a function prints only this many last characters are kept. */
const MAX_OUTPUT = 16 * 1024;

/** A process that left the group may hold the pipes; nobody waits longer for it. */
const CLOSE_MS = 1000;

/** How a function ended. */
export interface ShellEnded {
  readonly code: number;
  /** Standard output and standard error; the end of it. */
  readonly output: string;
}

/** How a shell is started. */
export interface ShellStart {
  readonly launch: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Definitions of the functions that {@link BoxedShell.call} calls. */
  readonly script: string;
}

/** Argv of a POSIX shell. On Windows it is the one git brings along, which is not on PATH. */
export function shellArgv(os: typeof Deno.build.os = Deno.build.os): string[] {
  return os === "windows" ? ["git", "-c", "alias.run-shell=!exec sh", "run-shell"] : ["sh"];
}

/** See the module comment. */
export class BoxedShell {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #encoder = new TextEncoder();
  readonly #ended = Promise.withResolvers<void>();
  /** Resolves when the process has been collected and its pipes are closed. */
  readonly #gone: Promise<void>;
  #output = "";
  #errors = "";
  #alive = true;
  #busy = false;
  #onOutput: (() => void) | null = null;

  /** @throws {AppError} `shell_failed` when it cannot be started at all. */
  constructor(start: ShellStart, os: typeof Deno.build.os = Deno.build.os) {
    const [command = "sh", ...args] = [...start.launch, ...shellArgv(os)];
    try {
      this.#child = new Deno.Command(command, {
        args,
        cwd: "/",
        clearEnv: true,
        env: { ...start.env },
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
        // A group of its own, so that a git that hangs is ended with it.
        detached: Deno.build.os !== "windows",
      }).spawn();
    } catch (error) {
      throw new AppError("shell_failed", `Cannot start "${command}"`, { cause: error });
    }
    this.#input = this.#child.stdin.getWriter();
    const output = this.#read(this.#child.stdout, (text) => {
      this.#output = (this.#output + text).slice(-MAX_OUTPUT);
      this.#onOutput?.();
    });
    const errors = this.#read(this.#child.stderr, (text) => {
      this.#errors = (this.#errors + text).slice(-MAX_OUTPUT);
    });
    // Not by its status: whoever sweeps up after an agent may collect the process before us.
    const status = this.#child.status.then(() => {}, () => {
      // Collected by somebody else; its output has ended then.
    });
    this.#gone = Promise.all([output, errors]).then(async () => {
      this.#end();
      await this.#input.abort().catch(() => {
        // Closed already.
      });
      await status;
    });
    this.#write(`${start.script}\n`);
  }

  get alive(): boolean {
    return this.#alive;
  }

  /**
   * Calls a function of the script with plain words. One call at a time.
   *
   * @param ms Longest time; then the shell is ended.
   * @throws {AppError} `shell_timeout`, or `shell_failed` when it ended.
   */
  async call(words: string, ms: number): Promise<ShellEnded> {
    if (!this.#alive || this.#busy) throw this.#failure();
    const mark = `end-${crypto.randomUUID()}`;
    const done = new RegExp(`\\n${mark} (\\d+)\\n$`);
    const found = Promise.withResolvers<RegExpMatchArray>();
    this.#busy = true;
    this.#output = "";
    this.#onOutput = () => {
      const match = this.#output.match(done);
      if (match) found.resolve(match);
    };
    const late = Promise.withResolvers<"late">();
    const timer = setTimeout(() => late.resolve("late"), ms);
    this.#write(`{ ${words}; } </dev/null 2>&1; printf '\\n${mark} %d\\n' $?\n`);
    try {
      const first = await Promise.race([found.promise, late.promise, this.#ended.promise]);
      if (first === "late") {
        this.#kill();
        throw new AppError("shell_timeout", `Looking for changes took longer than ${ms} ms`);
      }
      if (!first) throw this.#failure();
      return { code: Number(first[1]), output: this.#output.slice(0, first.index) };
    } finally {
      clearTimeout(timer);
      this.#onOutput = null;
      this.#busy = false;
    }
  }

  /** Ends the shell and what it runs, at once; resolves when nothing of it is left. */
  async close(): Promise<void> {
    if (this.#alive) this.#kill();
    const time = Promise.withResolvers<void>();
    const timer = setTimeout(time.resolve, CLOSE_MS);
    await Promise.race([this.#gone, time.promise]);
    clearTimeout(timer);
  }

  #kill(): void {
    const { pid } = this.#child;
    if (Deno.build.os === "windows") signalProcess(pid, "SIGKILL");
    // Before the child has become the leader of its group there is none yet.
    else if (!signalProcess(-pid, "SIGKILL")) signalProcess(pid, "SIGKILL");
    this.#end();
  }

  #end(): void {
    this.#alive = false;
    this.#ended.resolve();
  }

  #failure(): AppError {
    const launch = launchErrorOf(this.#errors);
    if (launch) return new AppError(launch.code, launch.message);
    const words = this.#errors.trim().slice(-300);
    return new AppError("shell_failed", `The shell for snapshots ended${words && `: ${words}`}`);
  }

  #write(text: string): void {
    this.#input.write(this.#encoder.encode(text)).catch(() => {
      // A closed pipe means that the shell has ended; its output ends too and says so.
    });
  }

  async #read(
    stream: ReadableStream<Uint8Array>,
    take: (text: string) => void,
  ): Promise<void> {
    const decoder = new TextDecoder();
    for await (const part of stream) take(decoder.decode(part, { stream: true }));
  }
}
