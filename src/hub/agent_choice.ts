/** The agent of a conversation, which stays, and its model, which a message may change. */
import { AppError } from "../platform/mod.ts";
import { type AgentKind, AGENTS, type ChatSend, type ModelChoice } from "../protocol/mod.ts";
import type { TaskRow } from "./store/mod.ts";

/**
 * The agent a message goes to.
 *
 * @param task Null: a new conversation.
 * @throws {AppError} `agent_fixed` when a conversation is with another one: it would remember nothing.
 */
export function agentOf(
  task: Pick<TaskRow, "agent"> | null,
  wanted: AgentKind | null | undefined,
): AgentKind {
  if (task && wanted && wanted !== task.agent) {
    throw new AppError(
      "agent_fixed",
      `This conversation is with ${AGENTS[task.agent].name}; ${
        AGENTS[wanted].name
      } does not know ` +
        "what was said in it. Begin a new conversation",
    );
  }
  return task?.agent ?? wanted ?? "claude";
}

/**
 * The model from a message on.
 *
 * @throws {AppError} `invalid_payload` when an effort is named for an agent that has none.
 */
export function modelChoice(
  task: Pick<TaskRow, "agent" | keyof ModelChoice>,
  message: Pick<ChatSend, "model" | "effort">,
): ModelChoice {
  const { model = task.model, effort = task.effort } = message;
  if (effort && task.agent !== "codex") {
    throw new AppError(
      "invalid_payload",
      `Invalid payload for chat:send at "effort": ${AGENTS[task.agent].name} has no such choice`,
    );
  }
  return { model, effort };
}
