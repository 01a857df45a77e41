/**
 * An agent's process as every runtime needs it: started in a group of its own, spoken to by lines of JSON,
 * ended politely and then by signals, its last words kept without secrets.
 */
import { AppError, errorText, SecretMasker, signalProcess } from "../../platform/mod.ts";
import type { AgentExit } from "../runtime.ts";

/** What is started. */
export interface ChildCommand {
  /** Program and arguments, launcher included. */
  readonly argv: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Values masked in what is kept of standard error. */
  readonly secrets: readonly string[];
}

/** Who listens. */
export interface ChildEvents {
  /** Bytes of standard output. What it throws is the fault for which the process is killed. */
  onOutput(chunk: Uint8Array): void;
  /** Standard output has ended; not called after a fault. */
  onOutputEnd?(): void;
  /** The process has ended; called once, before {@link AgentChild.exit} resolves. */
  onExit(exit: AgentExit): void;
}

/** One step of ending a process, and how long it may take, in milliseconds. */
export type StopStep = readonly ["stdin" | Deno.Signal, number];

/** What a dead process left in its pipes is read within this time; a grandchild may hold them open. */
const DRAIN_MS = 250;
const STDERR_CHARS = 8000;

/** See the module comment. */
export class AgentChild {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #exit = Promise.withResolvers<AgentExit>();
  readonly #encoder = new TextEncoder();
  #writing: Promise<unknown> = Promise.resolve();
  #stderr = "";
  #fault: AppError | null = null;
  #exited = false;
  #stopping: Promise<void> | null = null;

  private constructor(
    child: Deno.ChildProcess,
    private readonly secrets: readonly string[],
    private readonly events: ChildEvents,
  ) {
    this.#child = child;
    this.#input = child.stdin.getWriter();
    const out = child.stdout.getReader();
    const err = child.stderr.getReader();
    const read = Promise.all([this.#readOutput(out), this.#readErrors(err)]);
    void this.#waitForExit(read, [out, err]);
  }

  /**
   * Starts the process. Events come only after this has returned.
   *
   * @throws {AppError} `agent_start_failed`.
   */
  static start(command: ChildCommand, events: ChildEvents): AgentChild {
    const [program = "", ...args] = command.argv;
    try {
      const child = new Deno.Command(program, {
        args,
        cwd: command.cwd,
        env: { ...command.env },
        clearEnv: true,
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
        // A group of its own, so that servers it starts can be ended together with it.
        detached: true,
      }).spawn();
      return new AgentChild(child, command.secrets, events);
    } catch (error) {
      throw new AppError("agent_start_failed", `Cannot start the agent: ${errorText(error)}`, {
        cause: error,
      });
    }
  }

  get pid(): number {
    return this.#child.pid;
  }
  get exited(): boolean {
    return this.#exited;
  }
  /** True once {@link AgentChild.stop} was called. */
  get stopping(): boolean {
    return this.#stopping !== null;
  }
  /** Resolves when the process has ended and its output is read. */
  get exit(): Promise<AgentExit> {
    return this.#exit.promise;
  }

  /** Writes one line of JSON. */
  send(message: unknown): void {
    const line = this.#encoder.encode(JSON.stringify(message) + "\n");
    this.#writing = this.#writing.then(() => this.#input.write(line)).catch(() => {
      // A closed pipe means that the process is ending; its exit is reported.
    });
  }

  /**
   * Ends the process by one step after the other until it has ended. Its orphans are the caller's.
   *
   * @param hurry Takes a tenth of the time for all steps but the last.
   */
  stop(steps: readonly StopStep[], hurry = false): Promise<void> {
    return this.#stopping ??= this.#stop(steps, hurry ? 0.1 : 1);
  }

  async #stop(steps: readonly StopStep[], pace: number): Promise<void> {
    for (const [step, ms] of steps) {
      if (step === "stdin") this.#closeInput();
      else this.#signal(step);
      await this.within(this.exit, step === "SIGKILL" ? ms : ms * pace);
      if (this.#exited) return;
    }
  }

  #closeInput(): void {
    this.#writing = this.#writing.then(() => this.#input.close()).catch(() => {
      // Its end of the pipe is closed already: it has ended or is about to.
    });
  }

  #signal(signal: Deno.Signal): void {
    if (this.#exited) return;
    signalProcess(this.pid, signal);
    if (signal === "SIGKILL" && Deno.build.os !== "windows") signalProcess(-this.pid, signal);
  }

  /** What `promise` brings within `ms` milliseconds, else null; the end of the process ends the wait. */
  async within<T>(promise: Promise<T>, ms: number): Promise<T | null> {
    const time = Promise.withResolvers<null>();
    const timer = setTimeout(() => time.resolve(null), ms);
    const found = await Promise.race([promise, this.exit.then(() => null), time.promise]);
    clearTimeout(timer);
    return found;
  }

  async #readOutput(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    try {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        this.events.onOutput(value);
      }
      this.events.onOutputEnd?.();
    } catch (error) {
      this.#fault = error instanceof AppError ? error : new AppError(
        "agent_output_unreadable",
        `Cannot read the agent's output: ${errorText(error)}`,
        { cause: error },
      );
      this.#signal("SIGKILL");
    }
  }

  async #readErrors(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const text = this.#stderr + decoder.decode(value, { stream: true });
      this.#stderr = text.slice(-STDERR_CHARS);
    }
  }

  async #waitForExit(
    read: Promise<unknown>,
    readers: readonly ReadableStreamDefaultReader<Uint8Array>[],
  ): Promise<void> {
    const status = await this.#child.status;
    const time = Promise.withResolvers<void>();
    const timer = setTimeout(time.resolve, DRAIN_MS);
    await Promise.race([read, time.promise]);
    clearTimeout(timer);
    await Promise.allSettled(readers.map((reader) => reader.cancel()));
    this.#exited = true;
    const exit: AgentExit = {
      code: status.signal ? null : status.code,
      signal: status.signal,
      stderr: new SecretMasker(this.secrets).mask(this.#stderr.trim()),
      fault: this.#fault,
    };
    this.events.onExit(exit);
    this.#exit.resolve(exit);
    await this.#input.abort().catch(() => {
      // Closed already.
    });
  }
}
