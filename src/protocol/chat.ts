/**
 * The browser's side of the hub: events of the Socket.IO namespace `/chat` and the views they carry.
 * Names follow the Wegent web client; the shapes of tasks and messages are this hub's own.
 */
import * as z from "zod";
import { wireId } from "./device.ts";

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
  taskCreated: "task:created",
  taskStatus: "task:status",
  deviceOnline: "device:online",
  deviceOffline: "device:offline",
  deviceStatus: "device:status",
  slotUpdate: "device:slot_update",
  authError: "auth:error",
} as const;

/** `chat:send`: without a task a new conversation begins. */
export const chatSend = z.looseObject({
  task_id: wireId.nullish(),
  message: z.string().max(MAX_MESSAGE_UNITS).refine(
    (text) => text.trim().length > 0,
    "must not be blank",
  ),
  title: z.string().max(200).nullish(),
  /** Where the turn runs; absent: the conversation's last device, else the default device. */
  device_id: z.string().min(1).max(100).nullish(),
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

export const BLOCK_TYPES = ["text", "thinking", "tool"] as const;
export const BLOCK_STATUSES = [
  "streaming",
  "generating_arguments",
  "pending",
  "done",
  "error",
] as const;

/** One piece of an answer, in order: text, reasoning, or a tool call. */
export interface BlockView {
  /** Unique within its subtask. */
  id: string;
  type: (typeof BLOCK_TYPES)[number];
  status: (typeof BLOCK_STATUSES)[number];
  /** Milliseconds since 1970. */
  timestamp: number;
  /** Text and thinking. */
  content?: string;
  tool_use_id?: string;
  tool_name?: string;
  tool_input?: unknown;
  tool_output?: string;
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

/** A conversation. */
export interface TaskView {
  task_id: number;
  title: string;
  status: SubtaskStatus;
  device_id: string | null;
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
  status?: BlockView["status"];
}
