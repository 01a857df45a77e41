/**
 * What the rest of the program knows of an agent without loading its runtime: how servers call it, which
 * requests are for it, where its program lies, what a session of it needs on disk. An agent is one folder
 * beside this file that exports an {@link Agent}, and one line in `agents.ts`.
 */
import type { ExecuteRequest, TaskRuntime } from "../protocol/mod.ts";
import type { Runtime } from "./runtime.ts";
import type { AgentProgram } from "./shared/program.ts";

/** Words of the Wegent protocol for one agent. */
export interface WireNames {
  /** `shell_type` of bots and of `response.created`. */
  readonly shell: string;
  /** Name in `runtime:rpc`. */
  readonly taskRuntime: TaskRuntime;
  /** Begins the ids of local tasks made here. */
  readonly localIdPrefix: string;
  /** Names in `inherited_sessions[].agent`. */
  readonly sessionAgents: readonly string[];
  /** Member of an inherited session that names the conversation. */
  readonly sessionMember: "sessionId" | "threadId";
}

/** What preparing a directory does for an agent. */
export interface AgentPreparation {
  /** Downloads skills of the task into its configuration directory. */
  readonly skills: boolean;
  /** Brings other agents' instruction files to its attention. */
  readonly instructionFiles: boolean;
}

/** The login of the device's owner, where the agent cannot renew it itself inside its box. */
export interface OwnerLogin {
  /** The owner's configuration directory, in which it is saved. */
  directory(env: Env): string | null;
  /** When the login ends, in Unix milliseconds; null: there is none here that would have to be renewed. */
  expiresAt(env: Env): number | null;
  /** It is renewed when it ends within so many milliseconds; earlier the program would not do it. */
  readonly renewBeforeMs: number;
  /** Arguments with which the agent's own program renews it, without a model or an agent. */
  readonly args: readonly string[];
  /** What it is told; its input stays open until the login is renewed. */
  readonly input: string;
}

type Env = Readonly<Record<string, string | undefined>>;

/** See the module comment. */
export interface Agent {
  readonly name: string;
  /** What people call it. */
  readonly label: string;
  readonly wire: WireNames;
  readonly preparation: AgentPreparation;
  /** Name of its configuration directory: of its owner's own below the home, and of ours. */
  readonly configDir: string;
  /**
   * Where it keeps conversations and the like in its owner's configuration directory. The box grants what
   * exists, and never the directory itself: settings and hooks in it run unsandboxed later.
   */
  readonly stateDirs: readonly string[];
  readonly program: AgentProgram;
  /** Absent: it renews its owner's login itself, or there is nothing to renew. */
  readonly ownerLogin?: OwnerLogin;
  /** True when a request is for this agent. */
  serves(request: Pick<ExecuteRequest, "model_config">): boolean;
  /**
   * The model configuration of a request that names the agent itself, so that it serves the request; null:
   * the model is another agent's.
   */
  claim(config: Readonly<Record<string, unknown>>): Record<string, unknown> | null;
  /** True when a request wants the login and settings of the device's owner. */
  usesOwnLogin(request: Pick<ExecuteRequest, "model_config" | "bot">): boolean;
  /** Its runtime, with all it needs. */
  load(): Promise<Runtime>;
}
