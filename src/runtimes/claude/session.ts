/**
 * The live Claude Code process: its pipes, its questions, its end. One process serves many turns; a
 * turn listens while it runs, and what the CLI says between turns is read and dropped.
 */
import { AppError, errorText, signalProcess } from "../../platform/mod.ts";
import type { AgentExit, AgentProcess, AgentTurn, TurnRequest } from "../runtime.ts";
import { FORM_MARK } from "./forms.ts";
import type { CliMessage, ControlRequest } from "./messages.ts";
import { type Asked, denyOutsideTurn, type PermissionAnswer } from "./permissions.ts";
import type { PromptContent } from "./prompt.ts";
import { LineSplitter, parseMessage } from "./stream.ts";
import { ClaudeTurn } from "./turn.ts";

/** What is started. */
export interface ClaudeCommand {
  /** Program and arguments, launcher included. */
  readonly argv: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Calls that are questions to the person are deferred; see `forms.ts`. */
  readonly forms: boolean;
  /** Values masked in what is kept of standard error. */
  readonly secrets: readonly string[];
}

/** Whoever runs a turn. */
export interface TurnListener {
  /** All messages out of one read of the pipe. */
  onMessages(messages: readonly CliMessage[]): void;
  onExit(exit: AgentExit): void;
  /** May the tool run? Null: no answer is due any more. */
  permit(tool: Asked, signal: AbortSignal): Promise<PermissionAnswer | null>;
}

/** Grace of each step of {@link ClaudeProcess.stop}, in milliseconds. */
const STOP_STEPS = { stdin: 600, sigint: 600, sigterm: 300, sigkill: 2000 };
/** What a dead process left in its pipes is read within this time; a grandchild may hold them open. */
const DRAIN_MS = 250;
const STDERR_CHARS = 8000;

/** See the module comment. */
export class ClaudeProcess implements AgentProcess {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #exit = Promise.withResolvers<AgentExit>();
  readonly #encoder = new TextEncoder();
  readonly #acknowledged = new Map<string, () => void>();
  /** Questions of the CLI that wait for an answer, by their id. */
  readonly #asked = new Map<string, AbortController>();
  readonly #secrets: readonly string[];
  #listener: TurnListener | null = null;
  #writing: Promise<unknown> = Promise.resolve();
  #stderr = "";
  #fault: AppError | null = null;
  #exited = false;
  #stopping: Promise<void> | null = null;
  #busy = false;
  #becameIdle: (() => void) | null = null;
  #commands: readonly string[] = [];
  #malformed = 0;

  private constructor(child: Deno.ChildProcess, secrets: readonly string[]) {
    this.#child = child;
    this.#secrets = secrets;
    this.#input = child.stdin.getWriter();
    const out = child.stdout.getReader();
    const err = child.stderr.getReader();
    const read = Promise.all([this.#readOutput(out), this.#readErrors(err)]);
    this.#waitForExit(read, [out, err]);
  }

  /**
   * Starts the process.
   *
   * @throws {AppError} `agent_start_failed`.
   */
  static start(command: ClaudeCommand): ClaudeProcess {
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
      const process = new ClaudeProcess(child, command.secrets);
      if (command.forms) process.#hookForms();
      return process;
    } catch (error) {
      throw new AppError(
        "agent_start_failed",
        `Cannot start the agent: ${errorText(error)}`,
        { cause: error },
      );
    }
  }

  get pid(): number {
    return this.#child.pid;
  }
  get exited(): boolean {
    return this.#exited;
  }
  /** Resolves when the process has ended and its output is read. */
  get exit(): Promise<AgentExit> {
    return this.#exit.promise;
  }
  /** Slash commands the CLI has announced, without the slash. */
  get commands(): readonly string[] {
    return this.#commands;
  }
  /** True while the CLI works, for a turn or by itself. */
  get busy(): boolean {
    return this.#busy;
  }

  /** Messages of a type this program reads whose shape it did not understand. */
  get malformed(): number {
    return this.#malformed;
  }

  turn(request: TurnRequest): AgentTurn {
    return new ClaudeTurn(this, request);
  }

  /** What the CLI began by itself is interrupted, so that it does not mix with a turn. */
  async settle(limitMs: number): Promise<boolean> {
    if (this.#exited) return false;
    if (!this.#busy) return true;
    await this.interrupt(limitMs);
    return await this.idle(limitMs) && !this.#exited;
  }

  /** Directs messages to `listener`; null: they are read and dropped. */
  listen(listener: TurnListener | null): void {
    this.#listener = listener;
  }

  /**
   * Hands over a person's message.
   *
   * @param uuid Names the message where the CLI repeats it. @default the CLI's own
   */
  send(content: PromptContent, uuid?: string): void {
    this.#busy = true;
    this.#write({ type: "user", ...(uuid && { uuid }), message: { role: "user", content } });
  }

  /** Asks the CLI to end the current turn; resolves when it has understood, or at `limitMs`. */
  async interrupt(limitMs: number): Promise<void> {
    if (this.#exited) return;
    const id = crypto.randomUUID();
    const answered = new Promise<void>((resolve) => this.#acknowledged.set(id, resolve));
    this.#write({
      type: "control_request",
      request_id: id,
      request: { subtype: "interrupt" },
    });
    await this.#within(answered, limitMs);
    this.#acknowledged.delete(id);
  }

  /** Resolves true when the CLI is not working any more, false at `limitMs`. */
  async idle(limitMs: number): Promise<boolean> {
    if (this.#busy && !this.#exited) {
      await this.#within(
        new Promise<void>((resolve) => this.#becameIdle = resolve),
        limitMs,
      );
      this.#becameIdle = null;
    }
    return !this.#busy;
  }

  /**
   * Ends the process: closes its input, then SIGINT, SIGTERM, SIGKILL. Its orphans are the caller's.
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
    for (
      const [signal, ms] of [
        ["SIGINT", STOP_STEPS.sigint * pace],
        ["SIGTERM", STOP_STEPS.sigterm * pace],
        ["SIGKILL", STOP_STEPS.sigkill],
      ] as const
    ) {
      this.#signal(signal);
      if (await this.#endsWithin(ms)) return;
    }
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

  /** Waits for `promise`, for the process's end or for `ms` milliseconds, whatever comes first. */
  async #within(promise: Promise<unknown>, ms: number): Promise<void> {
    const time = Promise.withResolvers<void>();
    const timer = setTimeout(time.resolve, ms);
    await Promise.race([promise, this.exit, time.promise]);
    clearTimeout(timer);
  }

  #write(message: unknown): void {
    const line = this.#encoder.encode(JSON.stringify(message) + "\n");
    this.#writing = this.#writing.then(() => this.#input.write(line)).catch(() => {
      // A closed pipe means that the process is ending; its exit is reported.
    });
  }

  // Output -----------------------------------------------------------------------------------------

  async #readOutput(
    reader: ReadableStreamDefaultReader<Uint8Array>,
  ): Promise<void> {
    const lines = new LineSplitter();
    try {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        this.#take(lines.push(value));
      }
      this.#take([lines.end()]);
    } catch (error) {
      this.#fault = error instanceof AppError ? error : new AppError(
        "agent_output_unreadable",
        `Cannot read the agent's output: ${errorText(error)}`,
        { cause: error },
      );
      this.#signal("SIGKILL");
    }
  }

  #take(lines: readonly string[]): void {
    let messages: CliMessage[] = [];
    const hand = () => {
      if (messages.length > 0) this.#listener?.onMessages(messages);
      messages = [];
    };
    for (const line of lines) {
      const message = parseMessage(line);
      if (message === "malformed") this.#malformed++;
      if (typeof message === "string") continue;
      // A question comes after what it is about.
      if (message.type === "control_request") hand();
      if (!this.#isOurs(message)) messages.push(message);
    }
    hand();
    if (!this.#busy) this.#becameIdle?.();
  }

  /** Has the CLI ask before a tool that is a question to the person. */
  #hookForms(): void {
    const hook = { matcher: `.*${FORM_MARK}.*`, hookCallbackIds: [FORM_MARK] };
    this.#write({
      type: "control_request",
      request_id: crypto.randomUUID(),
      request: { subtype: "initialize", hooks: { PreToolUse: [hook] } },
    });
  }

  /** Handles what concerns the process, not the turn. */
  #isOurs(message: CliMessage): boolean {
    switch (message.type) {
      case "control_request":
        void this.#answer(message);
        return true;
      case "control_cancel_request":
        this.#asked.get(message.request_id)?.abort();
        return true;
      case "control_response":
        this.#acknowledged.get(message.response.request_id)?.();
        return true;
      case "system":
        if (message.subtype === "init") this.#commands = message.slash_commands ?? [];
        return false;
      case "result":
        this.#busy = false;
        return false;
      case "stream_event":
      case "assistant":
        this.#busy = true;
        return false;
      default:
        return false;
    }
  }

  async #answer({ request_id, request }: ControlRequest): Promise<void> {
    if (request.subtype === "hook_callback") {
      const decision = { hookEventName: "PreToolUse", permissionDecision: "defer" };
      const response = request.callback_id === FORM_MARK ? { hookSpecificOutput: decision } : {};
      this.#write({
        type: "control_response",
        response: { subtype: "success", request_id, response },
      });
      return;
    }
    if (request.subtype !== "can_use_tool") {
      this.#write({
        type: "control_response",
        response: {
          subtype: "error",
          request_id,
          error: `Not supported: ${request.subtype}`,
        },
      });
      return;
    }
    const asked = this.#listener;
    const withdrawn = new AbortController();
    this.#asked.set(request_id, withdrawn);
    const answer = asked
      ? await asked.permit({
        id: request.tool_use_id ?? null,
        name: request.tool_name ?? "",
        input: request.input ?? {},
        reason: request.decision_reason ?? null,
        sensitive: request.decision_reason_type === "safetyCheck",
      }, withdrawn.signal)
      : denyOutsideTurn();
    this.#asked.delete(request_id);
    if (answer === null || withdrawn.signal.aborted) return;
    this.#write({
      type: "control_response",
      response: {
        subtype: "success",
        request_id,
        response: this.#listener === asked ? answer : denyOutsideTurn(),
      },
    });
  }

  async #readErrors(
    reader: ReadableStreamDefaultReader<Uint8Array>,
  ): Promise<void> {
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
    this.#busy = false;
    for (const question of this.#asked.values()) question.abort();
    const exit: AgentExit = {
      code: status.signal ? null : status.code,
      signal: status.signal,
      stderr: mask(this.#stderr.trim(), this.#secrets),
      fault: this.#fault,
    };
    this.#exit.resolve(exit);
    this.#listener?.onExit(exit);
    await this.#input.abort().catch(() => {
      // Closed already.
    });
  }
}

/** `text` with every one of `secrets` replaced. */
export function mask(text: string, secrets: readonly string[]): string {
  return secrets.reduce((masked, secret) => masked.replaceAll(secret, "***"), text);
}
