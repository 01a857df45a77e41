/** Builds `task:execute`: the flat request of the Wegent protocol, as far as this hub fills it. */
import type { ExecuteRequest, PermissionRule, ProviderKind } from "../protocol/mod.ts";
import type { DirectoryFields } from "./directories.ts";
import type { SubtaskRow, TaskRow, UserRow } from "./store/mod.ts";

/** Where the model's answers come from, with the key in clear. */
export interface Provider {
  kind: ProviderKind;
  model: string | null;
  baseUrl: string | null;
  apiKey: string | null;
}

/** What a request is made of. */
export interface RequestParts {
  user: UserRow;
  task: TaskRow;
  turn: SubtaskRow;
  prompt: string;
  deviceId: string;
  provider: Provider;
  directory: DirectoryFields;
  /** What the person has allowed for the conversation. */
  rules: readonly PermissionRule[];
  /** Address of this hub without a trailing slash. */
  hubUrl: string;
}

/** Name of the demo model, as the agent is told. */
export const DEMO_MODEL = "demo";

/** The request for one attempt of a turn. */
export function executionRequest(
  parts: RequestParts,
): Record<string, unknown> & Pick<ExecuteRequest, "task_id" | "subtask_id"> {
  const { user, task, turn, prompt, deviceId, provider, directory, hubUrl } = parts;
  const env = modelEnv(provider, hubUrl);
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
    user_message_id: turn.message_id - 1,
    task_title: task.title,
    subtask_title: task.title,
    type: "online",
    task_mode: "code",
    mode: "solo",
    prompt,
    system_prompt: "",
    new_session: false,
    user: person,
    user_id: user.id,
    user_name: user.user_name,
    bot: [{
      id: 1,
      name: "Claude Code",
      role: "leader",
      shell_type: "ClaudeCode",
      agent_config: env ? { env } : {},
      system_prompt: "",
      mcp_servers: [],
      skills: [],
    }],
    model_config: env ?? {},
    mcp_servers: [],
    skill_names: [],
    attachments: [],
    inherited_sessions: [],
    fork_runtime: null,
    execution_target_type: "local",
    device_id: deviceId,
    ...directory,
    permission_mode: task.permission_mode,
    permission_rules: parts.rules,
    auth_token: "",
    skill_identity_token: "",
    backend_url: hubUrl,
    is_subscription: false,
    skip_git_clone: false,
  };
}

/** The model's settings; null: the agent uses its owner's login. */
function modelEnv(
  provider: Provider,
  hubUrl: string,
): Record<string, string> | null {
  switch (provider.kind) {
    case "own_login":
      return null;
    case "demo":
      return {
        model: "claude",
        model_id: DEMO_MODEL,
        api_key: DEMO_MODEL,
        base_url: `${hubUrl}/demo`,
      };
    case "key":
      return {
        model: "claude",
        ...(provider.model && { model_id: provider.model }),
        ...(provider.apiKey && { api_key: provider.apiKey }),
        ...(provider.baseUrl && { base_url: provider.baseUrl }),
      };
  }
}
