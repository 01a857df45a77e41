/** Builds `task:execute`: the flat request of the Wegent protocol, as far as this hub fills it. */
import type { ExecuteRequest, McpServer, PermissionRule } from "../protocol/mod.ts";
import type { DirectoryFields } from "./directories.ts";
import type { ModelMembers } from "./model_config.ts";
import type { AttachmentRow, SubtaskRow, TaskRow, UserRow } from "./store/mod.ts";

/** What a request is made of. */
export interface RequestParts {
  user: UserRow;
  task: TaskRow;
  turn: SubtaskRow;
  /** The person's message that the turn answers. */
  message: SubtaskRow;
  /** Files that came with it, and what the device fetches them with; "" without files. */
  files: { rows: readonly AttachmentRow[]; token: string };
  deviceId: string;
  /** Which agent answers, with which model. */
  model: ModelMembers;
  /** The person's servers that are on, with their secrets. */
  mcpServers: readonly (McpServer & { name: string })[];
  directory: DirectoryFields;
  /** What the person has allowed for the conversation. */
  rules: readonly PermissionRule[];
  /** Address of this hub without a trailing slash. */
  hubUrl: string;
}

/** The request for one attempt of a turn. */
export function executionRequest(
  parts: RequestParts,
): Record<string, unknown> & Pick<ExecuteRequest, "task_id" | "subtask_id"> {
  const { user, task, turn, message, files, deviceId, model, directory, hubUrl } = parts;
  const person = {
    id: user.id,
    name: user.user_name,
    git_domain: null,
    git_token: null,
    git_id: null,
    git_login: null,
    git_email: null,
  };
  return {
    task_id: task.id,
    subtask_id: turn.id,
    message_id: turn.message_id,
    user_message_id: message.message_id,
    user_subtask_id: message.id,
    task_title: task.title,
    subtask_title: task.title,
    type: "online",
    task_mode: "code",
    mode: "solo",
    prompt: promptOf(message.content, files.rows),
    system_prompt: "",
    new_session: false,
    user: person,
    user_id: user.id,
    user_name: user.user_name,
    bot: [{
      id: 1,
      role: "leader",
      ...model.bot,
      system_prompt: "",
      mcp_servers: parts.mcpServers,
      skills: [],
    }],
    model_config: model.model_config,
    mcp_servers: [],
    skill_names: [],
    attachments: files.rows.map(({ id, filename, mime_type, size }) => ({
      id,
      original_filename: filename,
      mime_type,
      file_size: size,
      subtask_id: message.id,
    })),
    inherited_sessions: [],
    fork_runtime: null,
    execution_target_type: "local",
    device_id: deviceId,
    ...directory,
    permission_mode: task.permission_mode,
    permission_rules: parts.rules,
    auth_token: files.token,
    skill_identity_token: "",
    backend_url: hubUrl,
    is_subscription: false,
    skip_git_clone: false,
  };
}

/** The person's words, and for each file the mark that the device replaces by its path. */
function promptOf(text: string, files: readonly AttachmentRow[]): string {
  if (files.length === 0) return text;
  const marks = files.map(({ id }) => `[attachment:${id}]`).join("\n");
  return text.trim() === "" ? marks : `${text}\n\n${marks}`;
}
