/**
 * Registration, heartbeat and task control between a device and its server on `/local-executor`.
 * Source of names and bounds: the Wegent device protocol (Socket.IO v5, one JSON argument an event).
 * Unknown fields are tolerated everywhere; wrong types are not.
 */
import * as z from "zod";

export const DEVICE_TYPES = ["local", "cloud", "remote"] as const;
export const BIND_SHELLS = ["claudecode", "openclaw"] as const;

/** Ids of tasks and subtasks: positive, exactly representable. */
export const wireId: z.ZodNumber = z.number().int().positive().max(
  Number.MAX_SAFE_INTEGER,
);

const shortText = (max: number) => z.string().min(1).max(max);

/** Event names from server to device. */
export const TO_DEVICE = {
  execute: "task:execute",
  chatMessage: "chat:message",
  cancel: "task:cancel",
  closeSession: "task:close-session",
  /** Ours: the person's answer to a question of the agent. */
  answer: "task:answer",
  /** Ours: a message to a turn that runs. */
  steer: "task:steer",
  /** Ours: shows a directory in the file manager of the device's own desktop. */
  openDirectory: "device:open_directory",
} as const;

/** Event names from device to server, beside the response events. */
export const FROM_DEVICE = {
  register: "device:register",
  heartbeat: "device:heartbeat",
  status: "device:status",
} as const;

const path = z.string().min(1).max(4096);

/** Where sessions of a device may work and have worked (ours; a Wegent backend ignores it). */
export const workdirFacts = z.looseObject({
  /** The owner's home directory, for showing paths with `~`. */
  home: path,
  /** Parent of managed directories. */
  workspace_root: path,
  /** Roots inside which a session may work, as the owner wrote them. */
  roots: z.array(path).max(200),
  /** Directories of the last sessions, newest first. */
  recent: z.array(z.looseObject({ path, used_at: z.number().int() })).max(20),
  /** Repositories bound to a directory, newest first; `branch` null: the default branch. */
  repos: z.array(z.looseObject({
    git_url: z.string().max(2048),
    branch: z.string().max(255).nullable(),
    path,
  })).max(50),
  /** The device's owner allows its directories to be opened on its desktop. */
  open_directory: z.boolean(),
});
export type WorkdirFacts = z.infer<typeof workdirFacts>;

/** `device:open_directory`; answered by {@link eventAck}. */
export const openDirectoryRequest = z.looseObject({ path });
export type OpenDirectoryRequest = z.infer<typeof openDirectoryRequest>;

/** `device:register`. */
export const registerRequest = z.looseObject({
  device_id: shortText(100).refine(
    (id) => !id.includes(":"),
    "must not contain a colon",
  ),
  name: shortText(100),
  device_type: z.enum(DEVICE_TYPES).default("local"),
  bind_shell: z.enum(BIND_SHELLS).default("claudecode"),
  executor_version: z.string().max(50).nullish(),
  client_ip: z.string().max(50).nullish(),
  runtime_transfer_host: z.string().max(255).nullish(),
  capabilities: z.array(z.string()).nullish(),
  /** Ours: what the device can restart or sandbox; a Wegent backend ignores it. */
  sandbox: z.string().max(200).nullish(),
  restart: z.boolean().nullish(),
  /** Ours: what it takes beyond the protocol, such as `steer`. */
  features: z.array(z.string().max(50)).max(50).nullish(),
});
export type RegisterRequest = z.infer<typeof registerRequest>;

/** Acknowledgement of `device:register`; only `success: true` is a success. */
export const registerAck = z.looseObject({
  success: z.boolean().optional(),
  device_id: z.string().optional(),
  error: z.string().optional(),
  /** `["seq"]` when the server stores events by session and sequence number. */
  features: z.array(z.string()).optional(),
  /** Highest contiguous sequence number the server holds, by session (run). */
  last_seq: z.record(z.string(), z.number().int().nonnegative()).optional(),
});
export type RegisterAck = z.infer<typeof registerAck>;

/** `device:heartbeat`. */
export const heartbeatRequest = z.looseObject({
  device_id: z.string(),
  /** Task ids that hold a slot. */
  running_task_ids: z.array(z.number().int()).default([]),
  /** Task ids that wait for a slot (ours; a Wegent backend ignores it). */
  queued_task_ids: z.array(z.number().int()).optional(),
  /** Slots of the device (ours). */
  slot_max: z.number().int().positive().optional(),
  /** Ours; absent when it has not changed since the last heartbeat of this connection. */
  workdirs: workdirFacts.optional(),
  executor_version: z.string().max(50).nullish(),
  capabilities: z.looseObject({}).nullish(),
  runtime_auth_files: z.looseObject({}).nullish(),
  runtime_transfer_host: z.string().max(255).nullish(),
});
export type HeartbeatRequest = z.infer<typeof heartbeatRequest>;

/** Acknowledgement of every device event that is not a registration. */
export const eventAck = z.looseObject({
  success: z.boolean().optional(),
  error: z.string().optional(),
  /** Highest contiguous sequence number stored for the event's session (servers with `seq`). */
  seq: z.number().int().nonnegative().optional(),
});
export type EventAck = z.infer<typeof eventAck>;

/** `task:cancel`: without a subtask every turn of the task is meant. */
export const cancelRequest = z.looseObject({
  task_id: wireId,
  subtask_id: wireId.nullish(),
});
export type CancelRequest = z.infer<typeof cancelRequest>;

/** `task:close-session`. */
export const closeSessionRequest = z.looseObject({ task_id: wireId });
export type CloseSessionRequest = z.infer<typeof closeSessionRequest>;

/** Envelope of every response event; the socket event's name repeats `event_type`. */
export const responseEnvelope = z.looseObject({
  event_type: z.string().min(1).max(100),
  task_id: wireId,
  subtask_id: wireId,
  data: z.looseObject({}).default({}),
  message_id: z.number().int().nullish(),
  /** Name of the run's event stream and place in it (servers with `seq` only). */
  session: z.string().min(1).max(100).optional(),
  seq: wireId.optional(),
});
export type ResponseEnvelope = z.infer<typeof responseEnvelope>;
