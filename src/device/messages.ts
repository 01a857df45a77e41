/**
 * What the supervisor and the device worker say to each other over `postMessage`.
 *
 * The worker handles data from the network and holds few rights; the supervisor holds them all. So
 * the supervisor parses every message of the worker with these schemas, and the requests are small
 * and typed: a kind, a session, a policy and a path, never a command line.
 */
import * as z from "zod";
import { runExtension, type WorkdirEvent, type WorkdirFacts } from "../protocol/mod.ts";
import { RUNTIMES } from "../runtimes/mod.ts";

/** Everything the worker is told at start; the credential comes this way because it may not read it. */
export interface WorkerInit {
  readonly backendUrl: string;
  readonly authToken: string;
  readonly deviceId: string;
  readonly deviceName: string;
  readonly deviceType: string;
  readonly bindShell: string;
  readonly version: string;
  readonly slots: number;
  readonly heartbeatMs: number;
  readonly reconnect: { readonly firstMs: number; readonly maxMs: number };
  readonly journalDays: number;
  readonly runsDir: string;
  readonly doneDir: string;
  /** The list of tasks and their transcripts (SQLite). */
  readonly tasksFile: string;
  /** Encrypts requests that are kept for later turns; it lies where neither worker nor agents can read. */
  readonly sealKey: Uint8Array;
  /** Touched every second while tasks wait for a slot. */
  readonly aliveFile: string;
  /** What the registration says of the sandbox, such as `landlock` or `none`. */
  readonly sandbox: string;
  /** Proxy for the connection to the server, if one applies. */
  readonly proxyUrl: string | null;
  /** Trusted certificates (PEM) beyond the built-in ones, for `https` and `wss`. */
  readonly caCerts: readonly string[];
  /** How long the device was away before this start, as far as is known; 0 when it was not. */
  readonly awayMs: number;
  /** Hosts that outlived the previous daemon. */
  readonly hosts: readonly AdoptedHost[];
  /** Where sessions may work and have worked. */
  readonly workdirs: WorkdirFacts;
  /** Paths a self-check tries to reach; none of them may be reachable. */
  readonly forbidden: { readonly config: string; readonly home: string };
}

/** A host found alive at start. */
export interface AdoptedHost {
  readonly hostId: string;
  readonly taskId: number;
  readonly key: string;
  /** Runs it knows: its hello. */
  readonly runs: readonly { id: string; seq: number; ended: boolean; asking: number }[];
  readonly agentPid: number | null;
}

/** Supervisor → worker. */
export type ToWorker =
  | { t: "init"; init: WorkerInit }
  /** Bytes from a host's socket, unread. */
  | { t: "host.data"; hostId: string; bytes: Uint8Array }
  | { t: "host.closed"; hostId: string }
  | {
    t: "host.started";
    id: number;
    host: AdoptedHost;
    where: WorkdirEvent;
  }
  /** What the start of a host waits for, in words for people. */
  | { t: "host.note"; id: number; text: string }
  | {
    t: "host.failed";
    id: number;
    error: { code: string; message: string; remedy?: string };
  }
  /** A spare for the next session like that of host `like`; it is to be told for what. */
  | { t: "spare.started"; like: string; hostId: string }
  | { t: "status"; id: number }
  /** What has changed since the first message or the last of these. */
  | { t: "workdirs"; facts: WorkdirFacts }
  | { t: "directory.opened"; id: number; error: string | null }
  | { t: "extension.ended"; id: number; answer: Readonly<Record<string, unknown>> }
  | { t: "selfcheck"; id: number; otherPort: number }
  /** No new work; end what runs after the grace and deliver its terminal events. */
  | { t: "drain"; id: number; graceMs: number };

const path = z.string().max(8192).nullable();

/** What a turn says of its directory, as it came from the server; the supervisor decides. */
export const directoryWish = z.object({
  device_id: z.string().max(200).nullable(),
  workdir: path,
  workdir_policy: z.string().max(100).nullable(),
  git_url: z.string().max(2048).nullable(),
  branch: z.string().max(255).nullable(),
  skip_clone: z.boolean(),
  project_id: z.number().int().nullable(),
  workspace_source: z.string().max(100).nullable(),
  project_path: path,
  bot_cwd: path,
  standalone_chat: z.boolean(),
  /** Name for the directory of a standalone chat. */
  chat_name: z.string().regex(/^[\p{L}\p{N}\p{M}-]{1,60}$/u),
});
export type DirectoryWish = z.infer<typeof directoryWish>;

/** Request for a session host: the supervisor resolves the directory and starts the process. */
export const hostStart = z.object({
  t: z.literal("host.start"),
  id: z.number().int(),
  kind: z.literal("agent"),
  runtime: z.enum(RUNTIMES),
  task_id: z.number().int().positive(),
  /** Distinguishes sessions of one task, such as different bots; letters, digits, `-` and `_`. */
  key: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
  /** True when the agent uses its owner's own configuration directory. */
  own_config: z.boolean(),
  /** True when it works with its owner's own login. */
  own_login: z.boolean(),
  directory: directoryWish,
});
export type HostStart = z.infer<typeof hostStart>;

const count = z.number().int().nonnegative();

/** State of the device as the worker sees it, for `status`. */
export const workerStatus = z.object({
  connected: z.boolean(),
  registered: z.boolean(),
  server: z.string(),
  features: z.array(z.string()),
  last_error: z.string().nullable(),
  reconnects: count,
  slots: z.object({ used: count, max: count, queued: count }),
  tasks: z.array(z.object({
    task_id: z.number().int(),
    subtask_id: z.number().int(),
    state: z.string(),
    workdir: z.string().nullable(),
    /** Why it is not the directory that was asked for. */
    notice: z.string().nullable(),
    host: z.string().nullable(),
  })).max(1000),
  outbox: z.object({ runs: count, undelivered: count }),
});
export type WorkerStatus = z.infer<typeof workerStatus>;

/** One attempt of a self-check and what came of it. */
export const selfcheckRow = z.object({
  attempt: z.string(),
  /** `NotCapable` when the permission was refused, `allowed`, or the error's name. */
  outcome: z.string(),
  detail: z.string(),
});
export type SelfcheckRow = z.infer<typeof selfcheckRow>;

/** Worker → supervisor. */
export const fromWorker = z.discriminatedUnion("t", [
  z.object({ t: z.literal("ready") }),
  hostStart,
  /** Asks for a spare like the session of this host. */
  z.object({ t: z.literal("host.spare"), like: z.string() }),
  /** A line for a host's socket. */
  z.object({ t: z.literal("host.send"), hostId: z.string(), line: z.string() }),
  /** Ends a host and everything it runs. */
  z.object({ t: z.literal("host.kill"), hostId: z.string() }),
  z.object({
    t: z.literal("status"),
    id: z.number().int(),
    status: workerStatus,
  }),
  z.object({
    t: z.literal("selfcheck"),
    id: z.number().int(),
    rows: z.array(selfcheckRow),
  }),
  z.object({ t: z.literal("drained"), id: z.number().int() }),
  /** Shows a directory on the desktop of this device. */
  z.object({
    t: z.literal("directory.open"),
    id: z.number().int(),
    path: z.string().min(1).max(4096),
  }),
  /** Runs a skill's script in a task's directory. */
  z.object({ t: z.literal("extension.run"), id: z.number().int(), request: runExtension }),
  /** First registration after the start (and each later one). */
  z.object({ t: z.literal("registered"), server: z.string() }),
  /** The server refuses the credential; the worker goes on trying. */
  z.object({ t: z.literal("auth_refused"), message: z.string() }),
  z.object({
    t: z.literal("log"),
    level: z.enum(["debug", "info", "warn", "error"]),
    message: z.string().max(4000),
    fields: z.record(z.string(), z.unknown()),
  }),
]);
export type FromWorker = z.infer<typeof fromWorker>;
