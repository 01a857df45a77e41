/**
 * Coordinate mode: the first bot of a task leads, the others are agents it can call. They are handed over
 * with the CLI's `initialize`, so nothing is written into anybody's directory; Wegent's own executor writes
 * the same as files below `.claude/agents`.
 *
 * Source: the Wegent executor's rule for names and members; `initialize` measured with Claude Code 2.1.197.
 */
import type { BotConfig, ExecuteRequest } from "../../protocol/mod.ts";

/** An agent as the CLI takes it. */
export interface AgentDefinition {
  /** When the leading agent is to call it. */
  readonly description: string;
  /** Its system prompt. */
  readonly prompt: string;
  readonly model: "inherit";
}

/** The agents beside the first bot by the name they are called with; null: the request has none. */
export function otherAgents(request: ExecuteRequest): Record<string, AgentDefinition> | null {
  if (request.mode !== "coordinate" || request.bot.length < 2) return null;
  return Object.fromEntries(request.bot.slice(1).map((bot) => [nameOf(bot), definitionOf(bot)]));
}

function nameOf({ name, id }: BotConfig): string {
  const slug = (name ?? "").replace(/[^\p{L}\p{N}_\s-]/gu, "").trim().toLowerCase()
    .replace(/[_\s]+/g, "-");
  return `${slug || "unnamed"}-${id ?? 0}`;
}

function definitionOf(bot: BotConfig): AgentDefinition {
  const { name, description, system_prompt } = bot;
  const called = name?.trim() || "another bot of the team";
  return {
    description: description?.trim() || `Use this agent for work that fits ${called}.`,
    prompt: system_prompt?.trim() || `You are ${called}.`,
    model: "inherit",
  };
}
