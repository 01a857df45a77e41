/** Gathers what the request for an attempt is made of. */
import { AppError } from "../platform/mod.ts";
import type { Attachments } from "./attachments.ts";
import { directoryFields } from "./directories.ts";
import { executionRequest } from "./execution_request.ts";
import type { McpServers } from "./mcp_servers.ts";
import { modelMembers } from "./model_config.ts";
import type { Settings } from "./settings.ts";
import type { DispatchRow, Store } from "./store/mod.ts";

/** What a request needs of its surroundings. */
export interface TurnRequestSeam {
  readonly store: Store;
  readonly settings: Settings;
  readonly mcpServers: McpServers;
  readonly attachments: Attachments;
  /** Address of this hub without a trailing slash. */
  readonly url: string;
}

/**
 * The request for an attempt.
 *
 * @throws {AppError} `not_found` when the conversation is gone, `secret_unreadable`.
 */
export function turnRequest(
  { store, settings, mcpServers, attachments, url }: TurnRequestSeam,
  dispatch: DispatchRow,
) {
  const { tasks, users, workdirs, permissions } = store;
  const user = users.byId(dispatch.user_id);
  const task = tasks.task(dispatch.user_id, dispatch.task_id);
  const turn = tasks.subtask(dispatch.subtask_id);
  const message = turn && tasks.messageOf(turn);
  if (!user || !task || !turn || !message) {
    throw new AppError("not_found", "The conversation is gone");
  }
  const { agent } = task;
  const rows = store.attachments.of(message.id);
  return executionRequest({
    user,
    task,
    turn,
    message,
    files: { rows, token: rows.length > 0 ? attachments.tokenFor(dispatch) : "" },
    deviceId: dispatch.device_id,
    model: modelMembers({
      agent,
      provider: settings.provider(user.id, agent),
      choice: task,
      proxy: agent === "codex" ? settings.proxy(user.id) : null,
      hubUrl: url,
    }),
    mcpServers: mcpServers.forRequest(user.id),
    rules: permissions.rules(task.id),
    directory: directoryFields(workdirs.get(task.id, dispatch.device_id)),
    hubUrl: url,
  });
}
