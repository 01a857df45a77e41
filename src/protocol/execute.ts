/**
 * `task:execute`: the flat request that asks a device to run one turn of a conversation.
 * Only the fields this program reads are described; the others pass through untouched.
 */
import * as z from "zod";
import { wireId } from "./device.ts";
import { MAX_RULES, PERMISSION_MODES, permissionRule } from "./permission.ts";

// The schemas here are made at their first use: half of this program's processes never see a request, and
// all of them shall start fast.

/** Null counts as absent: the server always sends every field. */
const text = z.string().nullish().transform((v) => v ?? "");
const flag = (fallback: boolean) => z.boolean().nullish().transform((v) => v ?? fallback);
const record = z.record(z.string(), z.unknown());

export const WORKDIR_POLICIES = ["managed", "existing", "repo_bound"] as const;
/**
 * How a session's directory is chosen: `managed` by the device, `existing` by its user, `repo_bound` by
 * its repository.
 */
export type WorkdirPolicy = (typeof WORKDIR_POLICIES)[number];

/** Longest path of a request that is kept; what is longer is refused by its length. */
const MAX_WORKDIR = 8192;

/** A value of any type becomes text the resolver refuses: a wrong directory must not fail the turn. */
const workdirText = z.unknown().transform((value) => {
  if (value === null || value === undefined) return null;
  return typeof value === "string" ? value.slice(0, MAX_WORKDIR) : "\0";
});

/** A file that came with the message. */
export const attachment = z.lazy(() =>
  z.looseObject({
    id: z.union([z.number().int(), z.string().max(100)]).nullish(),
    original_filename: z.string().max(2000).nullish(),
    mime_type: z.string().max(200).nullish(),
    file_size: z.number().nonnegative().nullish(),
    subtask_id: z.number().int().nullish(),
  })
);
export type Attachment = z.infer<typeof attachment>;

/** A block of a prompt that is not plain text. */
export const promptBlock = z.lazy(() =>
  z.looseObject({
    type: z.string(),
    text: z.string().nullish(),
  })
);

/** One bot of the team; the first one runs the turn. */
export const botConfig = z.lazy(() =>
  z.looseObject({
    id: z.number().int().nullish(),
    name: z.string().nullish(),
    description: z.string().nullish(),
    shell_type: z.string().nullish(),
    /** `{env: {model, model_id, api_key, base_url, …}}`; empty means the owner's own login. */
    agent_config: z.looseObject({ env: record.nullish() }).nullish(),
    system_prompt: z.string().nullish(),
    mcp_servers: z.union([z.array(record), record]).nullish(),
    cwd: z.string().nullish(),
    model: z.string().nullish(),
    max_turns: z.number().int().positive().nullish(),
    max_thinking_tokens: z.number().int().nonnegative().nullish(),
    allowed_tools: z.array(z.string()).nullish(),
    disallowed_tools: z.array(z.string()).nullish(),
  })
);
export type BotConfig = z.infer<typeof botConfig>;

/** The execution request. */
export const executeRequest = z.lazy(() =>
  z.looseObject({
    task_id: wireId,
    subtask_id: wireId,
    prompt: z.union([z.string(), z.array(promptBlock)]).nullish().transform((v) => v ?? ""),
    system_prompt: text,
    task_title: text,
    new_session: flag(false),
    bot: z.array(botConfig).nullish().transform((v) => v ?? []),
    model_config: record.nullish(),
    user: z.looseObject({
      id: z.number().nullish(),
      name: z.string().nullish(),
      git_domain: z.string().nullish(),
      git_token: z.string().nullish(),
      git_id: z.union([z.string(), z.number()]).nullish(),
      git_login: z.string().nullish(),
      git_email: z.string().nullish(),
    }).nullish(),
    user_name: text,
    auth_token: text,
    skill_identity_token: text,
    device_id: z.string().nullish(),
    workspace_source: z.string().nullish(),
    project_workspace_path: z.string().nullish(),
    project_id: z.number().int().nullish(),
    standalone_chat_workspace: flag(false),
    git_url: z.string().max(2048).nullish(),
    git_domain: z.string().max(255).nullish(),
    branch_name: z.string().max(255).nullish(),
    skip_git_clone: flag(false),
    /** Base URL for downloads; absent: the server the device is connected to. */
    backend_url: z.string().nullish(),
    attachments: z.array(attachment).max(200).nullish().transform((v) => v ?? []),
    /** Conversations of the task this one was forked from. */
    inherited_sessions: z.array(record).nullish().transform((v) => v ?? []),
    user_selected_skills: z.array(z.union([z.string(), record])).nullish().transform((v) =>
      v ?? []
    ),
    kb_meta_prompt: text,
    is_user_selected_kb: flag(true),
    task_mode: text,
    type: text,
    mode: text,
    user_subtask_id: z.number().int().nullish(),
    /** Session-level working directory (absolute or `~/…`) and how it is to be used. */
    workdir: workdirText.optional(),
    /** Ours: whether the agent asks the person; absent (a Wegent backend): nobody can be asked. */
    permission_mode: z.enum(PERMISSION_MODES).nullish().catch(null),
    /** Ours: what the person has allowed for the conversation. */
    permission_rules: z.array(permissionRule).max(MAX_RULES).nullish().catch(null)
      .transform((v) => v ?? []),
    /** One of {@link WORKDIR_POLICIES}; another value is answered with a managed directory. */
    workdir_policy: z.string().max(100).nullish(),
  })
);
export type ExecuteRequest = z.infer<typeof executeRequest>;

/** The project a request belongs to, as text; null for none. Source: the Wegent executor's order. */
export function projectIdOf(request: ExecuteRequest): string | null {
  const workspace = objectAt(request, "workspace");
  const places: unknown[] = [
    request.project_id,
    workspace && objectAt(workspace, "project")?.["project_id"],
    workspace && objectAt(objectAt(workspace, "metadata") ?? {}, "project")?.["project_id"],
    objectAt(request, "task_data")?.["project_id"],
  ];
  // A standalone chat has the project 0.
  if (request.standalone_chat_workspace && request.project_id === 0) return "0";
  const found = places.map((id) => typeof id === "number" || typeof id === "string" ? `${id}` : "")
    .map((id) => id.trim()).find((id) => id !== "" && id !== "0");
  return found ?? null;
}

/** True for a task of a project or a standalone chat: it works with the owner's configuration. */
export function isGlobalTask(request: ExecuteRequest): boolean {
  return request.standalone_chat_workspace || projectIdOf(request) !== null;
}

function objectAt(object: object, name: string): Record<string, unknown> | null {
  const value: unknown = Object.hasOwn(object, name) ? Reflect.get(object, name) : null;
  return typeof value === "object" && value !== null ? value as Record<string, unknown> : null;
}

/** The ids alone, for answering a request whose other fields are wrong. */
export const executeIds = z.looseObject({
  task_id: wireId,
  subtask_id: wireId,
});
