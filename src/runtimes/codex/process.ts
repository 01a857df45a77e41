/**
 * The live app-server of one session: its pipes, its thread, its end. The thread is opened as soon as the
 * process runs, so that a turn finds it open.
 */
import { AppError, errorText, SecretMasker, signalProcess, VERSION } from "../../platform/mod.ts";
import type {
  AgentExit,
  AgentProcess,
  AgentTurn,
  Failure,
  SessionStart,
  TurnRequest,
} from "../runtime.ts";
import { answerServer, type Asked } from "./answers.ts";
import { BoundedLines } from "./lines.ts";
import {
  type CodexMessage,
  readNotification,
  threadAnswer,
  UNWANTED_NOTIFICATIONS,
} from "./messages.ts";
import { RpcError, RpcPeer } from "./rpc.ts";
import { CodexTurn } from "./turn.ts";

/** What is started. */
export interface CodexCommand {
  /** Program and arguments, launcher included. */
  readonly argv: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Values masked in what is kept of standard error. */
  readonly secrets: readonly string[];
  readonly session: SessionStart;
  /** Members of `thread/start` and `thread/resume`. */
  readonly thread: Readonly<Record<string, unknown>>;
  /** Directory for images of a prompt. */
  readonly tempDir: string;
}

/** Whoever runs a turn. */
export interface TurnListener extends Asked {
  onMessage(message: CodexMessage): void;
  onExit(exit: AgentExit): void;
}

/** What came of opening the thread. */
export type OpenedThread =
  | { readonly kind: "open"; readonly id: string; readonly model: string | null }
  | { readonly kind: "unknown" }
  | { readonly kind: "failed"; readonly failure: Failure };

/** Grace of each step of {@link CodexProcess.stop}, in milliseconds. SIGINT would leave commands behind. */
const STOP_STEPS = { stdin: 600, sigterm: 600, sigkill: 2000 };
/** What a dead process left in its pipes is read within this time; a grandchild may hold them open. */
const DRAIN_MS = 250;
const STDERR_CHARS = 8000;
/** Limit for the answer to a request that starts something. */
const START_MS = 60_000;
/** Servers that fail are told of up to this number. */
const MAX_TROUBLES = 20;

type StartupStatus = Extract<
  CodexMessage,
  { method: "mcpServer/startupStatus/updated" }
>["params"];

/** See the module comment. */
export class CodexProcess implements AgentProcess {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #exit = Promise.withResolvers<AgentExit>();
  readonly #encoder = new TextEncoder();
  readonly #lines = new BoundedLines();
  readonly #rpc: RpcPeer;
  readonly #thread: Promise<OpenedThread>;
  #listener: TurnListener | null = null;
  #threadId: string | null = null;
  #writing: Promise<unknown> = Promise.resolve();
  #stderr = "";
  #fault: AppError | null = null;
  #exited = false;
  #stopping: Promise<void> | null = null;
  #malformed = 0;
  readonly #troubles: string[] = [];

  private constructor(child: Deno.ChildProcess, private readonly command: CodexCommand) {
    this.#child = child;
    this.#input = child.stdin.getWriter();
    this.#rpc = new RpcPeer({
      send: (message) => this.#send(message),
      onNotification: (method, params) => this.#notified(method, params),
      onRequest: (method, params) => answerServer(method, params, this.#listener),
    });
    const out = child.stdout.getReader();
    const err = child.stderr.getReader();
    this.#waitForExit(Promise.all([this.#readOutput(out), this.#readErrors(err)]), [out, err]);
    this.#thread = this.#open();
  }

  /**
   * Starts the process.
   *
   * @throws {AppError} `agent_start_failed`.
   */
  static start(command: CodexCommand): CodexProcess {
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
      return new CodexProcess(child, command);
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
  get exit(): Promise<AgentExit> {
    return this.#exit.promise;
  }
  /** Messages whose shape was not understood, and lines too long to read. */
  get malformed(): number {
    return this.#malformed + this.#rpc.malformed + this.#lines.dropped;
  }
  /** Resolves when the conversation is open or cannot be opened; never rejects. */
  get thread(): Promise<OpenedThread> {
    return this.#thread;
  }
  get tempDir(): string {
    return this.command.tempDir;
  }

  /** What went wrong beside the conversation since the last call, in words for people. */
  takeTroubles(): string[] {
    return this.#troubles.splice(0);
  }

  turn(request: TurnRequest): AgentTurn {
    return new CodexTurn(this, request);
  }

  /** Between turns an app-server does nothing by itself. */
  async settle(limitMs: number): Promise<boolean> {
    if (this.#exited || this.#stopping) return false;
    const opened = await this.#within(this.#thread, limitMs);
    return opened?.kind === "open" && !this.#exited && this.#listener === null;
  }

  /** Directs messages of the conversation to `listener`; null: they are dropped. */
  listen(listener: TurnListener | null): void {
    this.#listener = listener;
  }

  /** Asks the server; see {@link RpcPeer.request}. */
  request(method: string, params: unknown, limitMs = START_MS): Promise<unknown> {
    return this.#rpc.request(method, params, limitMs);
  }

  /**
   * Ends the process: closes its input, then SIGTERM, SIGKILL. Its orphans are the caller's.
   *
   * @param hurry Takes a tenth of the usual time between the steps.
   */
  stop(hurry = false): Promise<void> {
    return this.#stopping ??= this.#stop(hurry ? 0.1 : 1);
  }

  async #stop(pace: number): Promise<void> {
    this.#writing = this.#writing.then(() => this.#input.close()).catch(() => {
      // Its end of the pipe is closed already: it has ended or is about to.
    });
    if (await this.#endsWithin(STOP_STEPS.stdin * pace)) return;
    this.#signal("SIGTERM");
    if (await this.#endsWithin(STOP_STEPS.sigterm * pace)) return;
    this.#signal("SIGKILL");
    await this.#endsWithin(STOP_STEPS.sigkill);
  }

  #signal(signal: Deno.Signal): void {
    if (this.#exited) return;
    signalProcess(this.pid, signal);
    if (signal === "SIGKILL" && Deno.build.os !== "windows") signalProcess(-this.pid, signal);
  }

  async #endsWithin(ms: number): Promise<boolean> {
    await this.#within(this.exit, ms);
    return this.#exited;
  }

  /** What `promise` brings within `ms` milliseconds, else null. */
  async #within<T>(promise: Promise<T>, ms: number): Promise<T | null> {
    const time = Promise.withResolvers<null>();
    const timer = setTimeout(() => time.resolve(null), ms);
    const found = await Promise.race([promise, time.promise]);
    clearTimeout(timer);
    return found;
  }

  #send(message: unknown): void {
    const line = this.#encoder.encode(JSON.stringify(message) + "\n");
    this.#writing = this.#writing.then(() => this.#input.write(line)).catch(() => {
      // A closed pipe means that the process is ending; its exit is reported.
    });
  }

  // The conversation -------------------------------------------------------------------------------

  async #open(): Promise<OpenedThread> {
    const { session, thread } = this.command;
    try {
      await this.#rpc.request("initialize", {
        clientInfo: { name: "wegent_executor", title: "Wegent Executor", version: VERSION },
        capabilities: {
          experimentalApi: true,
          requestAttestation: false,
          optOutNotificationMethods: UNWANTED_NOTIFICATIONS,
        },
      }, START_MS);
      this.#rpc.notify("initialized");
      const answer = session.kind === "fresh"
        ? await this.#rpc.request("thread/start", { ...thread, serviceName: "wegent" }, START_MS)
        : await this.#resume(session.id);
      const parsed = threadAnswer.parse(answer);
      this.#threadId = parsed.thread.id;
      return { kind: "open", id: parsed.thread.id, model: parsed.model ?? null };
    } catch (error) {
      return openFailure(error, session);
    }
  }

  async #resume(threadId: string): Promise<unknown> {
    // Without its turns: they may be long, and nobody here reads them.
    const params = { ...this.command.thread, threadId, excludeTurns: true };
    try {
      return await this.#rpc.request("thread/resume", params, START_MS);
    } catch (error) {
      // A task forked from one that is alive: it gets a copy of the conversation.
      if (!(error instanceof RpcError) || !/active writer/i.test(error.message)) throw error;
      return await this.#rpc.request("thread/fork", params, START_MS);
    }
  }

  #notified(method: string, params: unknown): void {
    const message = readNotification(method, params);
    if (message === "malformed") this.#malformed++;
    if (typeof message === "string") return;
    if (message.method === "mcpServer/startupStatus/updated") return this.#server(message.params);
    // Agents that this one has started have threads of their own.
    if (message.params.threadId === this.#threadId) this.#listener?.onMessage(message);
  }

  #server({ name, status, error }: StartupStatus): void {
    if (status !== "failed" || this.#troubles.length >= MAX_TROUBLES) return;
    this.#troubles.push(`The MCP server "${name}" did not start: ${(error ?? "").slice(0, 500)}`);
  }

  // Output -----------------------------------------------------------------------------------------

  async #readOutput(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    try {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        for (const line of this.#lines.push(value)) this.#rpc.take(line);
      }
    } catch (error) {
      this.#fault = new AppError(
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
    await this.#within(read, DRAIN_MS);
    await Promise.allSettled(readers.map((reader) => reader.cancel()));
    this.#exited = true;
    const exit: AgentExit = {
      code: status.signal ? null : status.code,
      signal: status.signal,
      stderr: new SecretMasker(this.command.secrets).mask(this.#stderr.trim()),
      fault: this.#fault,
    };
    this.#exit.resolve(exit);
    this.#rpc.close();
    this.#listener?.onExit(exit);
    await this.#input.abort().catch(() => {
      // Closed already.
    });
  }
}

/** Whatever the reason for which a conversation cannot be resumed: it is lost, and the caller says so. */
function openFailure(error: unknown, session: SessionStart): OpenedThread {
  if (error instanceof RpcError && session.kind === "resume") return { kind: "unknown" };
  const message = `Cannot open the conversation: ${errorText(error)}`;
  return { kind: "failed", failure: { message, code: "init_error" } };
}
