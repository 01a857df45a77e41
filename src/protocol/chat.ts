/**
 * The browser's side of the hub: events of the Socket.IO namespace `/chat` and the views they carry.
 * Names follow the Wegent web client; the shapes of tasks and messages are this hub's own.
 */
import * as z from "zod";
import { AGENT_KINDS, type AgentKind, EFFORTS, type ModelChoice, modelId } from "./agent.ts";
import { type AttachmentView, MAX_ATTACHMENTS } from "./attachment.ts";
import { wireId } from "./device.ts";
import { WORKDIR_POLICIES } from "./execute.ts";
import type { InputView } from "./steer.ts";
import { PERMISSION_MODES, type PermissionMode, type QuestionView } from "./permission.ts";

export const SUBTASK_STATUSES = [
  /** Accepted by the hub, not yet handed to a device. */
  "PENDING",
  /** Handed to a device (which may hold it in its queue: see `queued`). */
  "RUNNING",
  "COMPLETED",
  "FAILED",
  "CANCELLED",
] as const;
export type SubtaskStatus = (typeof SUBTASK_STATUSES)[number];

/** States a turn never leaves, except by a retry. */
export const FINAL_STATUSES: ReadonlySet<SubtaskStatus> = new Set([
  "COMPLETED",
  "FAILED",
  "CANCELLED",
]);

/** Longest message a person may send, in UTF-16 units. */
export const MAX_MESSAGE_UNITS = 200_000;

/** Events from browser to hub. */
export const FROM_CHAT = {
  send: "chat:send",
  cancel: "chat:cancel",
  retry: "chat:retry",
  answer: "chat:answer",
  steer: "chat:steer",
  takeBack: "chat:take_back",
  setPermissionMode: "task:set_permission_mode",
  join: "task:join",
  leave: "task:leave",
  closeSession: "task:close-session",
  historySync: "history:sync",
} as const;

/** Events from hub to browser. */
export const TO_CHAT = {
  start: "chat:start",
  chunk: "chat:chunk",
  blockCreated: "chat:block_created",
  blockUpdated: "chat:block_updated",
  statusUpdated: "chat:status_updated",
  done: "chat:done",
  error: "chat:error",
  cancelled: "chat:cancelled",
  message: "chat:message",
  /** Messages to a running turn that it has not read. */
  input: "chat:input",
  taskCreated: "task:created",
  taskStatus: "task:status",
  /** Where the conversation works, or what was asked for, is another one now. */
  taskWorkdir: "task:workdir",
  /** Whether the agent asks is another choice now. */
  taskPermission: "task:permission_mode",
  /** The conversation's model is another one now. */
  taskModel: "task:model",
  deviceOnline: "device:online",
  deviceOffline: "device:offline",
  deviceStatus: "device:status",
  slotUpdate: "device:slot_update",
  authError: "auth:error",
} as const;

/**
 * What a person may choose as a conversation's directory: a device's policies, and `chat`, a directory
 * that the device makes for this conversation and names by date and request.
 */
export const DIRECTORY_POLICIES = [...WORKDIR_POLICIES, "chat"] as const;
export type DirectoryPolicy = (typeof DIRECTORY_POLICIES)[number];

const storable = (text: string) => !text.includes("\0") && text.isWellFormed();
const directoryText = (max: number) =>
  z.string().max(max).refine((text) => text.trim() !== "", "must not be blank")
    .refine(storable, "must not contain NUL or broken characters");

const directoryFields = {
  /** Absent: `existing` with a `workdir`, else `managed` with a `git_url`, else nothing is chosen. */
  workdir_policy: z.enum(DIRECTORY_POLICIES).nullish(),
  /** On the device; absolute or `~/…`. The device decides whether it may be used. */
  workdir: directoryText(4096).nullish(),
  git_url: directoryText(2048).refine(
    (url) => !URL.parse(url)?.password,
    "must not contain a password; the device uses its owner's git credentials",
  ).nullish(),
  branch_name: directoryText(255).nullish(),
};

/** What a conversation's directory is to be on one device. */
export interface DirectoryChoice {
  readonly policy: DirectoryPolicy;
  readonly workdir: string | null;
  readonly git_url: string | null;
  readonly branch_name: string | null;
}

/** The choice a message makes; null: none, the conversation stays where it is. */
export function directoryChoice(
  message: { readonly [K in keyof typeof directoryFields]?: z.output<(typeof directoryFields)[K]> },
): DirectoryChoice | null {
  const { workdir = null, git_url = null, branch_name = null } = message;
  const policy = message.workdir_policy ?? (workdir ? "existing" : git_url ? "managed" : null);
  return policy && { policy, workdir, git_url, branch_name };
}

/** Why the members of a choice do not fit together; null: they do. */
function misfit(
  message: Parameters<typeof directoryChoice>[0],
): [path: string, why: string] | null {
  const choice = directoryChoice(message);
  if (!choice) return message.branch_name ? ["branch_name", "needs a git_url"] : null;
  const { policy, workdir, git_url, branch_name } = choice;
  if (policy === "existing" && !workdir) return ["workdir", "is needed with the policy existing"];
  if (policy === "repo_bound" && !git_url) {
    return ["git_url", "is needed with the policy repo_bound"];
  }
  if (workdir && (policy === "managed" || policy === "chat")) {
    return ["workdir", `does not go with the policy ${policy}: the device chooses the directory`];
  }
  if (git_url && policy === "chat") return ["git_url", "does not go with the policy chat"];
  return branch_name && !git_url ? ["branch_name", "needs a git_url"] : null;
}

/**
 * `chat:send`: without a task a new conversation begins. A directory that is named holds for the
 * conversation on the turn's device from then on; without one the conversation keeps its own.
 */
export const chatSend = z.looseObject({
  ...directoryFields,
  task_id: wireId.nullish(),
  /** May be blank when files say what is meant. */
  message: z.string().max(MAX_MESSAGE_UNITS),
  /** Ids of files that were uploaded before. */
  attachments: z.array(wireId).max(MAX_ATTACHMENTS).nullish()
    .transform((ids) => [...new Set(ids ?? [])]),
  title: z.string().max(200).nullish(),
  /** Of a new conversation, which stays with it; absent: the conversation's own, `claude` in a new one. */
  agent: z.enum(AGENT_KINDS).nullish(),
  /** From this message on; null: the default of the agent's provider; absent: as before. */
  model: modelId.nullish(),
  /** From this message on (Codex); null: the device's default; absent: as before. */
  effort: z.enum(EFFORTS).nullish(),
  /** Whether the agent asks, from this turn on; absent: as before, `bypass` in a new conversation. */
  permission_mode: z.enum(PERMISSION_MODES).nullish(),
  /** Where the turn runs; absent: the conversation's last device, else the default device. */
  device_id: z.string().min(1).max(100).nullish(),
}).superRefine((message, context) => {
  const wrong = misfit(message);
  if (wrong) context.addIssue({ code: "custom", path: [wrong[0]], message: wrong[1] });
  if (message.message.trim() === "" && message.attachments.length === 0) {
    context.addIssue({ code: "custom", path: ["message"], message: "must not be blank" });
  }
});
export type ChatSend = z.infer<typeof chatSend>;

/** `chat:cancel`. */
export const chatCancel = z.looseObject({ subtask_id: wireId });

/** `chat:retry`: runs a failed or cancelled turn again under the same id. */
export const chatRetry = z.looseObject({
  task_id: wireId,
  subtask_id: wireId,
  device_id: z.string().min(1).max(100).nullish(),
});

/** `task:join` and `history:sync`; messages up to and including `after_message_id` are left out. */
export const taskJoin = z.looseObject({
  task_id: wireId,
  after_message_id: z.number().int().nonnegative().nullish(),
});

/** `task:leave`. */
export const taskLeave = z.looseObject({ task_id: wireId });

export const BLOCK_TYPES = ["text", "thinking", "tool", "input"] as const;
export const BLOCK_STATUSES = [
  "streaming",
  "generating_arguments",
  "pending",
  "done",
  "error",
] as const;

/** One piece of an answer, in order: text, reasoning, a tool call, or what the person said meanwhile. */
export interface BlockView {
  /** Unique within its subtask. */
  id: string;
  type: (typeof BLOCK_TYPES)[number];
  status: (typeof BLOCK_STATUSES)[number];
  /** Milliseconds since 1970. */
  timestamp: number;
  /** Text, thinking and input. */
  content?: string;
  tool_use_id?: string;
  tool_name?: string;
  tool_input?: unknown;
  tool_output?: string;
  /** What the person was asked about this tool call. */
  question?: QuestionView;
}

/** One message of a conversation: a person's (`user`) or a turn of the agent (`assistant`). */
export interface SubtaskView {
  subtask_id: number;
  task_id: number;
  /** Place in the conversation, from 1. */
  message_id: number;
  role: "user" | "assistant";
  status: SubtaskStatus;
  /** The person's text; the agent's final text once the turn has ended. */
  content: string;
  /** Everything the agent streamed as text, joined; assistant only. */
  streamed_text: string;
  blocks: BlockView[];
  /** What the person said while the turn ran and it has not read; assistant only. */
  inputs: InputView[];
  /** Files that came with a person's message. */
  attachments: AttachmentView[];
  error: string | null;
  error_code: string | null;
  device_id: string | null;
  /** The turn waits for a slot of its device. */
  queued: boolean;
  /** A cancel was asked for and not yet confirmed. */
  cancelling: boolean;
  /** Runs of this turn so far; a retry adds one. */
  attempt: number;
  usage: unknown;
  created_at: string;
  updated_at: string;
}

/** The directory of a conversation on its device: what was asked for and what came of it. */
export interface TaskWorkdir extends Omit<DirectoryChoice, "policy"> {
  /** Null: nobody chose. */
  readonly policy: DirectoryPolicy | null;
  /** Where the agent works, absolute; null: the device has not said yet. */
  readonly path: string | null;
  /** What decided, in the device's words: `session`, `project`, `bot`, `chat`, `clone`, `managed`. */
  readonly origin: string | null;
  /** Why it is not the directory that was asked for, as a code and as a sentence; null: it is. */
  readonly code: string | null;
  readonly notice: string | null;
}

/** `task:workdir`. */
export interface TaskWorkdirEvent {
  task_id: number;
  device_id: string;
  workdir: TaskWorkdir | null;
}

/** A conversation. */
export interface TaskView extends ModelChoice {
  task_id: number;
  title: string;
  status: SubtaskStatus;
  /** Which agent answers; it stays the same. */
  agent: AgentKind;
  device_id: string | null;
  /** On `device_id`; null: nothing is known of it. */
  workdir: TaskWorkdir | null;
  permission_mode: PermissionMode;
  /** The running turn waits for an answer of the person. */
  waiting: boolean;
  created_at: string;
  updated_at: string;
}

/** Answer of `task:join`: the whole state, so that a browser repairs any gap with it. */
export interface JoinAck {
  task: TaskView;
  streaming: {
    subtask_id: number;
    /** UTF-16 units of text streamed so far. */
    offset: number;
    cached_content: string;
    blocks: BlockView[];
    started_at: string;
    last_activity_at: string;
  } | null;
  subtasks: SubtaskView[];
  /** Older messages exist that are not part of this answer. */
  truncated: boolean;
}

/** `chat:chunk`; reasoning arrives as empty `content` with `result.reasoning_chunk`. */
export interface ChatChunk {
  task_id: number;
  subtask_id: number;
  content: string;
  /** Place of `content` in the whole text, in UTF-16 units. */
  offset: number;
  block_id: string;
  /** Place of the piece in its block, in UTF-16 units. */
  block_offset: number;
  result?: { reasoning_chunk: string };
}

/** `chat:block_updated`: only the members that changed are there. */
export interface BlockUpdate {
  task_id: number;
  subtask_id: number;
  block_id: string;
  content?: string;
  tool_name?: string;
  tool_input?: unknown;
  tool_output?: string;
  question?: QuestionView;
  status?: BlockView["status"];
}
