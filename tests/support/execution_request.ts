/** Execution requests as a Wegent backend sends them: every field present, most of them empty. */

/** Where a request's bot gets its answers. */
export interface BotModel {
  /** Base URL of a Messages API. */
  readonly baseUrl: string;
  /** @default "test-key" */
  readonly apiKey?: string;
  /** @default "claude-opus-4-8" */
  readonly model?: string;
}

/** What {@link executionRequest} is told; all else has the backend's defaults. */
export interface RequestOptions {
  /** @default a fresh id */
  readonly task_id?: number;
  /** @default a fresh id */
  readonly subtask_id?: number;
  readonly prompt: string | readonly Record<string, unknown>[];
  /** Without it the bot has an empty `agent_config`, which means the owner's own login. */
  readonly model?: BotModel;
  /** Members that replace the defaults. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** A request; the ids are always there. */
export type ExecutionRequest =
  & Record<string, unknown>
  & { task_id: number; subtask_id: number };

let last = 1000;

/** An id no other request of this process has. */
export function freshId(): number {
  return ++last;
}

/** Builds a request. */
export function executionRequest(options: RequestOptions): ExecutionRequest {
  const { model } = options;
  const env = model && {
    model: "claude",
    model_id: model.model ?? "claude-opus-4-8",
    api_key: model.apiKey ?? "test-key",
    base_url: model.baseUrl,
  };
  return {
    task_id: options.task_id ?? freshId(),
    subtask_id: options.subtask_id ?? freshId(),
    subtask_next_id: null,
    user_subtask_id: null,
    team_id: 3,
    team_name: "team",
    team_namespace: "default",
    task_title: "A task",
    subtask_title: "A task",
    type: "online",
    task_mode: "chat",
    user: { id: 1, name: "tester", git_domain: null, git_token: null },
    user_id: 1,
    user_name: "tester",
    bot: [{
      id: 15,
      name: "coder",
      shell_type: "ClaudeCode",
      role: "leader",
      base_image: null,
      system_prompt: "",
      agent_config: env ? { env } : {},
      mcp_servers: [],
      skills: [],
      skill_refs: {},
    }],
    model_config: env ? { ...env, api_format: null } : {},
    system_prompt: "",
    prompt: options.prompt,
    mode: "solo",
    new_session: false,
    workspace: { repository: {}, branch: null, path: null },
    git_url: null,
    branch_name: null,
    device_id: null,
    attachments: [],
    inherited_sessions: [],
    fork_runtime: null,
    auth_token: "task-token",
    skill_identity_token: "",
    backend_url: "http://backend.invalid:8000",
    is_subscription: false,
    skip_git_clone: false,
    ...options.fields,
  };
}
