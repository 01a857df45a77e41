/** Bodies of the hub's REST interface. */
import * as z from "zod";
import type { WorkdirFacts } from "./device.ts";

/** Error body of every endpoint; `error_code` is the HTTP status unless told otherwise. */
export interface ErrorBody {
  error_code: number;
  detail: string;
  errors?: { loc: (string | number)[]; msg: string; type: string }[];
}

/** `POST /api/auth/login`. */
export const loginRequest = z.looseObject({
  user_name: z.string().min(1).max(100),
  password: z.string().min(1).max(1000),
});

/** `POST /api/auth/link`: trades a one-time login token for an access token. */
export const linkLoginRequest = z.looseObject({
  token: z.string().min(1).max(200),
});

/** `POST /api/users` (administrators). */
export const createUserRequest = z.looseObject({
  user_name: z.string().regex(/^[\w.@-]{1,100}$/),
  password: z.string().min(6).max(1000),
});

/** `POST /api/api-keys`. */
export const createKeyRequest = z.looseObject({
  name: z.string().min(1).max(100),
  description: z.string().max(500).nullish(),
});

/** `PUT /api/devices/{id}/alias`. */
export const aliasRequest = z.looseObject({
  alias: z.string().trim().min(1).max(100),
});

/** One device as the browser sees it. */
export interface DeviceInfo {
  id: number;
  device_id: string;
  name: string;
  status: "online" | "offline" | "busy";
  /** The connection was lost a moment ago; the device's tasks are kept for now. */
  reconnecting: boolean;
  is_default: boolean;
  last_heartbeat: string | null;
  device_type: "local" | "cloud" | "remote";
  connection_mode: "websocket";
  capabilities: string[] | null;
  slot_used: number;
  slot_max: number;
  running_tasks: RunningTask[];
  queued_task_ids: number[];
  executor_version: string | null;
  latest_version: string | null;
  update_available: boolean;
  client_ip: string | null;
  runtime_transfer_host: string | null;
  cloud_config: null;
  remote_config: null;
  bind_shell: "claudecode" | "openclaw";
  /** What it takes beyond the protocol, such as `steer`. */
  features: string[];
  /** What fences the agent on that device, in the device's words. */
  sandbox: string | null;
  /** Where its sessions may work and have worked; null: it never said. */
  workdirs: WorkdirFacts | null;
}

/** A turn that occupies a device. */
export interface RunningTask {
  task_id: number;
  subtask_id: number;
  title: string;
  status: string;
  created_at: string;
}
