/**
 * The life of runs on a device: accept, queue, start, cancel, end, deliver.
 *
 * Who writes a run's journal changes hands once: the device until the run is given to a host, then
 * the host; and the device again when that host is gone, to end the run with its one terminal event.
 */
import {
  ATTACH_PROTOCOL,
  type HostCommand,
  type HostNotice,
  hostNotice,
  JournalWriter,
  type RunSpec,
} from "../hosts/mod.ts";
import { type AppError, errorText } from "../platform/mod.ts";
import {
  type CancelRequest,
  executeIds,
  type ExecuteRequest,
  executeRequest,
  newResponseId,
  parsePayload,
  ResponseBuilder,
  type ResponseEvent,
} from "../protocol/mod.ts";
import { CancelMarks } from "./cancel_marks.ts";
import type { AdoptedHost, HostStart, WorkerStatus } from "./messages.ts";
import { type OutboxLink, RunDelivery } from "./outbox.ts";
import type { RunFile, RunStore } from "./run_store.ts";
import { Slots } from "./slots.ts";

/** How long a run may sit between cancel and its terminal event before its host is ended. */
const CANCEL_LIMIT_MS = 15_000;

/** A run in memory. */
interface Run {
  readonly file: RunFile;
  readonly subtaskId: number;
  readonly taskId: number;
  readonly request: ExecuteRequest | null;
  state: "queued" | "starting" | "running" | "ended";
  /** Set while the device itself writes the journal. */
  own: { writer: JournalWriter; builder: ResponseBuilder } | null;
  hostId: string | null;
  workdir: string | null;
  delivery: RunDelivery;
  cancelTimer: ReturnType<typeof setTimeout> | null;
}

interface HostState {
  readonly hostId: string;
  readonly taskId: number;
  readonly key: string;
  readonly workdir: string | null;
}

/** What the dispatcher needs from the worker around it. */
export interface DispatchSeam {
  readonly link: OutboxLink & { beat(): void };
  /** Asks the supervisor for a host; resolves when it is attached. */
  startHost(request: Omit<HostStart, "t" | "id">): Promise<StartedHost>;
  sendToHost(hostId: string, command: HostCommand): void;
  killHost(hostId: string): void;
  log(
    level: "debug" | "info" | "warn" | "error",
    message: string,
    fields?: Record<string, unknown>,
  ): void;
}

export interface StartedHost extends HostState {
  /** Said to the reader when the directory is not the one that was asked for. */
  readonly notice: string | null;
}

/** See the module comment. */
export class Dispatcher {
  readonly #runs = new Map<number, Run>();
  /** Undelivered runs whose subtask has been started again. */
  readonly #superseded = new Set<Run>();
  readonly #hosts = new Map<string, HostState>();
  readonly #slots: Slots<Run>;
  readonly #marks = new CancelMarks();
  #draining = false;
  #graceUntil = 0;

  constructor(
    private readonly store: RunStore,
    private readonly seam: DispatchSeam,
    slots: number,
  ) {
    this.#slots = new Slots<Run>(slots);
  }

  get runningTaskIds(): number[] {
    return this.#slots.runningTaskIds;
  }
  get queuedTaskIds(): number[] {
    return this.#slots.queuedTaskIds;
  }
  get slotMax(): number {
    return this.#slots.max;
  }

  /** Takes up the runs of the previous daemon; `hosts` are those still alive. */
  recover(hosts: readonly AdoptedHost[]): void {
    const alive = new Map<string, AdoptedHost>();
    for (const host of hosts) {
      this.#hosts.set(host.hostId, { ...host, workdir: null });
      for (const run of host.runs) if (!run.ended) alive.set(run.id, host);
    }
    const files = this.store.load((id, error) =>
      this.seam.log("error", "A run's directory is unreadable and left alone", {
        id,
        error: error.message,
      })
    );
    for (const file of files) {
      this.#recoverRun(file, alive.get(file.id) ?? null);
    }
    this.#schedule();
  }

  #recoverRun(file: RunFile, host: AdoptedHost | null): void {
    const { tail, builder } = this.store.summarize(file.id);
    const request = file.started ? null : this.store.request(file.id);
    const run = this.#track(file, request, tail.seq);
    if (host) {
      run.state = "running";
      run.hostId = host.hostId;
      this.#slots.hold(run);
      if (file.cancelled) this.#cancelInHost(run);
      return;
    }
    if (builder.terminal) {
      run.state = "ended";
      return;
    }
    if (!file.started && request && !file.cancelled) {
      run.own = this.#openOwn(file);
      this.#slots.enqueue(run);
      return;
    }
    if (file.cancelled) this.#endOwn(run, (b) => b.incomplete());
    else {
      this.#endOwn(
        run,
        (b) =>
          b.error(
            "The agent stopped while the device was restarting; send the message again to retry",
          ),
      );
    }
  }

  /**
   * Tells every run that the device is registered again.
   *
   * @param lastSeq What the server holds by run; null for a server that does not count.
   */
  registered(lastSeq: Readonly<Record<string, number>> | null): void {
    for (const run of this.#all()) {
      run.delivery.registered(lastSeq ? lastSeq[run.file.id] ?? 0 : null);
    }
  }

  /** Ends the runs that never started, because a server that fails them by itself is back too late. */
  failQueued(message: string): void {
    for (const run of this.#slots.queued) {
      this.#slots.release(run.subtaskId);
      this.#endOwn(run, (b) => b.error(message));
    }
  }

  /** `task:execute`. */
  execute(payload: unknown): void {
    let request: ExecuteRequest;
    try {
      request = parsePayload(executeRequest, payload, "task:execute");
    } catch (error) {
      const ids = executeIds.safeParse(payload);
      if (ids.success) {
        this.#refuse(ids.data.task_id, ids.data.subtask_id, errorText(error));
      }
      throw error;
    }
    const known = this.#runs.get(request.subtask_id);
    if (known && known.state !== "ended") {
      this.seam.log("info", "Ignored a task that is already here", {
        subtask: request.subtask_id,
      });
      return;
    }
    const run = this.#accept(request);
    if (this.#marks.take(request.task_id, request.subtask_id)) {
      this.#endOwn(run, (b) => b.incomplete());
      return;
    }
    if (this.#draining) {
      this.#endOwn(
        run,
        (b) => b.error("The device is shutting down; the task was not started"),
      );
      return;
    }
    this.#slots.enqueue(run);
    this.#schedule();
    if (run.state === "queued") this.#noteQueued(run);
    this.seam.link.beat();
  }

  /** `task:cancel`. */
  cancel({ task_id, subtask_id }: CancelRequest): void {
    const runs = [...this.#runs.values()].filter((run) =>
      run.state !== "ended" &&
      (subtask_id ? run.subtaskId === subtask_id : run.taskId === task_id)
    );
    if (runs.length === 0) {
      const ended = subtask_id && this.#runs.get(subtask_id);
      if (!ended) this.#marks.add(task_id, subtask_id ?? null);
      return;
    }
    for (const run of runs) this.#cancelRun(run);
    this.#schedule();
    this.seam.link.beat();
  }

  /** `task:close-session`: ends turns and agent of a task; its files stay. */
  closeSession(taskId: number): void {
    this.cancel({ task_id: taskId });
    this.#marks.take(taskId, 0);
    for (const host of this.#hosts.values()) {
      if (host.taskId === taskId) {
        this.seam.sendToHost(host.hostId, { cmd: "close" });
      }
    }
    this.seam.link.beat();
  }

  /** A line from a host. */
  hostNotice(hostId: string, line: unknown): void {
    const record = line as { protocol?: unknown };
    if (record?.protocol === ATTACH_PROTOCOL) return;
    const parsed = hostNotice.safeParse(line);
    if (!parsed.success) {
      this.seam.log("warn", "A host sent a line this version does not know", {
        hostId,
      });
      return;
    }
    this.#notice(hostId, parsed.data);
  }

  /** A host is gone: its unfinished run gets its one terminal event now. */
  hostClosed(hostId: string): void {
    this.#hosts.delete(hostId);
    for (const run of this.#runs.values()) {
      if (run.hostId !== hostId || run.state === "ended") continue;
      const { tail, builder } = this.store.summarize(run.file.id);
      run.delivery.grew(tail.seq);
      if (builder.terminal) this.#ended(run);
      else if (run.file.cancelled) this.#endOwn(run, (b) => b.incomplete());
      else {
        this.#endOwn(
          run,
          (b) =>
            b.error(
              "The process that ran the agent ended unexpectedly; send the message again to retry",
            ),
        );
      }
    }
  }

  /** Lets a running {@link drain} wait no longer than `graceMs` from now. */
  hurry(graceMs: number): void {
    this.#graceUntil = Math.min(this.#graceUntil, Date.now() + graceMs);
  }

  /** Stops taking work, ends what runs after `graceMs`, and waits until its events are delivered. */
  async drain(graceMs: number): Promise<void> {
    this.#graceUntil = Date.now() + graceMs;
    this.#draining = true;
    for (const run of this.#slots.queued) {
      this.#slots.release(run.subtaskId);
      this.#endOwn(
        run,
        (b) => b.error("The device was stopped before the task started"),
      );
    }
    await this.#until(
      () => this.#slots.running.length === 0 || Date.now() >= this.#graceUntil,
      graceMs,
    );
    for (const run of this.#slots.running) {
      if (run.hostId) {
        this.seam.sendToHost(run.hostId, {
          cmd: "abort",
          run: run.file.id,
          message: "The device was stopped while the task was running",
          code: "execution_error",
        });
      } else {this.#endOwn(run, (b) =>
          b.error("The device was stopped while the task was starting"));}
    }
    await this.#until(() => this.#slots.running.length === 0, 5000);
    for (const host of this.#hosts.values()) {
      this.seam.sendToHost(host.hostId, { cmd: "close" });
    }
    if (this.seam.link.registered) {
      await this.#until(
        () => [...this.#all()].every((r) => r.delivery.undelivered === 0),
        3000,
      );
    }
  }

  status(): Pick<WorkerStatus, "slots" | "tasks" | "outbox"> {
    const all = [...this.#all()];
    return {
      slots: {
        used: this.#slots.running.length,
        max: this.#slots.max,
        queued: this.#slots.queued.length,
      },
      tasks: all.filter((r) => r.state !== "ended").slice(0, 1000).map((
        run,
      ) => ({
        task_id: run.taskId,
        subtask_id: run.subtaskId,
        state: run.state,
        workdir: run.workdir,
        host: run.hostId,
      })),
      outbox: {
        runs: all.length,
        undelivered: all.reduce(
          (sum, run) => sum + run.delivery.undelivered,
          0,
        ),
      },
    };
  }

  // Accepting ------------------------------------------------------------------------------------

  #accept(request: ExecuteRequest): Run {
    const file: RunFile = {
      version: 1,
      id: `r${Date.now().toString(36)}-${crypto.randomUUID().slice(0, 12)}`,
      task_id: request.task_id,
      subtask_id: request.subtask_id,
      response_id: newResponseId(),
      created_at: Math.floor(Date.now() / 1000),
      started: false,
      cancelled: false,
    };
    this.store.create(file, request);
    const run = this.#track(file, request, 0);
    run.own = this.#openOwn(file);
    this.#write(run, run.own.builder.inProgress());
    return run;
  }

  /** A request whose ids are readable but whose rest is not still gets its one terminal event. */
  #refuse(taskId: number, subtaskId: number, message: string): void {
    const known = this.#runs.get(subtaskId);
    if (known && known.state !== "ended") return;
    const run = this.#accept(
      executeRequest.parse({ task_id: taskId, subtask_id: subtaskId }),
    );
    this.#endOwn(run, (b) => b.error(message));
  }

  #track(file: RunFile, request: ExecuteRequest | null, seq: number): Run {
    const previous = this.#runs.get(file.subtask_id);
    if (previous) this.#superseded.add(previous);
    const run: Run = {
      file,
      subtaskId: file.subtask_id,
      taskId: file.task_id,
      request,
      state: "queued",
      own: null,
      hostId: null,
      workdir: null,
      delivery: this.#newDelivery(file, () => this.#delivered(run)),
      cancelTimer: null,
    };
    this.#runs.set(file.subtask_id, run);
    run.delivery.grew(seq);
    return run;
  }

  #newDelivery(file: RunFile, onDelivered: () => void): RunDelivery {
    return new RunDelivery(
      {
        id: file.id,
        taskId: file.task_id,
        subtaskId: file.subtask_id,
        journal: this.store.journalPath(file.id),
      },
      this.seam.link,
      this.store.openCursor(file.id),
      this.store.readCursor(file.id),
      (end) => {
        if (end.outcome === "refused") {
          this.seam.log(
            "warn",
            "The server refuses a run's events; they stay on disk",
            {
              run: file.id,
              reason: end.reason,
            },
          );
        }
        onDelivered();
      },
      (message) => this.seam.log("debug", message),
    );
  }

  #noteQueued(run: Run): void {
    if (!run.own) return;
    const { running } = this.#slots;
    const sameTask = running.some((r) => r.taskId === run.taskId);
    const reason = sameTask
      ? "the previous turn of this conversation is still running"
      : `all ${this.#slots.max} slots of this device are in use`;
    this.#write(run, run.own.builder.reasoning(`Waiting: ${reason}.\n`));
  }

  // Starting -------------------------------------------------------------------------------------

  #schedule(): void {
    if (this.#draining) return;
    for (const run of this.#slots.next()) {
      run.state = "starting";
      this.#start(run).catch((error) => {
        this.seam.log("error", "Cannot start a run", {
          run: run.file.id,
          error: errorText(error),
        });
        this.#endOwn(run, (b) => b.error(startError(error), "init_error"));
      });
    }
  }

  async #start(run: Run): Promise<void> {
    const request = run.request;
    if (!request) throw new Error("The request of the task is gone");
    const started = await this.#hostFor(request);
    if (run.state === "ended") return;
    run.workdir = started.workdir;
    if (started.notice && run.own) {
      this.#write(run, run.own.builder.reasoning(started.notice + "\n"));
    }
    if (!this.#hosts.has(started.hostId)) {
      throw new Error("The session host ended while it started");
    }
    this.#handOver(run, request, started.hostId);
  }

  async #hostFor(request: ExecuteRequest): Promise<StartedHost> {
    const bot = request.bot[0];
    const ownLogin = !bot?.agent_config ||
      Object.keys(bot.agent_config).length === 0;
    const key = `b${bot?.id ?? 0}${ownLogin ? "-own" : ""}`;
    const started = await this.seam.startHost({
      kind: "agent",
      runtime: "claude",
      task_id: request.task_id,
      key,
      own_login: ownLogin,
      workdir: request.workdir ?? null,
      workdir_policy: request.workdir_policy ?? null,
    });
    this.#hosts.set(started.hostId, started);
    return started;
  }

  #handOver(run: Run, request: ExecuteRequest, hostId: string): void {
    const own = run.own;
    if (!own) throw new Error("The run is not the device's to give away");
    const spec: RunSpec = {
      id: run.file.id,
      dir: this.store.dir(run.file.id),
      task_id: run.taskId,
      subtask_id: run.subtaskId,
      response_id: run.file.response_id,
      created_at: run.file.created_at,
      builder: { ...own.builder.state },
    };
    own.writer.close();
    run.own = null;
    run.file.started = true;
    this.store.update(run.file);
    run.hostId = hostId;
    run.state = "running";
    this.seam.sendToHost(hostId, { cmd: "turn", run: spec, request });
    if (run.file.cancelled) this.#cancelInHost(run);
  }

  // Ending ---------------------------------------------------------------------------------------

  #cancelRun(run: Run): void {
    if (run.file.cancelled && run.state === "running") return;
    run.file.cancelled = true;
    this.store.update(run.file);
    if (run.state === "running") this.#cancelInHost(run);
    else {
      this.#slots.release(run.subtaskId);
      this.#endOwn(run, (b) => b.incomplete());
    }
  }

  #cancelInHost(run: Run): void {
    if (!run.hostId) return;
    const hostId = run.hostId;
    this.seam.sendToHost(hostId, { cmd: "cancel", run: run.file.id });
    run.cancelTimer ??= setTimeout(() => {
      if (run.state === "ended") return;
      this.seam.log(
        "warn",
        "A host did not end a cancelled run in time; ending the host",
        { hostId },
      );
      this.seam.killHost(hostId);
    }, CANCEL_LIMIT_MS);
  }

  #notice(hostId: string, notice: HostNotice): void {
    if (notice.notice !== "tail" && notice.notice !== "turn_refused") return;
    const run = [...this.#runs.values()].find((r) =>
      r.file.id === notice.run && r.hostId === hostId
    );
    if (!run || run.state === "ended") return;
    if (notice.notice === "turn_refused") {
      this.#endOwn(run, (b) => b.error(notice.message, "execution_error"));
      return;
    }
    run.delivery.grew(notice.seq);
    if (notice.ended) this.#ended(run);
  }

  /** Ends a run with an event the device writes itself. */
  #endOwn(run: Run, end: (builder: ResponseBuilder) => ResponseEvent[]): void {
    if (run.state === "ended") return;
    try {
      run.own ??= this.#openOwn(run.file);
      this.#write(run, end(run.own.builder), true);
      run.own.writer.close();
    } catch (error) {
      this.seam.log("error", "Cannot write a run's end", {
        run: run.file.id,
        error: errorText(error),
      });
    }
    run.own = null;
    this.#ended(run);
  }

  #ended(run: Run): void {
    run.state = "ended";
    if (run.cancelTimer !== null) clearTimeout(run.cancelTimer);
    this.#slots.release(run.subtaskId);
    this.#schedule();
    this.seam.link.beat();
  }

  #delivered(run: Run): void {
    this.#superseded.delete(run);
    if (this.#runs.get(run.subtaskId) === run) this.#runs.delete(run.subtaskId);
    try {
      this.store.finish(run.file.id);
    } catch (error) {
      this.seam.log("error", "Cannot put a delivered run away", {
        run: run.file.id,
        error: errorText(error),
      });
    }
  }

  // Journal --------------------------------------------------------------------------------------

  #openOwn(file: RunFile): NonNullable<Run["own"]> {
    const { builder } = this.store.summarize(file.id);
    return {
      writer: JournalWriter.open(this.store.journalPath(file.id)),
      builder: new ResponseBuilder(file, builder),
    };
  }

  #write(run: Run, events: readonly ResponseEvent[], sync = false): void {
    if (!run.own || events.length === 0) return;
    const { seq } = run.own.writer.append(events, { sync });
    run.delivery.grew(seq);
  }

  *#all(): Iterable<Run> {
    yield* this.#runs.values();
    yield* this.#superseded;
  }

  async #until(condition: () => boolean, ms: number): Promise<void> {
    const deadline = Date.now() + ms;
    while (!condition() && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

function startError(error: unknown): string {
  const remedy = (error as Partial<AppError>).remedy;
  return remedy ? `${errorText(error)}. ${remedy}` : errorText(error);
}
