/**
 * The session host: the process that owns one agent session. It outlives the daemon; what it does for a
 * run is in the run's journal, and a daemon that attaches is told how far that has come.
 */
import {
  AppError,
  errorText,
  Logger,
  processStartTime,
  removeIfExists,
  toAppError,
  VERSION,
  writeFileAtomic,
} from "../platform/mod.ts";
import { join } from "../platform/std/path.ts";
import type { ErrorCode, ExecuteRequest } from "../protocol/mod.ts";
import { KeyForwarder } from "../runtimes/forwarder/mod.ts";
import { type Runtime, runtimeOf } from "../runtimes/mod.ts";
import { AgentKeeper } from "./agent_keeper.ts";
import {
  ATTACH_VERSION,
  type HostCommand,
  type HostHello,
  type HostReady,
  type HostSpec,
  hostSpec,
} from "./attach_protocol.ts";
import { AttachServer } from "./attach_server.ts";
import { ChangeTracker } from "./file_changes.ts";
import type { JournalTail } from "./journal.ts";
import { becomeSubreaper } from "./processes.ts";
import { rehearse } from "./rehearsal.ts";
import { readFirstLine, redirectOutput } from "./standard_streams.ts";
import { planTurn, Turn } from "./turn.ts";
import { gitVariables, Workspace } from "./workspace.ts";

/** The spec must arrive within this time. */
const SPEC_MS = 10_000;
const SPEC_MAX_BYTES = 1024 * 1024;
/** Ended runs a host still tells about. */
const REMEMBERED_RUNS = 32;
/** How often orphans that ended are collected while an agent lives. */
const REAP_MS = 30_000;
/** After the start of a spare agent, which has the processor to itself first. */
const REHEARSE_MS = 500;
/** Time for the last notices to reach the daemon. */
const FLUSH_MS = 500;

type KnownRun = HostHello["runs"][number];

/**
 * Runs a session host: reads its {@link HostSpec} from standard input, answers one {@link HostReady}
 * line and serves until it is idle for too long, closed, or stopped by SIGTERM.
 *
 * @returns Exit status of the process.
 */
export async function runSessionHost(): Promise<number> {
  let host: SessionHost;
  try {
    const line = await readFirstLine(SPEC_MAX_BYTES, SPEC_MS);
    const spec = parseSpec(line);
    host = new SessionHost(spec, await runtimeOf(spec.runtime));
    await host.open();
    answer({ ready: true, pid: Deno.pid });
    redirectOutput(join(spec.dir, "host.log"));
  } catch (error) {
    answer({ ready: false, error: { ...toAppError(error, "host_start_failed").toJSON() } });
    return 1;
  }
  return await host.serve();
}

function parseSpec(line: string): HostSpec {
  let value: unknown = null;
  try {
    value = JSON.parse(line);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  const parsed = hostSpec.safeParse(value);
  if (parsed.success) return parsed.data;
  const path = parsed.error.issues[0]?.path.join(".");
  throw new AppError(
    "host_spec_invalid",
    `Cannot read the session host's specification${path ? ` at "${path}"` : ""}`,
  );
}

function answer(ready: HostReady): void {
  Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(ready) + "\n"));
}

/** See the module comment. */
class SessionHost {
  readonly #log: Logger;
  readonly #server: AttachServer;
  readonly #keeper: AgentKeeper;
  readonly #workspace: Workspace;
  readonly #forwarder: KeyForwarder | null;
  readonly #changes: ChangeTracker;
  readonly #runs = new Map<string, KnownRun>();
  readonly #ended = Promise.withResolvers<void>();
  #turn: Turn | null = null;
  #executing: Promise<void> = Promise.resolve();
  #closing = false;
  #idleTimer: ReturnType<typeof setTimeout> | null = null;

  constructor(private readonly spec: HostSpec, private readonly runtime: Runtime) {
    this.#log = new Logger({ file: join(spec.dir, "host.log"), maxBytes: 2_000_000, backups: 1 });
    this.#log.mask(spec.secret);
    this.#server = new AttachServer(spec.socket, spec.secret, {
      facts: () => ({
        host: spec.host,
        pid: Deno.pid,
        agent_pid: this.#keeper.pid,
        runs: [...this.#runs.values()],
      }),
      onCommand: (command) => this.#command(command),
      onBadTurn: (run, message) => this.#refuse(run, "invalid_payload", message),
    }, this.#log);
    this.#workspace = new Workspace(spec);
    this.#forwarder = spec.forward_keys === false ? null : new KeyForwarder({
      onFault: (message) => this.#log.warn("A request to the model failed", { message }),
    });
    this.#changes = new ChangeTracker(spec, this.#log);
    this.#keeper = new AgentKeeper(
      runtime,
      spec,
      this.#log,
      (pid) => this.#server.send({ notice: "agent", pid }),
    );
  }

  /** Takes the socket; from here on the host can be found. */
  async open(): Promise<void> {
    removeIfExists(this.spec.socket);
    this.#server.listen();
    writeFileAtomic(
      join(this.spec.dir, "host.json"),
      JSON.stringify({
        version: VERSION,
        protocol: ATTACH_VERSION,
        pid: Deno.pid,
        start_time: await processStartTime(Deno.pid),
        host: this.spec.host,
        task_id: this.spec.task_id,
        workdir: this.spec.workdir,
      }),
      { sync: false },
    );
  }

  async serve(): Promise<number> {
    const subreaper = becomeSubreaper();
    this.#log.info("Session host started", { pid: Deno.pid, version: VERSION, subreaper });
    const onRejection = (event: PromiseRejectionEvent) => {
      // A fault beside the turn must not take the turn down with it.
      event.preventDefault();
      this.#log.error("Unexpected fault", { error: errorText(event.reason) });
    };
    globalThis.addEventListener("unhandledrejection", onRejection);
    const signals: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGTERM", "SIGINT"];
    const onSignal = () => void this.#shutDown("signal");
    for (const signal of signals) Deno.addSignalListener(signal, onSignal);
    if (Deno.build.os !== "windows") Deno.addSignalListener("SIGHUP", ignore);
    const reaper = setInterval(() => this.#keeper.reap(), REAP_MS);
    this.#restartIdleTimer();
    await this.#ended.promise;
    clearInterval(reaper);
    this.#log.close();
    return 0;
  }

  // Commands ---------------------------------------------------------------------------------------

  #command(command: HostCommand): void {
    switch (command.cmd) {
      case "turn":
        return this.#startTurn(command);
      case "cancel":
        if (this.#turn?.run.id === command.run) this.#turn.end({ kind: "cancel" });
        return;
      case "steer":
        if (this.#turn?.run.id === command.run) this.#turn.steer(command.input);
        return;
      case "answer":
        if (this.#turn?.run.id === command.run) this.#turn.answer(command.answer);
        return;
      case "abort":
        if (this.#turn?.run.id !== command.run) return;
        return this.#turn.end({
          kind: "abort",
          message: command.message,
          code: command.code as ErrorCode,
        });
      case "warm":
        return void this.#warm(command.request);
      case "assign": {
        const { task_id, session_dir, attachments_dir } = command;
        Object.assign(this.spec, { task_id, session_dir });
        this.spec.workspace.attachments_dir = attachments_dir;
        return;
      }
      case "retire":
        return this.#turn ? undefined : void this.#shutDown("retired");
      case "close":
        return void this.#shutDown("close");
      case "ping":
        return this.#server.send({ notice: "pong", id: command.id });
    }
  }

  #startTurn({ run, request }: Extract<HostCommand, { cmd: "turn" }>): void {
    const known = this.#runs.get(run.id);
    if (known) return this.#server.send({ notice: "tail", run: known.id, ...known });
    if (this.#closing) return this.#refuse(run.id, "closing", "The session is being closed");
    if (this.#turn) {
      return this.#refuse(run.id, "busy", "Another turn of this conversation is still running");
    }
    let turn: Turn;
    try {
      turn = new Turn(run, request, {
        runtime: this.runtime,
        spec: this.spec,
        workspace: this.#workspace,
        keeper: this.#keeper,
        forwarder: this.#forwarder,
        changes: this.#changes,
        log: this.#log,
        onTail: (tail, ended) => this.#grew(run.id, tail, ended),
        onAsking: (open) => this.#asking(run.id, open),
      });
    } catch (error) {
      return this.#refuse(run.id, "journal", errorText(error));
    }
    this.#turn = turn;
    this.#stopIdleTimer();
    this.#runs.set(run.id, { id: run.id, seq: 0, bytes: 0, ended: false, asking: 0 });
    this.#executing = turn.execute().then(() => {
      if (this.#turn === turn) this.#turn = null;
      if (this.#turn === null) this.#restartIdleTimer();
    });
  }

  /** Nobody waits for a spare: a fault is logged, and the turn that comes tells its own. */
  async #warm(request: ExecuteRequest): Promise<void> {
    if (this.#turn || this.#closing) return;
    try {
      const plan = await planTurn(
        { runtime: this.runtime, spec: this.spec, forwarder: this.#forwarder },
        request,
        await gitVariables(request, Deno.env.toObject()),
      );
      this.#log.masker.add(plan.secrets);
      if (!this.#turn && !this.#closing) this.#keeper.warm(plan);
      setTimeout(() => void this.#rehearse(request), REHEARSE_MS);
    } catch (error) {
      this.#log.warn("Cannot start a spare agent", { error: errorText(error) });
    }
  }

  async #rehearse(request: ExecuteRequest): Promise<void> {
    if (this.#turn || this.#closing) return;
    try {
      await rehearse(request, { spec: this.spec, runtime: this.runtime, log: this.#log });
    } catch (error) {
      this.#log.warn("A rehearsal failed", { error: errorText(error) });
    }
  }

  #refuse(run: string, code: string, message: string): void {
    this.#log.warn("Refused a turn", { run, code, message });
    this.#server.send({ notice: "turn_refused", run, code, message });
  }

  #asking(id: string, open: number): void {
    const run = this.#runs.get(id);
    if (run) this.#runs.set(id, { ...run, asking: open });
    this.#server.send({ notice: "asking", run: id, open });
  }

  #grew(id: string, { seq, bytes }: JournalTail, ended: boolean): void {
    const run: KnownRun = { id, seq, bytes, ended, asking: this.#runs.get(id)?.asking ?? 0 };
    this.#runs.set(id, run);
    // The turn is over for the daemon as soon as it is told; it may send the next one at once.
    if (run.ended) this.#turn = null;
    if (this.#runs.size > REMEMBERED_RUNS) {
      const oldest = this.#runs.keys().next().value;
      if (oldest !== undefined) this.#runs.delete(oldest);
    }
    this.#server.send({
      notice: "tail",
      run: run.id,
      seq: run.seq,
      bytes: run.bytes,
      ended: run.ended,
    });
  }

  // The end ----------------------------------------------------------------------------------------

  #restartIdleTimer(): void {
    this.#stopIdleTimer();
    if (this.#closing) return;
    this.#idleTimer = setTimeout(() => void this.#shutDown("idle"), this.spec.idle_ms);
  }

  #stopIdleTimer(): void {
    if (this.#idleTimer !== null) clearTimeout(this.#idleTimer);
    this.#idleTimer = null;
  }

  /** Ends turn, agent and host; a signal does not wait for the agent's consent. */
  async #shutDown(reason: "idle" | "retired" | "close" | "signal"): Promise<void> {
    if (reason === "signal") this.#turn?.hurry();
    if (this.#closing) return;
    this.#closing = true;
    this.#stopIdleTimer();
    this.#log.info("Session host ends", { reason });
    this.#turn?.end(
      reason === "signal"
        ? { kind: "abort", code: "execution_error", message: "The session host was stopped" }
        : { kind: "cancel" },
    );
    try {
      await this.#executing;
      await this.#keeper.end(reason === "signal");
      await this.#keeper.sweep();
      await this.#changes.close();
      await this.#server.flush(FLUSH_MS);
    } finally {
      this.#leave();
      this.#ended.resolve();
    }
  }

  #leave(): void {
    this.#server.close();
    this.#forwarder?.close();
    this.#workspace.clear();
    for (const path of [this.spec.socket, join(this.spec.dir, "host.json")]) removeIfExists(path);
    try {
      removeIfExists(this.spec.dir, { recursive: true });
    } catch (error) {
      // The box lets a host empty its directory but not remove it; the supervisor does that.
      this.#log.debug("Directory of the host stays", { error: errorText(error) });
    }
  }
}

function ignore(): void {
  // A host has no terminal; a hang-up is meant for somebody else.
}
