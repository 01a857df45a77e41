/**
 * The attach protocol between a daemon and a session host: NDJSON over the host's local socket.
 *
 * The daemon's first line is {@link attachHello}; the host answers with {@link hostHello} or closes.
 * After that the daemon sends {@link hostCommand}s and the host sends {@link hostNotice}s. Events do
 * not travel here: the host appends them to the run's journal and says how far it has come, and the
 * daemon reads the journal from its own cursor. So live delivery and recovery are the same path.
 */
import * as z from "zod";
import { executeRequest, inputAdded, openTool, taskAnswer } from "../protocol/mod.ts";
import { RUNTIMES } from "../runtimes/mod.ts";

export const ATTACH_PROTOCOL = "wegent-session-host";
/** Version spoken by this build. */
export const ATTACH_VERSION = 1;
/** Oldest version a daemon of this build still serves. */
export const ATTACH_OLDEST = 1;

/** Longest line either side accepts, in bytes (a request may carry images). */
export const ATTACH_MAX_LINE = 64 * 1024 * 1024;

/** Daemon → host, first line. */
export const attachHello = z.looseObject({
  protocol: z.literal(ATTACH_PROTOCOL),
  version: z.number().int().min(1),
  /** Proves that the caller could read the host's owner-only secret file. */
  secret: z.string().min(16),
  /** By run: the last sequence number the daemon knows of. The host answers with tails beyond it. */
  last_seq: z.record(z.string(), z.number().int().nonnegative()).default({}),
});
export type AttachHello = z.infer<typeof attachHello>;

/** A run as the daemon hands it to a host. */
export const runSpec = z.looseObject({
  id: z.string().min(1).max(100),
  /** Directory of the run; the host appends to `journal.ndjson` in it. */
  dir: z.string(),
  task_id: z.number().int().positive(),
  subtask_id: z.number().int().positive(),
  response_id: z.string(),
  created_at: z.number().int(),
  /** {@link BuilderState} after the events the daemon has already journaled. */
  builder: z.looseObject({
    text_offset: z.number().int().nonnegative(),
    tool_index: z.number().int().positive(),
    terminal: z.boolean(),
    open_tools: z.array(openTool).optional(),
  }),
});
export type RunSpec = z.infer<typeof runSpec>;

/** Daemon → host. */
export const hostCommand = z.discriminatedUnion("cmd", [
  /** Starts a turn; refused with a `turn_refused` notice while another one runs. */
  z.looseObject({
    cmd: z.literal("turn"),
    run: runSpec,
    request: executeRequest,
  }),
  /** Interrupts the run (ends it with `response.incomplete`); unknown runs are ignored. */
  z.looseObject({ cmd: z.literal("cancel"), run: z.string() }),
  /** A message to the run while it goes on; one that comes too late is ignored. */
  z.looseObject({ cmd: z.literal("steer"), run: z.string(), input: inputAdded }),
  /** The person's answer to a question of the run's agent; one that is not open is ignored. */
  z.looseObject({ cmd: z.literal("answer"), run: z.string(), answer: taskAnswer }),
  /** Ends the run at once with `error`, for a daemon that shuts down. */
  z.looseObject({
    cmd: z.literal("abort"),
    run: z.string(),
    message: z.string(),
    code: z.string(),
  }),
  /** Starts the agent of a spare host before a turn comes; the prompt does not count. */
  z.looseObject({ cmd: z.literal("warm"), request: executeRequest }),
  /** Makes a spare host that of a task. */
  z.looseObject({
    cmd: z.literal("assign"),
    task_id: z.number().int().positive(),
    session_dir: z.string(),
    attachments_dir: z.string(),
  }),
  /** Ends the host if no turn runs: its memory is needed. */
  z.looseObject({ cmd: z.literal("retire") }),
  /** Ends the agent process and, when idle, the host itself. */
  z.looseObject({ cmd: z.literal("close") }),
  z.looseObject({ cmd: z.literal("ping"), id: z.number().int() }),
]);
export type HostCommand = z.infer<typeof hostCommand>;

/** Host → daemon, first line. */
export const hostHello = z.looseObject({
  protocol: z.literal(ATTACH_PROTOCOL),
  version: z.number().int().min(1),
  host: z.string(),
  pid: z.number().int().positive(),
  /** Pid of the live agent process, if there is one. */
  agent_pid: z.number().int().positive().nullable(),
  /** Runs this host is executing (at most one) or has executed and still remembers. */
  runs: z.array(z.looseObject({
    id: z.string(),
    seq: z.number().int().nonnegative(),
    bytes: z.number().int().nonnegative(),
    ended: z.boolean(),
    /** Questions of it that wait for the person. */
    asking: z.number().int().nonnegative().default(0),
  })),
});
export type HostHello = z.infer<typeof hostHello>;

/** Host → daemon. */
export const hostNotice = z.discriminatedUnion("notice", [
  /** The journal of `run` now ends here; `ended` once its terminal event is in it. */
  z.looseObject({
    notice: z.literal("tail"),
    run: z.string(),
    seq: z.number().int().nonnegative(),
    bytes: z.number().int().nonnegative(),
    ended: z.boolean(),
  }),
  z.looseObject({
    notice: z.literal("turn_refused"),
    run: z.string(),
    code: z.string(),
    message: z.string(),
  }),
  /** So many questions of the run wait for the person now. */
  z.looseObject({
    notice: z.literal("asking"),
    run: z.string(),
    open: z.number().int().nonnegative(),
  }),
  /** The agent process started or ended. */
  z.looseObject({
    notice: z.literal("agent"),
    pid: z.number().int().positive().nullable(),
  }),
  z.looseObject({ notice: z.literal("pong"), id: z.number().int() }),
]);
export type HostNotice = z.infer<typeof hostNotice>;

/** How the workspace is prepared before a turn. */
export const workspaceSpec = z.looseObject({
  /** What chose the directory: `session`, `project`, `bot`, `chat`, `clone` or `managed`. */
  origin: z.enum(["session", "project", "bot", "chat", "clone", "managed"]),
  /** Repository to clone into the workdir or to find there. */
  clone: z.looseObject({ url: z.string(), branch: z.string().nullable() }).nullable(),
  /** Parent of one directory for each turn. */
  attachments_dir: z.string(),
  /** `.wegent` in the workdir holds the session's things. */
  own_state: z.boolean(),
  /** Server to download from when the request names none. */
  download_base: z.string(),
  /** Path reported to the server for a standalone chat. */
  chat_path: z.string().nullable(),
  /** Where records of what turns changed are kept; absent: none are made. */
  artifacts_dir: z.string().optional(),
  /** The owner trusts what lies in the directory: its `.mcp.json` is used. @default false */
  trusted: z.boolean().optional(),
  /** Other agents' instruction files that are brought to Claude Code's attention. */
  instruction_files: z.array(z.string()).optional(),
  /** The task's directory below the workspace root, where the session has one beside its workdir. */
  task_dir: z.string().optional(),
  /** A script of the owner that runs before each turn. */
  hook: z.looseObject({ script: z.string(), timeout_ms: z.number().positive() }).optional(),
  /** Where an earlier version, or Wegent's own executor, kept the session. */
  earlier: z.looseObject({
    session_dir: z.string(),
    config_dir: z.string().nullable(),
    python: z.array(z.string()),
  }),
});
export type WorkspaceSpec = z.infer<typeof workspaceSpec>;

/**
 * What the supervisor writes to a new host's standard input: one JSON line. The host answers with one
 * line on standard output, {@link hostReady}, once its socket accepts connections.
 */
export const hostSpec = z.looseObject({
  version: z.literal(1),
  host: z.string(),
  /** The host's own directory: socket, secret, `host.json`, log. */
  dir: z.string(),
  socket: z.string(),
  secret: z.string(),
  /** File with the sandbox policy, for starting the agent in the narrower box. */
  policy: z.string(),
  runtime: z.enum(RUNTIMES),
  /** 0: a spare, which gets its task later. */
  task_id: z.number().int().nonnegative(),
  workdir: z.string(),
  /** Where the agent's session id is kept. */
  session_dir: z.string(),
  /** Private directory for temporary files. */
  temp_dir: z.string(),
  workspace: workspaceSpec,
  /** `CLAUDE_CONFIG_DIR`, or null to use the owner's own (`~/.claude`). */
  config_dir: z.string().nullable(),
  /** Absolute path of the agent's CLI. */
  agent_binary: z.string(),
  /** Ends the host when no turn has run for so long. */
  idle_ms: z.number().int().positive(),
  /** Fails a turn when the model has sent nothing for so long while no tool runs. */
  stall_ms: z.number().int().positive(),
  /** The agent gets keys of its session instead of the real ones, where that is possible. @default true */
  forward_keys: z.boolean().optional(),
  /** How this program re-runs itself, for the launcher: argv prefix. */
  self: z.array(z.string()).min(1),
});
export type HostSpec = z.infer<typeof hostSpec>;

/** First and only line of a host on standard output. */
export const hostReady = z.union([
  z.looseObject({ ready: z.literal(true), pid: z.number().int().positive() }),
  z.looseObject({
    ready: z.literal(false),
    error: z.looseObject({
      code: z.string(),
      message: z.string(),
      remedy: z.string().optional(),
    }),
  }),
]);
export type HostReady = z.infer<typeof hostReady>;
