/** The life of runs on a device: accept, queue, start, cancel, end, deliver. */
import { ATTACH_PROTOCOL, type HostNotice, hostNotice, type JournalWriter } from "../hosts/mod.ts";
import { AppError, errorText } from "../platform/mod.ts";
import {
  type CancelRequest,
  executeIds,
  type ExecuteRequest,
  executeRequest,
  type LocalEnvelope,
  newResponseId,
  parsePayload,
  type ResponseBuilder,
  type ResponseEvent,
  type TaskAnswer,
  type TaskSteer,
} from "../protocol/mod.ts";
import { CancelMarks } from "./cancel_marks.ts";
import { hostRequest } from "./host_request.ts";
import type { DispatchSeam, HostState, RunInHost } from "./dispatch_seam.ts";
import type { AdoptedHost } from "./messages.ts";
import { type DeliveryEnd, RunDelivery } from "./outbox.ts";
import { firstEvents } from "./rpc/local_turn.ts";
import { Run } from "./run.ts";
import type { RunFile, RunStore } from "./run_store.ts";
import { type RunsStatus, runsStatus } from "./runs_status.ts";
import { Slots } from "./slots.ts";
import { SpareRun } from "./spare_run.ts";
import { until } from "./waiting.ts";
import { Warmers } from "./warmers.ts";
import { startError, TEXT } from "./words.ts";

/** How long a run may take from its cancel to its terminal event before its host is ended. */
const CANCEL_LIMIT_MS = 15_000;
/** After a stop's grace: for hosts to write the terminal events, and for their delivery. */
const ABORT_MS = 5000;
const DELIVER_MS = 3000;

/** See the module comment. */
export class Dispatcher {
  /** The latest run of each subtask. */
  readonly #runs = new Map<number, Run>();
  /** Undelivered runs whose subtask has been started again. */
  readonly #superseded = new Set<Run>();
  readonly #hosts = new Map<string, HostState>();
  readonly #slots: Slots<Run>;
  readonly #marks = new CancelMarks();
  readonly #warmers: Warmers;
  readonly #spare: SpareRun;
  #draining = false;
  #graceUntil = 0;

  constructor(
    private readonly store: RunStore,
    private readonly seam: DispatchSeam,
    slots: number,
  ) {
    this.#slots = new Slots<Run>(slots);
    this.#warmers = new Warmers((hostId, command) => seam.sendToHost(hostId, command));
    const onFault = (error: string) => seam.log("warn", "Cannot prepare a run", { error });
    this.#spare = new SpareRun(store, onFault);
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

  // From the server --------------------------------------------------------------------------------

  /** `task:execute`. @throws {AppError} `invalid_payload`; a run that can be named is ended with it. */
  execute(payload: unknown): void {
    let request: ExecuteRequest;
    try {
      request = parsePayload(executeRequest, payload, "task:execute");
    } catch (error) {
      const ids = executeIds.safeParse(payload);
      if (ids.success) this.#refuse(ids.data.task_id, ids.data.subtask_id, errorText(error));
      throw error;
    }
    if (this.submit(request)) return;
    this.seam.log("info", "Ignored a task that is already here", { subtask: request.subtask_id });
  }

  /** Takes a turn, of a local task where `local` says so; false when its subtask is here already. */
  submit(request: ExecuteRequest, local?: LocalEnvelope): boolean {
    if (this.#alive(request.subtask_id)) return false;
    const run = this.#accept(request, local);
    this.seam.changed(run);
    if (this.#marks.take(request.task_id, request.subtask_id)) {
      this.#end(run, (b) => b.incomplete());
    } else if (this.#draining) this.#end(run, (b) => b.error(TEXT.stopping));
    else {
      this.#slots.enqueue(run);
      this.#schedule();
      if (run.state === "queued") this.#noteQueued(run);
      this.seam.link.beat();
    }
    // While the host is being found; nothing of the run can happen before this has returned.
    this.#keep(run, request);
    return true;
  }

  /** `task:cancel`. */
  cancel({ task_id, subtask_id }: CancelRequest): void {
    const meant = [...this.#runs.values()].filter((run) =>
      run.state !== "ended" && (subtask_id ? run.subtaskId === subtask_id : run.taskId === task_id)
    );
    for (const run of meant) this.#cancelRun(run);
    if (meant.length === 0) return this.#marks.add(task_id, subtask_id ?? null);
    this.#schedule();
    this.seam.link.beat();
  }

  /**
   * `task:answer`: the person's answer goes to the host that asked; a second one is ignored there.
   *
   * @throws {AppError} `not_running` when nothing of that turn runs here.
   */
  answer(answer: TaskAnswer): void {
    const { id, hostId } = this.#runningRun(answer.task_id, answer.subtask_id);
    this.seam.sendToHost(hostId, { cmd: "answer", run: id, answer });
  }

  /**
   * `task:steer`: a message to a turn that runs; its event says when the agent has taken it up.
   *
   * @throws {AppError} `not_running` when nothing of that turn runs here.
   */
  steer({ task_id, subtask_id, input_id, text }: TaskSteer): void {
    const { id, hostId } = this.#runningRun(task_id, subtask_id);
    this.seam.sendToHost(hostId, { cmd: "steer", run: id, input: { input_id, text } });
  }

  #runningRun(taskId: number, subtaskId: number): { id: string; hostId: string } {
    const run = this.#runs.get(subtaskId);
    if (run?.taskId === taskId && run.state === "running" && run.hostId && !run.cancelled) {
      return { id: run.id, hostId: run.hostId };
    }
    throw new AppError("not_running", "That turn is not running on this device");
  }

  /** `task:close-session`: ends turns and agent of a task; its files stay. */
  closeSession(taskId: number): void {
    for (const run of this.#runs.values()) {
      if (run.taskId === taskId && run.state !== "ended") this.#cancelRun(run);
    }
    for (const host of this.#hosts.values()) {
      if (host.taskId === taskId) this.seam.sendToHost(host.hostId, { cmd: "close" });
    }
    this.#schedule();
    this.seam.link.beat();
  }

  /**
   * Tells every run that the device is registered again.
   *
   * @param lastSeq What the server holds by run; null for a server that does not count.
   */
  registered(lastSeq: Readonly<Record<string, number>> | null): void {
    for (const run of this.#all()) {
      run.delivery.registered(lastSeq ? lastSeq[run.id] ?? 0 : null);
    }
  }

  /** Ends the runs that never started: a server that fails them by itself is back too late for them. */
  failQueued(message: string): void {
    for (const run of this.#slots.queued) this.#end(run, (b) => b.error(message));
  }

  // From hosts -------------------------------------------------------------------------------------

  /** A line from a host. */
  hostNotice(hostId: string, line: unknown): void {
    if ((line as { protocol?: unknown } | null)?.protocol === ATTACH_PROTOCOL) return;
    const parsed = hostNotice.safeParse(line);
    if (parsed.success) this.#notice(hostId, parsed.data);
    else this.seam.log("warn", "A host sent a line this version does not know", { hostId });
  }

  /** A spare for sessions like that of host `like`. */
  spareStarted(like: string, hostId: string): void {
    this.#warmers.started(like, hostId);
  }

  /**
   * A host is gone. A run it had not begun (it was about to end when the turn came) goes to another one;
   * any other unfinished run gets its one terminal event now.
   */
  hostClosed(hostId: string): void {
    this.#hosts.delete(hostId);
    this.#warmers.closed(hostId);
    for (const run of this.#runs.values()) {
      if (run.hostId !== hostId || run.state === "ended") continue;
      const { tail, builder } = this.store.summarize(run.id);
      run.delivery.grew(tail);
      if (builder.terminal) this.#ended(run);
      else if (!this.#draining && run.takeBack(tail)) this.#launch(run);
      else this.#end(run, (b) => run.cancelled ? b.incomplete() : b.error(TEXT.hostGone));
    }
  }

  // Start and end of the daemon --------------------------------------------------------------------

  /** Takes up the runs of the previous daemon; `hosts` are those still alive. */
  recover(hosts: readonly AdoptedHost[]): void {
    const alive = new Map<string, RunInHost>();
    for (const host of hosts) {
      this.#hosts.set(host.hostId, host);
      for (const { id, ended, asking } of host.runs) {
        if (!ended) alive.set(id, { hostId: host.hostId, asking });
      }
    }
    const files = this.store.load((id, error) =>
      this.seam.log("error", "A run's directory is unreadable and left alone", {
        id,
        error: error.message,
      })
    );
    for (const file of files) this.#recoverRun(file, alive.get(file.id) ?? null);
    this.#schedule();
    this.#spare.prepare();
  }

  #recoverRun(file: RunFile, host: RunInHost | null): void {
    const { tail, builder } = this.store.summarize(file.id);
    const request = file.started ? null : this.store.request(file.id);
    const run = this.#track(file, request);
    run.delivery.grew(tail);
    if (host) {
      run.state = "running";
      run.hostId = host.hostId;
      run.asking = host.asking;
      this.#slots.hold(run);
      if (run.cancelled) this.#cancelInHost(run, host.hostId);
    } else if (builder.terminal) run.ended();
    else if (run.cancelled) this.#end(run, (b) => b.incomplete());
    else if (request) this.#slots.enqueue(run);
    else this.#end(run, (b) => b.error(TEXT.lostInRestart));
    this.seam.changed(run);
  }

  /** Lets a running {@link drain} wait no longer than `graceMs` from now. */
  hurry(graceMs: number): void {
    this.#graceUntil = Math.min(this.#graceUntil, Date.now() + graceMs);
  }

  /** Stops taking work, ends what runs after `graceMs`, and waits until its events are delivered. */
  async drain(graceMs: number): Promise<void> {
    this.#draining = true;
    this.#spare.close();
    this.#graceUntil = Date.now() + graceMs;
    this.failQueued(TEXT.stoppedWaiting);
    const idle = () => this.#slots.running.length === 0;
    await until(() => idle() || Date.now() >= this.#graceUntil, graceMs);
    for (const run of this.#slots.running) this.#abort(run);
    await until(idle, ABORT_MS);
    for (const run of this.#slots.running) this.seam.killHost(run.hostId ?? "");
    for (const host of this.#hosts.values()) this.seam.sendToHost(host.hostId, { cmd: "close" });
    this.#spare.drop();
    const delivered = () => [...this.#all()].every((run) => run.delivery.undelivered === 0);
    await until(() => delivered() || !this.seam.link.registered, DELIVER_MS);
  }

  #abort(run: Run): void {
    if (!run.hostId) return this.#end(run, (b) => b.error(TEXT.stoppedStarting));
    const { id } = run;
    const message = TEXT.stoppedRunning;
    this.seam.sendToHost(run.hostId, { cmd: "abort", run: id, message, code: "execution_error" });
  }

  status(): RunsStatus {
    return runsStatus([...this.#all()], this.#slots);
  }

  // One run ----------------------------------------------------------------------------------------

  #accept(request: ExecuteRequest, local?: LocalEnvelope): Run {
    const { id, journal } = this.#spare.take();
    const file: RunFile = {
      version: 1,
      id,
      task_id: request.task_id,
      subtask_id: request.subtask_id,
      response_id: newResponseId(),
      created_at: Math.floor(Date.now() / 1000),
      started: false,
      cancelled: false,
      ...(local && { local }),
    };
    const run = this.#track(file, request, journal);
    // The first sign of life goes out before the rest is put on disk: it is what the reader waits for.
    run.write((b) => firstEvents(b, local));
    return run;
  }

  /** Puts on disk who an accepted run is and what was asked. */
  #keep(run: Run, request: ExecuteRequest): void {
    try {
      this.store.create(run.file, request);
    } catch (error) {
      this.#end(run, (b) => b.error(`Cannot keep the task on this device: ${errorText(error)}`));
      throw error;
    }
  }

  /** A request whose ids are readable but whose rest is not still gets its one terminal event. */
  #refuse(taskId: number, subtaskId: number, message: string): void {
    if (this.#alive(subtaskId)) return;
    const request = executeRequest.parse({ task_id: taskId, subtask_id: subtaskId });
    const run = this.#accept(request);
    this.#keep(run, request);
    this.#end(run, (b) => b.error(message));
  }

  #track(file: RunFile, request: ExecuteRequest | null, journal?: JournalWriter): Run {
    const previous = this.#runs.get(file.subtask_id);
    if (previous) this.#superseded.add(previous);
    const run = new Run(this.store, file, request, journal);
    run.delivery = new RunDelivery(
      {
        id: file.id,
        taskId: file.task_id,
        subtaskId: file.subtask_id,
        journal: this.store.journalPath(file.id),
        local: file.local,
      },
      this.seam.link,
      this.store.cursor(file.id),
      journal ? 0 : this.store.readCursor(file.id),
      (end) => this.#delivered(run, end),
      (message) => this.seam.log("debug", message),
    );
    this.#runs.set(file.subtask_id, run);
    return run;
  }

  #noteQueued(run: Run): void {
    const sameTask = this.#slots.running.some((other) => other.taskId === run.taskId);
    const reason = sameTask
      ? "the previous turn of this conversation is still running"
      : `all ${this.#slots.max} slots of this device are in use`;
    run.write((b) => b.reasoning(`Waiting: ${reason}.\n`));
  }

  #schedule(): void {
    if (this.#draining) return;
    for (const run of this.#slots.next()) this.#launch(run);
  }

  #launch(run: Run): void {
    run.state = "starting";
    this.#start(run).catch((error) => {
      if (run.state === "ended") return;
      this.seam.log("error", "Cannot start a run", { run: run.id, error: errorText(error) });
      this.#end(run, (b) => b.error(startError(error), "init_error"));
    });
  }

  async #start(run: Run): Promise<void> {
    const { request } = run;
    if (!request) throw new Error("The request of the task is gone");
    const note = (text: string) => run.write((b) => b.reasoning(`${text}\n`));
    const host = await this.seam.startHost(hostRequest(request), note);
    this.#hosts.set(host.hostId, host);
    // Cancelled meanwhile: the host stays for the next turn and ends by itself when none comes.
    if (run.state === "ended") return;
    run.placed(host.where);
    this.seam.sendToHost(host.hostId, { cmd: "turn", run: run.handOver(host.hostId), request });
    run.saveHandOver();
    this.seam.changed(run);
  }

  #cancelRun(run: Run): void {
    if (!run.cancelled) run.markCancelled();
    if (run.state === "running" && run.hostId) this.#cancelInHost(run, run.hostId);
    else this.#end(run, (b) => b.incomplete());
  }

  #cancelInHost(run: Run, hostId: string): void {
    this.seam.sendToHost(hostId, { cmd: "cancel", run: run.id });
    this.#limitEnd(run, hostId);
  }

  #limitEnd(run: Run, hostId: string): void {
    run.limit(CANCEL_LIMIT_MS, () => {
      if (run.hostId !== hostId) return;
      this.seam.log("warn", "A host did not end a run in time; ending the host", { hostId });
      this.seam.killHost(hostId);
    });
  }

  #notice(hostId: string, notice: HostNotice): void {
    if (notice.notice === "pong" || notice.notice === "agent") return;
    const run = [...this.#runs.values()].find((r) => r.id === notice.run && r.hostId === hostId);
    if (!run || run.state === "ended") return;
    if (notice.notice === "asking") {
      run.asking = notice.open;
      return;
    }
    if (notice.notice === "turn_refused") {
      // The end of a host that is closing is at hand, and the run is taken back then.
      if (notice.code === "closing") return this.#limitEnd(run, hostId);
      return this.#end(run, (b) => b.error(notice.message));
    }
    run.delivery.grew(notice);
    if (!notice.ended) return;
    this.#ended(run);
    if (run.cancelled || !run.request || this.#draining) return;
    this.#warmers.ended(hostId, run.request);
    this.seam.keepSpare(hostId);
  }

  /** Ends a run with an event the device writes itself. */
  #end(run: Run, build: (builder: ResponseBuilder) => ResponseEvent[]): void {
    if (run.state === "ended") return;
    try {
      run.writeEnd(build);
    } catch (error) {
      this.seam.log("error", "Cannot write a run's end", { run: run.id, error: errorText(error) });
    }
    this.#ended(run);
  }

  #ended(run: Run): void {
    run.ended();
    this.#marks.ended(run.subtaskId);
    this.seam.changed(run);
    this.#slots.release(run.subtaskId);
    this.#schedule();
    this.seam.link.beat();
  }

  #delivered(run: Run, end: DeliveryEnd): void {
    if (end.outcome === "refused") {
      const { reason } = end;
      this.seam.log("warn", "The server refuses a run's events; they stay on disk", {
        run: run.id,
        reason,
      });
    }
    this.#superseded.delete(run);
    if (run.state === "ended" && this.#runs.get(run.subtaskId) === run) {
      this.#runs.delete(run.subtaskId);
    }
    // A refused run may still be written by its host; it is put away at the next start.
    if (run.state !== "ended") return;
    try {
      this.store.finish(run.id);
    } catch (error) {
      const fields = { run: run.id, error: errorText(error) };
      this.seam.log("error", "Cannot put a delivered run away", fields);
    }
  }

  #alive(subtaskId: number): boolean {
    const run = this.#runs.get(subtaskId);
    return run !== undefined && run.state !== "ended";
  }

  *#all(): Iterable<Run> {
    yield* this.#runs.values();
    yield* this.#superseded;
  }
}
