/**
 * `runtime:rpc`: the sessions a device holds, as a server lists, reads, starts and continues them.
 * Source of names, shapes and error texts: the Wegent device protocol. What a device answers is strict,
 * because the server refuses a whole list for one item it cannot read.
 */
import * as z from "zod";

/** Server → device: `{method, payload}`, acknowledged with {@link rpcFailure} or a method's reply. */
export const RUNTIME_RPC_EVENT = "runtime:rpc";
/** Device → server: the list of tasks has changed. */
export const TASKS_UPDATED_EVENT = "runtime.tasks.updated";

/** The methods a device has. */
export const RPC_METHODS = [
  "runtime.tasks.list",
  "runtime.tasks.transcript",
  "runtime.tasks.create",
  "runtime.tasks.send",
  "runtime.tasks.archive",
  "runtime.tasks.status",
  "runtime.tasks.cancel",
] as const;
export type RpcMethod = (typeof RPC_METHODS)[number];

/** Moving a task between devices: known names that no agent of this device supports. */
export const FORK_METHODS: ReadonlySet<string> = new Set([
  "runtime.tasks.prepare_fork_transfer",
  "runtime.tasks.prepare_fork_receiver",
  "runtime.tasks.push_fork_transfer",
  "runtime.tasks.upload_fork_transfer",
  "runtime.tasks.import_fork",
]);

export const RPC_ERROR_CODES = [
  "not_found",
  "bad_request",
  "internal_error",
  "unsupported_runtime",
  /** An unknown method. */
  "runtime_error",
] as const;
export type RpcErrorCode = (typeof RPC_ERROR_CODES)[number];

/** Names of agents on this part of the wire. */
export const TASK_RUNTIMES = ["codex", "claude_code"] as const;
export type TaskRuntime = (typeof TASK_RUNTIMES)[number];

/** The call itself. */
export const rpcCall = z.looseObject({
  method: z.string().min(1).max(200),
  payload: z.record(z.string(), z.unknown()).nullish(),
});

/** Text that may be missing; another type is treated like a missing one. */
const wish = (max: number) => z.string().max(max).nullish().catch(null);

/** Payload of `list`. */
export const listPayload = z.looseObject({
  workspacePath: wish(4096),
  includeArchived: z.boolean().nullish().catch(null),
});

/** Names a task; `workspacePath`, when given, must be its. */
export const taskAddress = z.looseObject({ localTaskId: wish(200), workspacePath: wish(4096) });

/** A message of a chat channel that the answer is to go back to; snake_case on this wire. */
export const messageSource = z.strictObject({
  source: z.literal("im"),
  external_id: z.string(),
  channel_type: z.string(),
  channel_id: z.number().int(),
  conversation_id: z.string(),
  sender_id: z.string(),
  message_id: z.string().nullish(),
});
export type MessageSource = z.infer<typeof messageSource>;

const MAX_MESSAGE = 2_000_000;

/** Payload of `send`; `content` is an alias of `message`. */
export const sendPayload = z.looseObject({
  ...taskAddress.shape,
  message: wish(MAX_MESSAGE),
  content: wish(MAX_MESSAGE),
  source: z.record(z.string(), z.unknown()).nullish().catch(null),
});

/** Payload of `create`. */
export const createPayload = z.looseObject({
  runtime: wish(100),
  workspacePath: wish(4096),
  message: wish(MAX_MESSAGE),
  title: wish(10_000),
  localTaskId: wish(200),
  executionRequest: z.record(z.string(), z.unknown()).nullish().catch(null),
});

const iso = z.iso.datetime();

/** Another device's or this device's task, as a parent or child names it. */
const taskReference = z.strictObject({
  deviceId: z.string(),
  localTaskId: z.string(),
  workspacePath: z.string().optional(),
});

/** One session. Paths are absolute. */
export const localTask = z.strictObject({
  localTaskId: z.string().min(1),
  workspacePath: z.string().min(1),
  title: z.string(),
  runtime: z.enum(TASK_RUNTIMES),
  createdAt: iso,
  updatedAt: iso,
  /** A turn runs or waits. */
  running: z.boolean(),
  status: z.enum(["active", "archived"]),
  parent: taskReference.nullable(),
  children: z.array(taskReference),
  /** What is checked out; an empty text: not known. */
  gitInfo: z.strictObject({ branch: z.string(), originUrl: z.string(), sha: z.string() })
    .optional(),
});
export type LocalTask = z.infer<typeof localTask>;

const BLOCK_STATES = [
  "pending",
  "generating_arguments",
  "streaming",
  "done",
  "error",
] as const;

/** A part of an answer beside its text; `timestamp` in milliseconds. */
export const messageBlock = z.discriminatedUnion("type", [
  z.strictObject({
    id: z.string(),
    type: z.literal("tool"),
    tool_use_id: z.string(),
    tool_name: z.string(),
    tool_input: z.record(z.string(), z.unknown()),
    tool_output: z.string().optional(),
    status: z.enum(BLOCK_STATES),
    timestamp: z.number().int(),
    display_name: z.string().optional(),
  }),
  z.strictObject({
    id: z.string(),
    type: z.literal("thinking"),
    content: z.string(),
    status: z.enum(BLOCK_STATES),
    timestamp: z.number().int(),
  }),
]);
export type MessageBlock = z.infer<typeof messageBlock>;

export const MESSAGE_STATUSES = ["done", "streaming", "failed", "cancelled"] as const;
export type MessageStatus = (typeof MESSAGE_STATUSES)[number];

/** One message of a transcript. */
export const taskMessage = z.strictObject({
  id: z.string().min(1),
  role: z.enum(["user", "assistant", "system", "tool"]),
  content: z.string(),
  status: z.enum(MESSAGE_STATUSES).nullish(),
  createdAt: iso.nullish(),
  subtaskId: z.number().int().optional(),
  attachments: z.array(z.record(z.string(), z.unknown())).optional(),
  blocks: z.array(messageBlock).optional(),
  source: messageSource.optional(),
});
export type TaskMessage = z.infer<typeof taskMessage>;

/** Any refusal. */
export const rpcFailure = z.strictObject({
  success: z.literal(false),
  error: z.string().min(1),
  code: z.enum(RPC_ERROR_CODES),
});

const accepted = z.strictObject({
  success: z.literal(true),
  accepted: z.literal(true),
  localTaskId: z.string(),
  workspacePath: z.string(),
});

/** Replies by method. */
export const RPC_REPLIES = {
  "runtime.tasks.list": z.strictObject({
    success: z.literal(true),
    workspaces: z.array(z.strictObject({
      workspacePath: z.string(),
      localTasks: z.array(localTask),
    })),
  }),
  "runtime.tasks.transcript": z.strictObject({
    success: z.literal(true),
    localTaskId: z.string(),
    workspacePath: z.string(),
    runtime: z.enum(TASK_RUNTIMES),
    title: z.string(),
    messages: z.array(taskMessage),
  }),
  "runtime.tasks.create": accepted.extend({ runtime: z.enum(TASK_RUNTIMES) }),
  "runtime.tasks.send": accepted.extend({ runtime: z.enum(TASK_RUNTIMES) }),
  "runtime.tasks.archive": accepted,
  "runtime.tasks.status": z.strictObject({ success: z.literal(true), task: localTask }),
  "runtime.tasks.cancel": accepted,
} as const satisfies Record<RpcMethod, z.ZodType>;

/** What a turn of a local task adds to the envelope of each of its events. */
export const localEnvelope = z.object({
  local_task_id: z.string().min(1).max(200),
  runtime: z.enum(TASK_RUNTIMES),
  /** As the server gave it. */
  source: z.record(z.string(), z.unknown()).optional(),
});
export type LocalEnvelope = z.infer<typeof localEnvelope>;

/**
 * Data of {@link TASKS_UPDATED_EVENT}. Turns that came from the server end with events of their own, so
 * for them `status` is never one of those that make the server notify its user.
 */
export const tasksUpdated = z.strictObject({
  localTaskId: z.string(),
  runtime: z.enum(TASK_RUNTIMES),
  title: z.string(),
  updatedAt: iso,
  status: z.enum(["running", "active", "archived"]),
  content: z.string(),
  workspacePath: z.string(),
});
export type TasksUpdated = z.infer<typeof tasksUpdated>;
