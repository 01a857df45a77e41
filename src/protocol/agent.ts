/** Which agent answers a conversation, which of its models, and how much that one thinks. */
import * as z from "zod";

/** The agents a conversation of the hub may be with. */
export const AGENT_KINDS = ["claude", "codex"] as const;
export type AgentKind = (typeof AGENT_KINDS)[number];

/** An agent as people and servers call it. */
export const AGENTS: Readonly<Record<AgentKind, { name: string; shell_type: string }>> = {
  claude: { name: "Claude Code", shell_type: "ClaudeCode" },
  codex: { name: "Codex", shell_type: "Codex" },
};

/** How much a model thinks; Codex only. */
export const EFFORTS = ["low", "medium", "high", "xhigh"] as const;
export type Effort = (typeof EFFORTS)[number];

/** Longest id of a model, in UTF-16 units. */
export const MAX_MODEL_UNITS = 200;

/** The id of a model, as its provider calls it. */
export const modelId = z.string().trim().min(1).max(MAX_MODEL_UNITS)
  // An agent's program would take the first for an option and the others for the end of a text.
  .refine((id) => !id.startsWith("-"), "must not begin with a dash")
  .refine(
    (id) => !/\p{Cc}/u.test(id) && id.isWellFormed(),
    "must not hold control or broken characters",
  );

/** The model of a conversation. */
export interface ModelChoice {
  /** Null: the default of the provider. */
  readonly model: string | null;
  /** Null: the device's default. */
  readonly effort: Effort | null;
}

/** `task:model`, from hub to pages: holds from the next message on. */
export interface TaskModelEvent extends ModelChoice {
  task_id: number;
}
