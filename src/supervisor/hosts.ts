/**
 * Session hosts as the supervisor sees them: starting one through the launcher, finding those that
 * outlived the previous daemon, and carrying bytes between their sockets and the worker unread.
 */
import * as z from "zod";
import type { AdoptedHost } from "../device/mod.ts";
import {
  ATTACH_MAX_LINE,
  ATTACH_OLDEST,
  ATTACH_PROTOCOL,
  ATTACH_VERSION,
  type HostCommand,
  hostHello,
  type HostSpec,
} from "../hosts/mod.ts";
import {
  AppError,
  ensurePrivateDir,
  type Logger,
  parseJson,
  processStartTime,
  readTextIfExists,
  removeIfExists,
  sameProcessAlive,
  signalProcess,
  sweepMarked,
  writeFileAtomic,
} from "../platform/mod.ts";
import { dirname, join } from "../platform/std/path.ts";
import { type SessionUsage, usageOf } from "./usage.ts";
import { spawnHost } from "./host_process.ts";
import type { WaitingSession } from "./memory_watch.ts";
import { newSecret, readLine, socketPath, writeAll } from "./sockets.ts";

const ATTACH_MS = 5000;
/** Longest time for clearing up after the hosts of a daemon that stops. */
const SETTLE_MS = 3000;

/** What the supervisor remembers of a host on disk, beside what the host writes itself. */
const hostRecord = z.looseObject({
  version: z.literal(1),
  host: z.string(),
  pid: z.number().int().positive(),
  start_time: z.string(),
  /** 0: a spare. */
  task_id: z.number().int().nonnegative(),
  key: z.string(),
  workdir: z.string(),
  socket: z.string(),
  /** Directory that is only this host's and goes with it; null: none. */
  own_dir: z.string().nullable().default(null),
  /** Its agent's temporary files, which a host that was killed leaves behind. */
  temp_dir: z.string().nullable().default(null),
});
type HostRecord = z.infer<typeof hostRecord>;

/** A live, attached host. */
interface LiveHost {
  readonly conn: Deno.UnixConn;
  record: HostRecord;
  hello: AdoptedHost;
  /** Writes to the socket, one after the other. */
  writing: Promise<void>;
  /** When its last bytes came, in milliseconds. */
  lastSign: number;
  /** We let go of it ourselves: its connection's end says nothing about the host. */
  released: boolean;
}

/** Where bytes and ends of hosts go. */
export interface HostEvents {
  onData(hostId: string, bytes: Uint8Array): void;
  onClosed(hostId: string): void;
}

/** Everything about a new host that the caller decides. */
export interface HostPlan {
  readonly hostId: string;
  readonly taskId: number;
  readonly key: string;
  readonly workdir: string;
  /** Directory that is only this host's; removed when it has ended. */
  readonly ownDir: string | null;
  /** Argv of the host, launcher included. */
  readonly command: readonly string[];
  /** The spec without what this module fills in. */
  readonly spec: Pick<
    HostSpec,
    | "policy"
    | "runtime"
    | "session_dir"
    | "config_dir"
    | "agent_binary"
    | "idle_ms"
    | "stall_ms"
    | "self"
    | "temp_dir"
    | "forward_keys"
    | "workspace"
  >;
}

/** One host as `status` shows it. */
export interface HostStatus {
  readonly host: string;
  readonly pid: number;
  readonly task_id: number;
  readonly workdir: string;
  readonly usage: SessionUsage | null;
}

/** See the module comment. */
export class HostManager {
  readonly #live = new Map<string, LiveHost>();
  /** Ends that are still being cleared up. */
  readonly #settling = new Set<Promise<void>>();

  constructor(
    private readonly hostsDir: string,
    private readonly events: HostEvents,
    private readonly log: Logger,
  ) {
    ensurePrivateDir(hostsDir);
  }

  /** The directory of host `id`. */
  dir(id: string): string {
    return join(this.hostsDir, id);
  }

  /** Live host of a session in a directory, if there is one. */
  find(
    taskId: number,
    key: string,
  ): { hello: AdoptedHost; workdir: string } | null {
    for (const host of this.#live.values()) {
      if (host.record.task_id === taskId && host.record.key === key) {
        return { hello: host.hello, workdir: host.record.workdir };
      }
    }
    return null;
  }

  /** Live hosts with what they and everything below them use (null where that is not known). */
  list(): HostStatus[] {
    const records = [...this.#live.values()].map(({ record }) => record);
    const usage = usageOf(records.map(({ pid }) => pid));
    return records.map(({ host, pid, task_id, workdir }) => ({
      host,
      pid,
      task_id,
      workdir,
      usage: usage?.get(pid) ?? null,
    }));
  }

  /** Live hosts, and when each last said anything; those without a task wait for one. */
  waiting(): WaitingSession[] {
    return [...this.#live.values()].map(({ record, lastSign }) => ({
      hostId: record.host,
      spare: record.task_id === 0,
      lastSign,
    }));
  }

  /** Asks a host to end if no turn runs in it. */
  retire(hostId: string): void {
    const command: HostCommand = { cmd: "retire" };
    this.send(hostId, JSON.stringify(command) + "\n");
  }

  /** Attaches to every host that is still alive and clears away what dead ones left. */
  async adopt(): Promise<AdoptedHost[]> {
    const names = [...Deno.readDirSync(this.hostsDir)].filter((e) => e.isDirectory).map((e) =>
      e.name
    );
    const adopted = await Promise.all(
      names.map((name) => this.#adoptOne(name)),
    );
    return adopted.filter((host) => host !== null);
  }

  async #adoptOne(name: string): Promise<AdoptedHost | null> {
    const text = readTextIfExists(join(this.dir(name), "record.json"));
    const parsed = hostRecord.safeParse(text ? parseJson(text) : null);
    const secret = readTextIfExists(join(this.dir(name), "secret"));
    const alive = parsed.success && secret &&
      await sameProcessAlive(parsed.data.pid, parsed.data.start_time);
    // A spare without a task is of no use to a daemon that does not know what it was started for.
    if (alive && parsed.data.task_id === 0) await this.#killProcess(parsed.data);
    if (!alive || parsed.data.task_id === 0) {
      // Its agent may have outlived it: a command does not notice that nobody listens any more.
      sweepMarked(name);
      await this.#forget(name, parsed.data ?? null);
      return null;
    }
    try {
      return (await this.#attach(parsed.data, secret)).hello;
    } catch (error) {
      this.log.warn(
        "A session host is alive but cannot be attached; it finishes by itself",
        {
          host: name,
          error,
        },
      );
      return null;
    }
  }

  /**
   * Starts a host and attaches to it.
   *
   * @throws {AppError} `host_start_failed`, or the host's or launcher's own error.
   */
  async start(plan: HostPlan): Promise<AdoptedHost> {
    const dir = this.dir(plan.hostId);
    const secret = newSecret();
    const socket = await socketPath(dir, "host.sock");
    writeFileAtomic(join(dir, "secret"), secret, { sync: false });
    const spec: HostSpec = {
      version: 1,
      host: plan.hostId,
      dir,
      socket,
      secret,
      task_id: plan.taskId,
      workdir: plan.workdir,
      ...plan.spec,
    };
    const pid = await spawnHost(plan.command, spec);
    const startTime = await processStartTime(pid);
    if (!startTime) {
      throw new AppError("host_start_failed", "The session host ended at once");
    }
    const record: HostRecord = {
      version: 1,
      host: plan.hostId,
      pid,
      start_time: startTime,
      task_id: plan.taskId,
      key: plan.key,
      workdir: plan.workdir,
      socket,
      own_dir: plan.ownDir,
      temp_dir: plan.spec.temp_dir,
    };
    writeFileAtomic(join(dir, "record.json"), JSON.stringify(record), { sync: false });
    return (await this.#attach(record, secret)).hello;
  }

  async #attach(record: HostRecord, secret: string): Promise<LiveHost> {
    const conn = await Deno.connect({ transport: "unix", path: record.socket });
    try {
      const hello = {
        protocol: ATTACH_PROTOCOL,
        version: ATTACH_VERSION,
        secret,
        last_seq: {},
      };
      await writeAll(
        conn,
        new TextEncoder().encode(JSON.stringify(hello) + "\n"),
      );
      const answer = await readLine(conn, ATTACH_MAX_LINE, ATTACH_MS);
      if (!answer) throw new Error("The host closed the connection");
      const { version, runs, agent_pid } = hostHello.parse(
        JSON.parse(answer.line),
      );
      if (version < ATTACH_OLDEST) {
        throw new Error(`The host speaks version ${version}`);
      }
      const host: LiveHost = {
        record,
        conn,
        hello: {
          hostId: record.host,
          taskId: record.task_id,
          key: record.key,
          runs,
          agentPid: agent_pid,
        },
        writing: Promise.resolve(),
        lastSign: Date.now(),
        released: false,
      };
      this.#live.set(record.host, host);
      this.#pump(host, answer.rest);
      return host;
    } catch (error) {
      conn.close();
      throw error;
    }
  }

  /** Carries the host's bytes to the worker until the connection ends. */
  async #pump(host: LiveHost, rest: Uint8Array): Promise<void> {
    const id = host.record.host;
    try {
      if (rest.length) this.events.onData(id, rest);
      const buffer = new Uint8Array(64 * 1024);
      for (;;) {
        const n = await host.conn.read(buffer);
        if (n === null) break;
        host.lastSign = Date.now();
        this.events.onData(id, buffer.slice(0, n));
      }
    } catch (error) {
      if (!host.released) {
        this.log.debug("A host's connection broke", { host: id, error });
      }
    }
    if (host.released) return;
    closeQuietly(host.conn);
    this.#live.delete(id);
    const settled = this.#settle(host);
    this.#settling.add(settled);
    try {
      await settled;
    } finally {
      this.#settling.delete(settled);
    }
    this.events.onClosed(id);
  }

  /** A host whose connection ended has ended itself, or is of no use any more. */
  async #settle({ record }: LiveHost): Promise<void> {
    for (let i = 0; i < 20; i++) {
      if (!await sameProcessAlive(record.pid, record.start_time)) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    if (await sameProcessAlive(record.pid, record.start_time)) {
      await this.#killProcess(record);
    }
    await this.#forget(record.host, record);
  }

  /** Removes what a host left on disk; its socket may lie elsewhere, where paths are short. */
  async #forget(
    host: string,
    record: Pick<HostRecord, "own_dir" | "temp_dir"> | null,
  ): Promise<void> {
    const { own_dir: ownDir = null, temp_dir: tempDir = null } = record ?? {};
    if (ownDir !== null) removeIfExists(ownDir, { recursive: true });
    // The session may have another host already.
    const used = [...this.#live.values()].some((other) => other.record.temp_dir === tempDir);
    if (tempDir !== null && !used) removeIfExists(tempDir, { recursive: true });
    const socketDir = dirname(await socketPath(this.dir(host), "host.sock"));
    if (socketDir !== this.dir(host)) removeIfExists(socketDir, { recursive: true });
    removeIfExists(this.dir(host), { recursive: true });
  }

  /** Gives a spare host to a task. @returns Null when it has gone meanwhile. */
  assign(
    hostId: string,
    task: { taskId: number; sessionDir: string; attachmentsDir: string },
  ): AdoptedHost | null {
    const host = this.#live.get(hostId);
    if (!host) return null;
    const { taskId, sessionDir, attachmentsDir } = task;
    host.record = { ...host.record, task_id: taskId };
    host.hello = { ...host.hello, taskId };
    const path = join(this.dir(hostId), "record.json");
    writeFileAtomic(path, JSON.stringify(host.record), { sync: false });
    const command: HostCommand = {
      cmd: "assign",
      task_id: taskId,
      session_dir: sessionDir,
      attachments_dir: attachmentsDir,
    };
    this.send(hostId, JSON.stringify(command) + "\n");
    return host.hello;
  }

  /** Writes a line to a host; a host that is gone shows by its closed connection. */
  send(hostId: string, line: string): void {
    const host = this.#live.get(hostId);
    if (!host) return;
    const bytes = new TextEncoder().encode(line);
    host.writing = host.writing.then(() => writeAll(host.conn, bytes)).catch(
      (error) => {
        this.log.debug("Cannot write to a host", { host: hostId, error });
      },
    );
  }

  /** Ends a host and everything that carries its mark. */
  async kill(hostId: string): Promise<void> {
    const host = this.#live.get(hostId);
    if (host) await this.#killProcess(host.record);
  }

  async #killProcess(record: HostRecord): Promise<void> {
    if (await sameProcessAlive(record.pid, record.start_time)) {
      signalProcess(record.pid, "SIGTERM");
      for (
        let i = 0;
        i < 60 && await sameProcessAlive(record.pid, record.start_time);
        i++
      ) {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      if (await sameProcessAlive(record.pid, record.start_time)) {
        signalProcess(record.pid, "SIGKILL");
      }
    }
    sweepMarked(record.host);
  }

  /** Ends all hosts: first asked to close by the worker, then by signal. */
  async endAll(ms: number): Promise<void> {
    const deadline = Date.now() + ms;
    while (this.#live.size > 0 && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await Promise.all(
      [...this.#live.values()].map(({ record }) => this.#killProcess(record)),
    );
    // What they left on disk is removed before this process ends.
    await Promise.race([
      Promise.allSettled([...this.#settling]),
      new Promise((resolve) => setTimeout(resolve, SETTLE_MS)),
    ]);
  }

  /** Lets go of the hosts without ending them. */
  release(): void {
    for (const host of this.#live.values()) {
      host.released = true;
      closeQuietly(host.conn);
    }
    this.#live.clear();
  }
}

/** Closes a connection, unless that has happened. */
function closeQuietly(conn: Deno.UnixConn): void {
  try {
    conn.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
