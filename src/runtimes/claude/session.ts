/**
 * The live Claude Code process: its pipes, its questions, its end. One process serves many turns; a
 * turn listens while it runs, and what the CLI says between turns is read and dropped.
 */
import type { AgentExit, AgentProcess, AgentTurn, TurnRequest } from "../runtime.ts";
import { AgentChild, type ChildCommand, type StopStep } from "../shared/agent_child.ts";
import { LineSplitter } from "../shared/lines.ts";
import type { AgentDefinition } from "./coordinate.ts";
import { FORM_MARK } from "./forms.ts";
import type { CliMessage, ControlRequest } from "./messages.ts";
import { type Asked, denyOutsideTurn, type PermissionAnswer } from "./permissions.ts";
import type { PromptContent } from "./prompt.ts";
import { parseMessage } from "./stream.ts";
import { ClaudeTurn } from "./turn.ts";

/** What is started. */
export interface ClaudeCommand extends ChildCommand {
  /** Calls that are questions to the person are deferred; see `forms.ts`. */
  readonly forms: boolean;
  /** Agents the CLI can call by name; null: only its own. */
  readonly agents: Readonly<Record<string, AgentDefinition>> | null;
}

/** Whoever runs a turn. */
export interface TurnListener {
  /** All messages out of one read of the pipe. */
  onMessages(messages: readonly CliMessage[]): void;
  onExit(exit: AgentExit): void;
  /** May the tool run? Null: no answer is due any more. */
  permit(tool: Asked, signal: AbortSignal): Promise<PermissionAnswer | null>;
}

/** How the process is ended: as it asks for, then ever more urgently; milliseconds each. */
const STOP_STEPS: readonly StopStep[] = [
  ["stdin", 600],
  ["SIGINT", 600],
  ["SIGTERM", 300],
  ["SIGKILL", 2000],
];

/** See the module comment. */
export class ClaudeProcess implements AgentProcess {
  readonly #child: AgentChild;
  readonly #lines = new LineSplitter();
  readonly #acknowledged = new Map<string, () => void>();
  /** Questions of the CLI that wait for an answer, by their id. */
  readonly #asked = new Map<string, AbortController>();
  #listener: TurnListener | null = null;
  #busy = false;
  #becameIdle: (() => void) | null = null;
  #commands: readonly string[] = [];
  #malformed = 0;

  private constructor(command: ClaudeCommand) {
    this.#child = AgentChild.start(command, {
      onOutput: (chunk) => this.#take(this.#lines.push(chunk)),
      onOutputEnd: () => this.#take([this.#lines.end()]),
      onExit: (exit) => this.#exited(exit),
    });
    this.#initialize(command);
  }

  /**
   * Starts the process.
   *
   * @throws {AppError} `agent_start_failed`.
   */
  static start(command: ClaudeCommand): ClaudeProcess {
    return new ClaudeProcess(command);
  }

  get pid(): number {
    return this.#child.pid;
  }
  get exited(): boolean {
    return this.#child.exited;
  }
  /** Resolves when the process has ended and its output is read. */
  get exit(): Promise<AgentExit> {
    return this.#child.exit;
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
    if (this.exited) return false;
    if (!this.#busy) return true;
    await this.interrupt(limitMs);
    return await this.idle(limitMs) && !this.exited;
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
    this.#child.send({ type: "user", ...(uuid && { uuid }), message: { role: "user", content } });
  }

  /** Asks the CLI to end the current turn; resolves when it has understood, or at `limitMs`. */
  async interrupt(limitMs: number): Promise<void> {
    if (this.exited) return;
    const id = crypto.randomUUID();
    const answered = new Promise<void>((resolve) => this.#acknowledged.set(id, resolve));
    this.#child.send({
      type: "control_request",
      request_id: id,
      request: { subtype: "interrupt" },
    });
    await this.#child.within(answered, limitMs);
    this.#acknowledged.delete(id);
  }

  /** Resolves true when the CLI is not working any more, false at `limitMs`. */
  async idle(limitMs: number): Promise<boolean> {
    if (this.#busy && !this.exited) {
      await this.#child.within(
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
    return this.#child.stop(STOP_STEPS, hurry);
  }

  // Output -----------------------------------------------------------------------------------------

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

  /**
   * Has the CLI load everything before a message comes, ask before a tool that is a question to the person,
   * and know the agents it may call.
   */
  #initialize({ forms, agents }: ClaudeCommand): void {
    const hook = { matcher: `.*${FORM_MARK}.*`, hookCallbackIds: [FORM_MARK] };
    this.#child.send({
      type: "control_request",
      request_id: crypto.randomUUID(),
      request: {
        subtype: "initialize",
        ...(forms && { hooks: { PreToolUse: [hook] } }),
        ...(agents && { agents }),
      },
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
        this.#learn(message.response.response?.commands?.map(({ name }) => name));
        this.#acknowledged.get(message.response.request_id)?.();
        return true;
      case "system":
        if (message.subtype === "init") this.#learn(message.slash_commands);
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

  #learn(commands: readonly string[] | null | undefined): void {
    if (commands) this.#commands = commands;
  }

  async #answer({ request_id, request }: ControlRequest): Promise<void> {
    if (request.subtype === "hook_callback") {
      const decision = { hookEventName: "PreToolUse", permissionDecision: "defer" };
      const response = request.callback_id === FORM_MARK ? { hookSpecificOutput: decision } : {};
      this.#child.send({
        type: "control_response",
        response: { subtype: "success", request_id, response },
      });
      return;
    }
    if (request.subtype !== "can_use_tool") {
      this.#child.send({
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
    this.#child.send({
      type: "control_response",
      response: {
        subtype: "success",
        request_id,
        response: this.#listener === asked ? answer : denyOutsideTurn(),
      },
    });
  }

  #exited(exit: AgentExit): void {
    this.#busy = false;
    for (const question of this.#asked.values()) question.abort();
    this.#listener?.onExit(exit);
  }
}
