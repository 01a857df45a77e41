/**
 * One run in memory, and who writes its journal: the device until the run is handed to a host, then
 * the host; and the device again when that host is gone, to write the one terminal event.
 */
import { type JournalTail, JournalWriter, type RunSpec } from "../hosts/mod.ts";
import {
  type ExecuteRequest,
  ResponseBuilder,
  type ResponseEvent,
  type WorkdirEvent,
} from "../protocol/mod.ts";
import type { RunDelivery } from "./outbox.ts";
import type { RunFile, RunStore } from "./run_store.ts";

/** How often a run is given to another host because its own ended before it began. */
const MAX_TAKEN_BACK = 2;

export type RunState = "queued" | "starting" | "running" | "ended";

/** See the module comment. */
export class Run {
  state: RunState = "queued";
  hostId: string | null = null;
  /** Questions of its agent that wait for the person. */
  asking = 0;
  /** Where it works, once that is known. */
  where: WorkdirEvent | null = null;
  /** Set by the owner right after construction: delivery reports back to it. */
  delivery!: RunDelivery;
  #own: { writer: JournalWriter; builder: ResponseBuilder } | null = null;
  #limit: ReturnType<typeof setTimeout> | null = null;
  /** Events that were there when a host got the journal. */
  #handedSeq = 0;
  #takenBack = 0;

  constructor(
    private readonly store: RunStore,
    readonly file: RunFile,
    readonly request: ExecuteRequest | null,
    /** The empty journal of a new run. */
    journal?: JournalWriter,
  ) {
    if (journal) this.#own = { writer: journal, builder: new ResponseBuilder(file) };
  }

  get id(): string {
    return this.file.id;
  }
  get subtaskId(): number {
    return this.file.subtask_id;
  }
  get taskId(): number {
    return this.file.task_id;
  }
  get cancelled(): boolean {
    return this.file.cancelled;
  }

  /** Remembers, also over a restart, that this run may only end as cancelled. */
  markCancelled(): void {
    this.file.cancelled = true;
    this.store.update(this.file);
  }

  /** Calls `expired` when the run has not ended within `ms`. */
  limit(ms: number, expired: () => void): void {
    this.#limit ??= setTimeout(() => this.state !== "ended" && expired(), ms);
  }

  /** Journals what the device itself has to say; nothing once a host owns the journal. */
  write(build: (builder: ResponseBuilder) => ResponseEvent[]): void {
    if (this.state === "running" || this.state === "ended") return;
    this.#append(build, false);
  }

  /** Journals the terminal event, whoever wrote before; the host, if there was one, must be gone. */
  writeEnd(build: (builder: ResponseBuilder) => ResponseEvent[]): void {
    this.#append(build, true);
    this.#own?.writer.close();
    this.#own = null;
  }

  /** Gives the journal to a host: from here on the device only reads it. {@link saveHandOver} follows. */
  handOver(hostId: string): RunSpec {
    const { writer, builder } = this.#open();
    const spec: RunSpec = {
      id: this.id,
      dir: this.store.dir(this.id),
      task_id: this.taskId,
      subtask_id: this.subtaskId,
      response_id: this.file.response_id,
      created_at: this.file.created_at,
      builder: { ...builder.state },
    };
    this.#handedSeq = writer.tail.seq;
    writer.close();
    this.#own = null;
    this.file.started = true;
    this.hostId = hostId;
    this.state = "running";
    return spec;
  }

  /** Remembers over a restart that the run has been started; its host, if alive, says so itself. */
  saveHandOver(): void {
    this.store.update(this.file);
  }

  /**
   * Takes the journal back from a host that is gone, if that one has not begun the turn: then nothing has
   * happened that could happen twice.
   *
   * @param tail Of the journal as it is now.
   */
  takeBack({ seq }: JournalTail): boolean {
    if (this.cancelled || !this.request || seq !== this.#handedSeq) return false;
    if (++this.#takenBack > MAX_TAKEN_BACK) return false;
    this.state = "starting";
    this.hostId = null;
    this.#stopLimit();
    this.file.started = false;
    this.store.update(this.file);
    return true;
  }

  /** Tells where it works, once. */
  placed(where: WorkdirEvent): void {
    if (JSON.stringify(this.where) === JSON.stringify(where)) return;
    this.where = where;
    this.write((b) => b.workdir(where));
  }

  /** No more events follow. */
  ended(): void {
    this.state = "ended";
    this.#stopLimit();
  }

  #stopLimit(): void {
    if (this.#limit !== null) clearTimeout(this.#limit);
    this.#limit = null;
  }

  #append(build: (builder: ResponseBuilder) => ResponseEvent[], sync: boolean): void {
    const { writer, builder } = this.#open();
    const events = build(builder);
    if (events.length === 0) return;
    const { seq } = writer.tail;
    const tail = writer.append(events, { sync });
    const first = seq === 0
      ? events.map(({ event, data }, i) => ({ s: i + 1, e: event, d: { ...data } }))
      : undefined;
    this.delivery.grew(tail, first);
  }

  #open(): { writer: JournalWriter; builder: ResponseBuilder } {
    if (this.#own) return this.#own;
    const { builder } = this.store.summarize(this.id);
    return this.#own = {
      writer: JournalWriter.open(this.store.journalPath(this.id)),
      builder: new ResponseBuilder(this.file, builder),
    };
  }
}
