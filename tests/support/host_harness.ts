/** Starts a real session host process with the real CLI and plays the daemon for it. */
import { alive, allProcesses, environmentOf } from "./processes.ts";
import {
  ATTACH_PROTOCOL,
  ATTACH_VERSION,
  type HostHello,
  type HostNotice,
  type HostSpec,
  JournalReader,
  type JournalRecord,
  type RunSpec,
} from "../../src/hosts/mod.ts";
import { selfCommand, signalProcess } from "../../src/platform/mod.ts";
import { join } from "../../src/platform/std/path.ts";
import { executeRequest, newResponseId } from "../../src/protocol/mod.ts";
import { claudeBinary } from "./claude_cli.ts";
import { poll, Pulse } from "./waiting.ts";

/** What a test may choose about a host. */
export interface HostOptions {
  readonly modelUrl: string;
  /** @default 600000 */
  readonly idleMs?: number;
  /** @default 300000 */
  readonly stallMs?: number;
  /** Whether model requests go through the host's forwarder. @default true */
  readonly forwardKeys?: boolean;
  /** Added to the host's environment. */
  readonly env?: Record<string, string>;
  /** Sandbox mode of the policy. @default "off" */
  readonly sandbox?: "off" | "workdir" | "required";
  /** Directory to go on with, from an earlier host. */
  readonly root?: string;
}

/** A connection of a daemon to a host. */
export class FakeDaemon {
  readonly notices: HostNotice[] = [];
  hello: HostHello | null = null;
  closed = false;
  readonly #pulse = new Pulse();

  private constructor(readonly conn: Deno.UnixConn) {}

  /** Attaches with `secret`. */
  static async attach(socket: string, secret: string): Promise<FakeDaemon> {
    const conn = await Deno.connect({ transport: "unix", path: socket });
    const daemon = new FakeDaemon(conn);
    daemon.#read();
    await daemon.send({
      protocol: ATTACH_PROTOCOL,
      version: ATTACH_VERSION,
      secret,
      last_seq: {},
    });
    await daemon.until(() => daemon.hello ?? daemon.closed, 5000, "the host's hello");
    return daemon;
  }

  async send(value: unknown): Promise<void> {
    const bytes = new TextEncoder().encode(JSON.stringify(value) + "\n");
    for (let n = 0; n < bytes.length;) n += await this.conn.write(bytes.subarray(n));
  }

  /** Waits for something that notices bring. */
  until<T>(probe: () => T | undefined | null | false, ms: number, what: string): Promise<T> {
    return this.#pulse.until(probe, ms, () => `${what}; got ${JSON.stringify(this.notices)}`);
  }

  detach(): void {
    if (!this.closed) this.conn.close();
    this.closed = true;
  }

  async #read(): Promise<void> {
    let rest = "";
    try {
      for await (const part of this.conn.readable.pipeThrough(new TextDecoderStream())) {
        const lines = (rest + part).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) {
          const value = JSON.parse(line);
          if (value.protocol) this.hello = value;
          else this.notices.push(value);
        }
        this.#pulse.beat();
      }
    } catch (error) {
      // Our own detach, or the end of the host; a test that needed more waits in vain and says so.
      if (!(error instanceof Error)) throw error;
    }
    this.closed = true;
    this.#pulse.beat();
  }
}

/** A running host. */
export class HostHarness {
  #daemon: FakeDaemon | null = null;
  #turns = 0;

  private constructor(
    readonly spec: HostSpec,
    readonly root: string,
    readonly child: Deno.ChildProcess,
    readonly pid: number,
    private readonly modelUrl: string,
    /** Milliseconds from spawn to the ready line. */
    readonly readyMs: number,
    private readonly ownsRoot: boolean,
  ) {}

  static async start(options: HostOptions): Promise<HostHarness> {
    const root = options.root ?? await Deno.makeTempDir({ prefix: "wegent-host-" });
    const spec = await prepare(root, options);
    const started = performance.now();
    const [command = "", ...args] = programCommand();
    const child = new Deno.Command(command, {
      args: [...args, "__host"],
      env: { HOME: join(root, "home"), DENO_DIR: denoDir(), ...options.env },
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
      detached: true,
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(JSON.stringify(spec) + "\n"));
    await writer.close();
    const line = await firstLine(child.stdout);
    const readyMs = performance.now() - started;
    const ready = JSON.parse(line);
    if (!ready.ready) throw new Error(`The host did not start: ${line}`);
    const owns = options.root === undefined;
    return new HostHarness(spec, root, child, ready.pid, options.modelUrl, readyMs, owns);
  }

  get workdir(): string {
    return this.spec.workdir;
  }
  get daemon(): FakeDaemon {
    if (!this.#daemon) throw new Error("Not attached");
    return this.#daemon;
  }

  async attach(): Promise<FakeDaemon> {
    return this.#daemon = await FakeDaemon.attach(this.spec.socket, this.spec.secret);
  }

  /** Hands a turn over; `more` is merged into the request. */
  async turn(prompt: string, more: Record<string, unknown> = {}): Promise<RunSpec> {
    const number = ++this.#turns;
    const id = `r${number}-${crypto.randomUUID().slice(0, 8)}`;
    const dir = join(this.root, "runs", id);
    await Deno.mkdir(dir, { recursive: true });
    const run: RunSpec = {
      id,
      dir,
      task_id: 7,
      subtask_id: 100 + number,
      response_id: newResponseId(),
      created_at: 1_767_600_000,
      builder: { text_offset: 0, tool_index: 1, terminal: false },
    };
    const request = executeRequest.parse({
      task_id: 7,
      subtask_id: run.subtask_id,
      prompt,
      bot: [{
        id: 1,
        agent_config: {
          env: {
            model: "claude",
            model_id: "claude-opus-4-8",
            api_key: "test-key-of-the-model",
            base_url: this.modelUrl,
            CLAUDE_CODE_MAX_RETRIES: "1",
          },
        },
      }],
      ...more,
    });
    await this.daemon.send({ cmd: "turn", run, request });
    return run;
  }

  /** Waits for a run's end and returns its journal. */
  async ended(run: RunSpec, ms = 30_000): Promise<JournalRecord[]> {
    await this.daemon.until(
      () =>
        this.daemon.notices.find((n) =>
          (n.notice === "tail" && n.run === run.id && n.ended) ||
          (n.notice === "turn_refused" && n.run === run.id)
        ),
      ms,
      `the end of ${run.id}; journal ${
        JSON.stringify(this.journal(run)).slice(-2000)
      }; log ${this.log}`,
    );
    return this.journal(run);
  }

  journal(run: RunSpec): JournalRecord[] {
    try {
      const reader = new JournalReader(join(run.dir, "journal.ndjson"));
      const records: JournalRecord[] = [];
      for (let part = reader.read(1 << 20); part.length > 0; part = reader.read(1 << 20)) {
        records.push(...part);
      }
      reader.close();
      return records;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  }

  /** Pid of the agent the host told last. */
  get agentPid(): number | null {
    for (const notice of this.daemon.notices.toReversed()) {
      if (notice.notice === "agent") return notice.pid;
    }
    return this.daemon.hello?.agent_pid ?? null;
  }

  /** Living processes with this host's mark. */
  marked(): number[] {
    return markedProcesses(this.spec.host);
  }

  /** Waits until the CLI has saved `text` in its transcript; it writes with a delay. */
  async saved(text: string): Promise<void> {
    const projects = join(this.workdir, ".claude/projects");
    await poll(
      () => readTree(projects).some((content) => content.includes(text)),
      5000,
      "the transcript",
    );
  }

  get log(): string {
    try {
      return Deno.readTextFileSync(join(this.spec.dir, "host.log"));
    } catch (error) {
      return String(error);
    }
  }

  /** Asks the host to end and waits for it. */
  async close(): Promise<void> {
    if (!this.#daemon || this.#daemon.closed) await this.attach();
    await this.daemon.send({ cmd: "close" });
    await this.gone();
  }

  async gone(ms = 8000): Promise<Deno.CommandStatus> {
    let status: Deno.CommandStatus | null = null;
    this.child.status.then((value) => status = value);
    return await poll(() => status, ms, () => `the end of the host; log ${this.log}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#daemon?.detach();
    signalProcess(this.pid, "SIGTERM");
    await this.gone();
    if (this.ownsRoot) await Deno.remove(this.root, { recursive: true });
  }
}

/** Text of all deltas of a journal. */
export function textOf(records: readonly JournalRecord[]): string {
  return records.filter(({ e }) => e === "response.output_text.delta")
    .map(({ d }) => String(d["delta"])).join("");
}

/** Reasoning of a journal. */
export function reasoningOf(records: readonly JournalRecord[]): string {
  return records.filter(({ e }) => e === "response.reasoning_summary_text.delta")
    .map(({ d }) => String(d["delta"])).join("");
}

const TERMINAL = new Set(["response.completed", "response.incomplete", "error"]);

/** Names of the terminal events of a journal; there must be exactly one, at the end. */
export function terminalsOf(records: readonly JournalRecord[]): string[] {
  return records.map(({ e }) => e).filter((e) => TERMINAL.has(e));
}

/** Living processes whose environment carries the mark of host `id`. */
export function markedProcesses(id: string): number[] {
  return allProcesses().map(({ pid }) => pid)
    .filter((pid) => environmentOf(pid).get("WEGENT_AGENT_MARK") === id && alive(pid));
}

async function prepare(root: string, options: HostOptions): Promise<HostSpec> {
  const host = `h${crypto.randomUUID().slice(0, 12)}`;
  const dir = join(root, "hosts", host);
  const workdir = join(root, "work");
  const sessionDir = join(root, "session");
  for (const path of [dir, workdir, sessionDir, join(root, "home"), join(root, "runs")]) {
    await Deno.mkdir(path, { recursive: true, mode: 0o700 });
  }
  const policy = join(dir, "policy.json");
  const box = { write: [root], read: [], denyRead: [], denyWrite: [] };
  await Deno.writeTextFile(
    policy,
    JSON.stringify({
      version: 1,
      mode: options.sandbox ?? "off",
      workdir: await Deno.realPath(workdir),
      roots: [await Deno.realPath(root)],
      boxes: { host: box, agent: box, prepare: box },
    }),
  );
  return {
    version: 1,
    host,
    dir,
    socket: join(dir, "host.sock"),
    secret: crypto.randomUUID() + crypto.randomUUID(),
    policy,
    runtime: "claude",
    task_id: 7,
    workdir: await Deno.realPath(workdir),
    session_dir: sessionDir,
    temp_dir: join(sessionDir, "tmp"),
    config_dir: join(workdir, ".claude"),
    agent_binary: await claudeBinary(),
    idle_ms: options.idleMs ?? 600_000,
    stall_ms: options.stallMs ?? 300_000,
    forward_keys: options.forwardKeys ?? true,
    self: programCommand(),
    workspace: {
      origin: "managed",
      clone: null,
      attachments_dir: join(workdir, "7:executor:attachments"),
      own_state: false,
      download_base: "",
      chat_path: null,
      earlier: { session_dir: sessionDir, config_dir: null, python: [] },
    },
  };
}

/** The compiled binary when `EXECUTOR_BINARY` names one, else the program from source. */
function programCommand(): string[] {
  const binary = Deno.env.get("EXECUTOR_BINARY");
  return binary ? [binary] : selfCommand();
}

/** The host has a home of its own, but Deno's cache is this process's. */
function denoDir(): string {
  return Deno.env.get("DENO_DIR") ?? join(
    Deno.env.get("XDG_CACHE_HOME") ?? join(Deno.env.get("HOME") ?? "", ".cache"),
    "deno",
  );
}

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoderStream() as TransformStream<Uint8Array, string>;
  const reader = stream.pipeThrough(decoder).getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) break;
    text += value;
  }
  await reader.cancel();
  return text.split("\n")[0] ?? "";
}

function readTree(dir: string): string[] {
  try {
    return [...Deno.readDirSync(dir)].flatMap((entry) => {
      const path = join(dir, entry.name);
      return entry.isDirectory ? readTree(path) : [Deno.readTextFileSync(path)];
    });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
