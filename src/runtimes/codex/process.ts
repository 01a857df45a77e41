/**
 * The live app-server of one session: its pipes, its thread, its end. The thread is opened as soon as the
 * process runs, so that a turn finds it open.
 */
import { errorText, VERSION } from "../../platform/mod.ts";
import type {
  AgentExit,
  AgentProcess,
  AgentTurn,
  Failure,
  SessionStart,
  TurnRequest,
} from "../runtime.ts";
import { AgentChild, type ChildCommand, type StopStep } from "../shared/agent_child.ts";
import { LineSplitter } from "../shared/lines.ts";
import { answerServer, type Asked } from "./answers.ts";
import {
  type CodexMessage,
  readNotification,
  threadAnswer,
  UNWANTED_NOTIFICATIONS,
} from "./messages.ts";
import { RpcError, RpcPeer } from "./rpc.ts";
import { CodexTurn } from "./turn.ts";

/** What is started. */
export interface CodexCommand extends ChildCommand {
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

/** How the process is ended, milliseconds each; SIGINT would leave commands behind. */
const STOP_STEPS: readonly StopStep[] = [["stdin", 600], ["SIGTERM", 600], ["SIGKILL", 2000]];
/** Longest line that is read, in bytes; what a longer one tells is lost, and Codex goes on. */
const MAX_LINE_BYTES = 64 * 1024 * 1024;
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
  readonly #child: AgentChild;
  readonly #lines = new LineSplitter(MAX_LINE_BYTES, "drop");
  readonly #rpc: RpcPeer;
  readonly #thread: Promise<OpenedThread>;
  #listener: TurnListener | null = null;
  #threadId: string | null = null;
  #malformed = 0;
  readonly #troubles: string[] = [];

  private constructor(private readonly command: CodexCommand) {
    this.#rpc = new RpcPeer({
      send: (message) => this.#child.send(message),
      onNotification: (method, params) => this.#notified(method, params),
      onRequest: (method, params) => answerServer(method, params, this.#listener),
    });
    this.#child = AgentChild.start(command, {
      onOutput: (chunk) => {
        for (const line of this.#lines.push(chunk)) if (line !== "") this.#rpc.take(line);
      },
      onExit: (exit) => {
        this.#rpc.close();
        this.#listener?.onExit(exit);
      },
    });
    this.#thread = this.#open();
  }

  /**
   * Starts the process.
   *
   * @throws {AppError} `agent_start_failed`.
   */
  static start(command: CodexCommand): CodexProcess {
    return new CodexProcess(command);
  }

  get pid(): number {
    return this.#child.pid;
  }
  get exited(): boolean {
    return this.#child.exited;
  }
  get exit(): Promise<AgentExit> {
    return this.#child.exit;
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
    if (this.exited || this.#child.stopping) return false;
    const opened = await this.#child.within(this.#thread, limitMs);
    return opened?.kind === "open" && !this.exited && this.#listener === null;
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
    return this.#child.stop(STOP_STEPS, hurry);
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
}

/** Whatever the reason for which a conversation cannot be resumed: it is lost, and the caller says so. */
function openFailure(error: unknown, session: SessionStart): OpenedThread {
  if (error instanceof RpcError && session.kind === "resume") return { kind: "unknown" };
  const message = `Cannot open the conversation: ${errorText(error)}`;
  return { kind: "failed", failure: { message, code: "init_error" } };
}
