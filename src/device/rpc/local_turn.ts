/** A turn of a local task as the wire sees it: how its events begin. */
import type { LocalEnvelope, ResponseBuilder, ResponseEvent } from "../../protocol/mod.ts";

/** What opens the answer in a browser, as the agents are called there. */
const SHELLS = { codex: "Codex", claude_code: "ClaudeCode" } as const;

/** The first events of a run; a local task's turn announces its answer, which the server does for others. */
export function firstEvents(
  builder: ResponseBuilder,
  local: LocalEnvelope | undefined,
): ResponseEvent[] {
  const [progress] = builder.inProgress();
  if (!progress) return [];
  if (!local) return [progress];
  const event = "response.created";
  const data = { ...progress.data, type: event, shell_type: SHELLS[local.runtime] };
  return [{ event, data }, progress];
}
