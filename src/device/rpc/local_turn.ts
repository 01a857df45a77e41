/** A turn of a local task as the wire sees it: how its events begin. */
import type { LocalEnvelope, ResponseBuilder, ResponseEvent } from "../../protocol/mod.ts";
import { AGENTS } from "../../runtimes/mod.ts";

/** The first events of a run; a local task's turn announces its answer, which the server does for others. */
export function firstEvents(
  builder: ResponseBuilder,
  local: LocalEnvelope | undefined,
): ResponseEvent[] {
  const [progress] = builder.inProgress();
  if (!progress) return [];
  if (!local) return [progress];
  const event = "response.created";
  // It opens the answer in a browser.
  const agent = AGENTS.find(({ wire }) => wire.taskRuntime === local.runtime);
  const data = { ...progress.data, type: event, shell_type: agent?.wire.shell };
  return [{ event, data }, progress];
}
