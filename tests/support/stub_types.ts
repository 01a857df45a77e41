/** What the stub backend is told, records and checks. */
import { z } from "zod";

/** What becomes of one event from a device. */
export interface AckAction {
  /** Answer this much later, in milliseconds. */
  readonly delayMs?: number;
  /** Apply the event but never answer. */
  readonly drop?: boolean;
  /** Neither apply nor answer, as if the packet were lost. */
  readonly lose?: boolean;
  /** Do not apply and answer with this error. */
  readonly error?: string;
}

/** Decides by event; undefined lets it pass. */
export type AckRule = (event: RecordedEvent) => AckAction | undefined;

/** Options of {@link startStubBackend}. */
export interface StubOptions {
  /** Accepted credentials. @default [STUB_TOKEN] */
  readonly tokens?: readonly string[];
  /** Announced features; `"seq"` turns on sequence numbers. @default none, as a Wegent backend */
  readonly features?: readonly "seq"[];
  /** Grace after a lost socket before running turns fail, in milliseconds. @default 2000 */
  readonly graceMs?: number;
  /** Connection attempts counted in 30 s before the limiter refuses. @default no limit */
  readonly rateLimit?: number;
  /** Whether a registration starts a `device:sync_capabilities` call, as the backend does. @default true */
  readonly syncCapabilities?: boolean;
  /** Whether events are kept (counters always are). @default true */
  readonly record?: boolean;
  /** Answers HTTP requests beside Socket.IO; null: 404. @default always null */
  readonly http?: (path: string, headers: Readonly<Record<string, unknown>>) =>
    | { readonly status: number; readonly body: string | Uint8Array }
    | null;
  /** @default 0 (any free one) */
  readonly port?: number;
  /** @default 25000 */
  readonly pingIntervalMs?: number;
  /** @default 20000 */
  readonly pingTimeoutMs?: number;
}

/** One event of a device. */
export interface RecordedEvent {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly socketId: string;
  /** "" before registration. */
  readonly deviceId: string;
  readonly event: string;
  /** The event's argument as it came. */
  readonly payload: unknown;
  /** Members of a response envelope, when it is one. */
  readonly taskId: number | undefined;
  readonly subtaskId: number | undefined;
  readonly data: Readonly<Record<string, unknown>> | undefined;
  readonly session: string | undefined;
  readonly seq: number | undefined;
  /** Whether the device asked for an acknowledgement. */
  readonly ackWanted: boolean;
  /** The error of the answer; undefined when the event was applied. */
  error: string | undefined;
  /** Whether the event was dropped because its sequence number was there already. */
  duplicate: boolean;
}

/** A device as the backend knows it. */
export interface StubDevice {
  readonly deviceId: string;
  online: boolean;
  /** Socket that registered last. */
  socketId: string;
  /** Payloads of all registrations, oldest first, with the time of their ack. */
  readonly registrations: { at: number; payload: Record<string, unknown> }[];
  /** Payloads of all heartbeats, oldest first. */
  readonly heartbeats: { at: number; payload: Record<string, unknown> }[];
  /** Of the last heartbeat. */
  runningTaskIds: number[];
  /** Times at which a socket of the device was lost. */
  readonly losses: number[];
}

/** Counters since the start. */
export interface StubStats {
  /** Connections to the namespace that were accepted. */
  connects: number;
  /** Reasons of refused connections. */
  refusals: string[];
  registrations: number;
  heartbeats: number;
  /** Response events applied. */
  events: number;
  duplicates: number;
  gaps: number;
  /** Response events answered with an error. */
  rejected: number;
  /** UTF-16 units of text in applied deltas. */
  textUnits: number;
  /** Longest frame received, in code points. */
  longestFrame: number;
  /** Connections closed for a frame above the limit. */
  oversized: number;
  /** Of the first and last applied response event; 0 when there was none. */
  firstEventAt: number;
  lastEventAt: number;
  byEvent: Record<string, number>;
}

/** Payloads with the bounds the backend checks; written apart from the product's own schemas. */
export const registration = z.looseObject({
  device_id: z.string().min(1).max(100),
  name: z.string().min(1).max(100),
  device_type: z.enum(["local", "cloud", "remote"]).default("local"),
  bind_shell: z.enum(["claudecode", "openclaw"]).default("claudecode"),
  executor_version: z.string().max(50).nullish(),
  client_ip: z.string().max(50).nullish(),
  runtime_transfer_host: z.string().max(255).nullish(),
  capabilities: z.array(z.string()).nullish(),
});
export const heartbeat = z.looseObject({
  device_id: z.string(),
  running_task_ids: z.array(z.int()).default([]),
  executor_version: z.string().max(50).nullish(),
  capabilities: z.looseObject({}).nullish(),
  runtime_auth_files: z.looseObject({}).nullish(),
  runtime_transfer_host: z.string().max(255).nullish(),
});
export const envelope = z.looseObject({
  task_id: z.int().optional(),
  subtask_id: z.int().optional(),
  data: z.looseObject({}).optional(),
  session: z.string().optional(),
  seq: z.int().positive().optional(),
});
