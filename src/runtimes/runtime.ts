/**
 * What a session host needs of an agent, whichever it is: plan, start, talk, interrupt, end. Nothing here
 * knows of sockets or journals.
 */
import type { AppError } from "../platform/mod.ts";
import type {
  Completion,
  Decision,
  ErrorCode,
  ExecuteRequest,
  FormQuestion,
  InputAdded,
  PermissionRule,
  ResponseBuilder,
  ResponseEvent,
} from "../protocol/mod.ts";
import type { ForwardSeam } from "./forwarder/mod.ts";

type Env = Readonly<Record<string, string>>;

/** What an agent can do beyond answering. */
export interface RuntimeCapabilities {
  /** A message can be handed over while a turn runs. */
  readonly steer: boolean;
  /** A conversation can be continued in a new process. */
  readonly resume: boolean;
  /** Images can be part of a prompt. */
  readonly images: boolean;
  /** It asks for permission through its host. */
  readonly permissions: boolean;
}

/** Facts of the session that decide how an agent is started. Paths are absolute. */
export interface SessionFacts {
  readonly workdir: string;
  /** The agent's configuration directory; null: its owner's own. */
  readonly configDir: string | null;
  /** Private temporary directory. */
  readonly tempDir: string;
  /** Directory for files the agent is told to read; readable by the owner only. */
  readonly stateDir: string;
  /** Value of `MARK_VARIABLE`, carried by every process an agent starts. */
  readonly mark: string;
  /** Further variables of the turn, such as the login of its repository. */
  readonly variables: Env;
  /** The owner trusts what lies in the workdir, such as its list of MCP servers. @default false */
  readonly trusted?: boolean;
  /** Stands between the agent and its model, so that it needs no real key. @default none */
  readonly forward?: ForwardSeam | null;
}

/** A file that must exist before the start, readable by the owner only. */
export interface PlanFile {
  readonly path: string;
  readonly text: string;
}

/** How an agent is started for a request. Runtimes keep more in it; hosts read only this. */
export interface AgentPlan {
  /** Requests with equal fingerprints can share a live process. Holds secrets: for comparison only. */
  readonly fingerprint: string;
  readonly env: Env;
  readonly files: readonly PlanFile[];
  /** Values that must not appear in a log or a message. */
  readonly secrets: readonly string[];
  /** What the person should know of it. @default nothing */
  readonly notes?: readonly string[];
  /** The model the request names; null: the agent's default. */
  readonly model: string | null;
}

/** The conversation a process is to begin or go on with. */
export type SessionStart =
  | { readonly kind: "fresh"; readonly id: string }
  | {
    readonly kind: "resume";
    readonly id: string;
    /** What the agent's default was here; null: a request has named a model each time. */
    readonly defaultModel: string | null;
  };

/** What is started. */
export interface StartOptions {
  /** Argv that starts the command appended to it through the launcher; empty: directly. */
  readonly launch: readonly string[];
  /** Absolute path of the agent's program. */
  readonly binary: string;
  readonly cwd: string;
  /** Added to the plan's environment; for the launcher. */
  readonly env: Env;
  readonly session: SessionStart;
}

/** How a process ended. */
export interface AgentExit {
  readonly code: number | null;
  readonly signal: string | null;
  /** Last lines of standard error, secrets masked. */
  readonly stderr: string;
  /** Set when it was ended because its output could not be read. */
  readonly fault: AppError | null;
}

/** A failure in words for the reader. */
export interface Failure {
  readonly message: string;
  readonly code: ErrorCode;
}

/** How a turn ended, as the agent tells it. */
export type TurnOutcome =
  | { readonly kind: "completed"; readonly completion: Completion }
  | { readonly kind: "failed"; readonly failure: Failure }
  /** Ended by an interrupt. */
  | { readonly kind: "interrupted" }
  /** The conversation that was to be resumed is unknown; nothing has been done. */
  | { readonly kind: "unknown_session" }
  /** The process ended; `begun` false: before it took up the prompt. */
  | { readonly kind: "exit"; readonly exit: AgentExit; readonly begun: boolean };

/** A tool that asks for permission; `id` is that of its events, if the agent tells it. */
export interface AskingTool {
  readonly id: string | null;
  readonly name: string;
  readonly input: Readonly<Record<string, unknown>>;
}

/** What the agent wants to know of the person. */
export interface PersonQuestion {
  readonly kind: "permission" | "form";
  /** The tool that waits. */
  readonly tool: AskingTool;
  /** Why it asks, in the agent's words. */
  readonly reason: string | null;
  /** What "for this conversation" would cover; null: that cannot be offered. */
  readonly rule: PermissionRule | null;
  /** Of a form. */
  readonly questions: readonly FormQuestion[];
}

/** What the person says. */
export interface PersonAnswer {
  readonly decision: Decision;
  /** Why not; may be blank. */
  readonly message: string;
  /** For each question of a form what was chosen or written. */
  readonly answers: readonly (readonly string[])[];
}

/** A turn's input and where its events go. */
export interface TurnRequest {
  readonly request: ExecuteRequest;
  readonly workdir: string;
  readonly builder: ResponseBuilder;
  /** The process knows the conversation so far. @default false */
  readonly resumed?: boolean;
  /** Silence of the model after which {@link TurnRequest.onStall} is called, in milliseconds. */
  readonly stallMs: number;
  /**
   * Awaited before a tool that asks for permission is allowed to run; never rejects. A tool that runs
   * without asking is known by its events only.
   */
  beforeTool?(tool: AskingTool): Promise<void>;
  /**
   * Puts a question to the person; absent: nobody can be asked. Never rejects.
   *
   * @param signal Withdraws the question: the agent does not wait for the answer any more.
   * @returns Null when the question was withdrawn, here or by the end of the turn.
   */
  ask?(question: PersonQuestion, signal: AbortSignal): Promise<PersonAnswer | null>;
  /** Takes a batch of events, in order. */
  append(events: readonly ResponseEvent[]): void;
  /** The agent named its conversation (and model, when it said so), so that it can be resumed. */
  onSession(id: string, model: string | null): void;
  /** The model is silent for too long while nothing else runs; the turn goes on until it is ended. */
  onStall(): void;
}

/** A turn that runs. */
export interface AgentTurn {
  /** Resolves once, when the agent has ended the turn or itself; never rejects. */
  readonly finish: Promise<TurnOutcome>;
  /**
   * Asks the agent to end the turn and waits for that.
   *
   * @returns True when it has ended it within `limitMs` and is fit for another one.
   */
  interrupt(limitMs: number): Promise<boolean>;
  /**
   * Hands over a message while the turn runs; false when the agent cannot take it. When it has taken it
   * up the turn appends `response.input.added`; the turn does not end while one that was handed over is
   * still to be answered.
   */
  steer(input: InputAdded): boolean;
  /** Stops listening; events that still come are dropped. */
  close(): void;
}

/** A live agent: one process (and its children) that serves one turn after the other. */
export interface AgentProcess {
  readonly pid: number;
  readonly exited: boolean;
  /** Resolves when the process has ended and its output is read. */
  readonly exit: Promise<AgentExit>;
  /** Messages whose shape was not understood. */
  readonly malformed: number;
  /** Begins a turn; at most one at a time. */
  turn(request: TurnRequest): AgentTurn;
  /** Ends what it does by itself between turns; false when it is not fit for the next one. */
  settle(limitMs: number): Promise<boolean>;
  /**
   * Ends the process: politely, then by signals, its whole group at last.
   *
   * @param hurry Spends little time on asking politely.
   */
  stop(hurry?: boolean): Promise<void>;
}

/** How to plan, start and understand an agent; what else is known of it is in `agent.ts`. */
export interface Runtime {
  readonly capabilities: RuntimeCapabilities;
  /**
   * Makes the plan for a request. Starts nothing.
   *
   * @param inherited The executor's own environment.
   * @throws {AppError} When the request names no usable model or key.
   */
  plan(request: ExecuteRequest, facts: SessionFacts, inherited: Env): Promise<AgentPlan>;
  /**
   * Starts the process for a plan this runtime made; its files exist.
   *
   * @throws {AppError} `agent_start_failed`.
   */
  start(plan: AgentPlan, options: StartOptions): AgentProcess;
  /**
   * Takes the messages of a short made-up turn through everything that reads an agent's output, so that it
   * is compiled before the first real one.
   *
   * @returns The events of that turn, without its end.
   */
  rehearse(builder: ResponseBuilder): ResponseEvent[];
}
