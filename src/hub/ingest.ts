/**
 * The way of a device's events into the database: ownership, order by sequence number, transcript,
 * one commit for everything that arrived meanwhile, and only then the acknowledgements.
 */
import { AppError, errorText } from "../platform/mod.ts";
import { type PermissionRule, type ResponseEnvelope, TERMINAL_EVENTS } from "../protocol/mod.ts";
import { type Ack, type EventSource, freshRun, type IngestSink, type LiveRun } from "./live_run.ts";
import { chatDirectory, effectiveDirectory } from "./directories.ts";
import type { DispatchRow, Store, TurnEnd } from "./store/mod.ts";
import type { BlockChange, Transcript } from "./transcript.ts";
import { turnEnd } from "./turn_end.ts";

const FOREIGN = "Subtask was not dispatched to this device";

/** See the module comment. */
export class Ingest {
  readonly #runs = new Map<number, LiveRun>();
  readonly #bySession = new Map<string, LiveRun>();
  readonly #dirty = new Set<LiveRun>();
  #timer: ReturnType<typeof setTimeout> | null = null;
  /** When a run last gave a sign of life, in milliseconds since 1970, by dispatch. */
  readonly #activity = new Map<number, number>();

  constructor(
    private readonly store: Store,
    private readonly sink: IngestSink,
  ) {}

  /**
   * Takes in one event; `ack` is called after the commit, at the latest with the next tick.
   * A refused event changes nothing.
   */
  accept(source: EventSource, envelope: ResponseEnvelope, ack: Ack): void {
    const run = this.#find(source, envelope);
    if (!run) return ack({ success: false, error: FOREIGN });
    const { seq } = envelope;
    if (seq !== undefined && seq !== run.lastSeq + 1) {
      const gap = seq > run.lastSeq;
      run.waiting.push({
        ack,
        error: gap ? `Sequence gap: expected ${run.lastSeq + 1}, got ${seq}` : null,
        ...(gap && { expected: run.lastSeq + 1 }),
      });
      return this.#schedule(run);
    }
    if (seq !== undefined) run.lastSeq = seq;
    run.waiting.push({ ack, error: this.#apply(run, envelope) });
    run.dirty = true;
    this.#activity.set(run.dispatch.id, Date.now());
    this.#schedule(run);
  }

  /** Last sign of life of a run, in milliseconds since 1970; 0 when there was none. */
  lastActivity(dispatchId: number): number {
    return this.#activity.get(dispatchId) ?? 0;
  }

  /** The transcript of an attempt, live or from the database; everything pending is stored first. */
  transcript(dispatch: DispatchRow): Transcript {
    this.flush();
    return this.#runs.get(dispatch.id)?.transcript ??
      this.store.runs.load(dispatch.id);
  }

  /**
   * Settles a turn from the hub's side, keeping what was streamed.
   *
   * @returns False when it was settled before.
   */
  settle(
    dispatchId: number,
    end: Omit<TurnEnd, "content">,
  ): boolean {
    this.flush();
    const dispatch = this.store.dispatches.get(dispatchId);
    if (!dispatch || dispatch.state === "closed") return false;
    const run = this.#open(dispatch);
    run.end = { ...end, content: this.#loaded(run).text };
    run.dirty = true;
    this.#schedule(run);
    this.flush();
    return true;
  }

  /** Stores everything pending now, then acknowledges and tells. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#dirty.size === 0) return;
    const runs = [...this.#dirty];
    this.#dirty.clear();
    const stored = new Map<LiveRun, BlockChange[]>();
    let fault: string | null = null;
    try {
      this.store.db.transaction(() => {
        for (const run of runs) {
          if (run.dirty) this.#store(run, stored);
        }
      });
    } catch (error) {
      fault = errorText(error);
      stored.clear();
      this.sink.fault(`Events could not be stored: ${fault}`);
    }
    for (const run of runs) {
      if (fault === null && (!run.dirty || stored.has(run))) {
        this.#done(run, stored.get(run) ?? []);
      } else this.#failed(run, fault ?? "the event contradicts what is stored");
    }
  }

  close(): void {
    this.flush();
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #schedule(run: LiveRun): void {
    this.#dirty.add(run);
    this.#timer ??= setTimeout(() => this.flush(), 0);
  }

  /** One run's share of the commit; a run that cannot be stored does not harm the others. */
  #store(run: LiveRun, stored: Map<LiveRun, BlockChange[]>): void {
    const { dispatches, runs, inputs, workdirs, permissions, db } = this.store;
    try {
      const changes = db.transaction(() => {
        if (run.end) run.transcript?.finish();
        const changes = run.transcript?.takeChanges() ?? [];
        runs.save(run.dispatch.id, changes);
        if (run.lastSeq > run.savedSeq) {
          dispatches.setSeq(run.dispatch.id, run.lastSeq);
        }
        const { task_id, device_id } = run.dispatch;
        if (run.directory) workdirs.report(task_id, device_id, run.directory);
        for (const rule of run.rules) permissions.addRule(task_id, rule);
        for (const id of run.read) inputs.read(run.dispatch.id, id);
        const asking = run.transcript?.openQuestions ?? run.asking;
        if (asking !== run.asking) permissions.setOpen(run.dispatch.id, asking);
        if (run.chatPath) workdirs.setChatPath(task_id, device_id, run.chatPath);
        if (run.deviceEnded) dispatches.setDeviceState(run.dispatch.id, "ended");
        if (run.end && dispatches.end(run.dispatch, run.end) && run.transcript) {
          runs.consolidate(run.dispatch.id, run.transcript);
        }
        return changes;
      });
      stored.set(run, changes);
    } catch (error) {
      this.sink.fault(
        `Events of run ${run.dispatch.id} could not be stored: ${errorText(error)}`,
      );
    }
  }

  #done(run: LiveRun, changes: BlockChange[]): void {
    const { dispatch, transcript, end } = run;
    run.savedSeq = run.lastSeq;
    run.dirty = false;
    const waiting = run.waiting;
    run.waiting = [];
    for (const { ack, error, expected } of waiting) {
      ack({
        success: error === null,
        ...(error !== null && { error }),
        ...(dispatch.session !== null && { seq: run.savedSeq }),
        ...(expected !== undefined && { expected }),
      });
    }
    if (transcript && changes.length) {
      this.sink.changed(dispatch, transcript, changes);
    }
    for (const { event, data } of run.passed.splice(0)) {
      this.sink.passed(dispatch, event, data);
    }
    if (run.directory) this.sink.directory(dispatch);
    run.directory = run.chatPath = null;
    run.rules = [];
    if (run.read.splice(0).length > 0) this.sink.inputsRead(dispatch);
    const asking = transcript?.openQuestions ?? run.asking;
    if (!end && (asking > 0) !== (run.asking > 0)) this.sink.waiting(dispatch, asking > 0);
    run.asking = asking;
    if (end && dispatch.state === "open") {
      dispatch.state = "closed";
      this.sink.settled(
        dispatch,
        transcript ?? this.store.runs.load(dispatch.id),
        end,
      );
    }
    if (run.deviceEnded && dispatch.device_state !== "ended") {
      dispatch.device_state = "ended";
      this.sink.deviceEnded(dispatch);
    }
    if (dispatch.state === "closed") this.#forget(run);
  }

  /** Memory is ahead of the database: the run is read again with its next event. */
  #failed(run: LiveRun, reason: string): void {
    for (const { ack } of run.waiting) {
      ack({
        success: false,
        error: `Event was not stored: ${reason}`,
        ...(run.dispatch.session !== null && { seq: run.savedSeq }),
      });
    }
    this.#forget(run);
  }

  #forget(run: LiveRun): void {
    run.waiting = [];
    this.#runs.delete(run.dispatch.id);
    this.#activity.delete(run.dispatch.id);
    if (run.dispatch.session !== null) {
      this.#bySession.delete(sessionKey(run.dispatch, run.dispatch.session));
    }
  }

  /** @returns The event's error, if it is refused. */
  #apply(run: LiveRun, { event_type, data }: ResponseEnvelope): string | null {
    const terminal = TERMINAL_EVENTS.has(event_type);
    if (terminal) run.deviceEnded = true;
    // One-way: what comes after the turn was settled counts, but changes nothing.
    if (run.dispatch.state === "closed" || run.end) return null;
    try {
      const transcript = this.#loaded(run);
      if (terminal) {
        run.end = turnEnd(event_type, data, transcript.text);
        run.chatPath = chatDirectory(data);
      } else if (event_type === "response.workdir") run.directory = effectiveDirectory(data);
      else if (event_type === "response.status.updated") {
        if (run.passed.length < 10) run.passed.push({ event: event_type, data });
      } else {
        const rule = event_type === "response.permission.resolved" && allowedRule(transcript, data);
        transcript.apply(event_type, data);
        if (rule) run.rules.push(rule);
        if (event_type === "response.input.added") run.read.push(String(data.input_id));
      }
      return null;
    } catch (error) {
      if (error instanceof AppError) return error.message;
      throw error;
    }
  }

  #find(source: EventSource, envelope: ResponseEnvelope): LiveRun | null {
    const { session, task_id, subtask_id } = envelope;
    const run = session === undefined
      ? this.#bySubtask(source, subtask_id)
      : this.#bySessionName(source, session, task_id, subtask_id);
    return run && run.dispatch.task_id === task_id &&
        run.dispatch.subtask_id === subtask_id
      ? run
      : null;
  }

  #bySessionName(
    source: EventSource,
    session: string,
    taskId: number,
    subtaskId: number,
  ): LiveRun | null {
    const key = sessionKey(
      { user_id: source.userId, device_id: source.deviceId },
      session,
    );
    const live = this.#bySession.get(key);
    if (live) return live;
    const { dispatches } = this.store;
    let dispatch = dispatches.bySession(
      source.userId,
      source.deviceId,
      session,
    );
    if (!dispatch) {
      const unbound = dispatches.unbound(
        source.userId,
        source.deviceId,
        subtaskId,
      );
      if (!unbound || unbound.task_id !== taskId) return null;
      // An event without a session may have loaded the run already.
      this.flush();
      this.#runs.delete(unbound.id);
      dispatches.bindSession(unbound.id, session);
      dispatch = dispatches.get(unbound.id)!;
    }
    return this.#open(dispatch);
  }

  /** A device that does not number its events: they belong to the turn's present attempt. */
  #bySubtask(source: EventSource, subtaskId: number): LiveRun | null {
    const dispatch = this.store.dispatches.current(subtaskId);
    if (
      !dispatch || dispatch.user_id !== source.userId ||
      dispatch.device_id !== source.deviceId ||
      dispatch.device_state === "unsent"
    ) return null;
    if (dispatch.device_state === "sent") {
      this.store.dispatches.setDeviceState(dispatch.id, "accepted");
      dispatch.device_state = "accepted";
    }
    return this.#open(dispatch);
  }

  #open(dispatch: DispatchRow): LiveRun {
    const known = this.#runs.get(dispatch.id);
    if (known) return known;
    const run = freshRun(dispatch);
    this.#runs.set(dispatch.id, run);
    if (dispatch.session !== null) {
      this.#bySession.set(sessionKey(dispatch, dispatch.session), run);
    }
    return run;
  }

  #loaded(run: LiveRun): Transcript {
    run.transcript ??= this.store.runs.load(run.dispatch.id);
    return run.transcript;
  }
}

/** What the person has just allowed for the conversation. */
function allowedRule(
  transcript: Transcript,
  { request_id, outcome }: Readonly<Record<string, unknown>>,
): PermissionRule | null {
  if (outcome !== "allowed_always") return null;
  return transcript.openQuestion(String(request_id))?.rule ?? null;
}

function sessionKey(
  owner: { user_id: number; device_id: string },
  session: string,
): string {
  return JSON.stringify([owner.user_id, owner.device_id, session]);
}
