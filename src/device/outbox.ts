/**
 * Delivery of journaled events to the server: in order, from the run's own cursor.
 *
 * Towards a server that numbers events (`seq`) the server's count is the cursor: after every cut the
 * run goes on behind the last event the server holds, so delivery is exactly once. A server without
 * that feature appends text blindly, so an event handed to the socket is never sent again; only the
 * terminal event, which carries the whole text, is repeated until it has been acknowledged.
 *
 * Events are read from the journal in bounded portions, so a slow server costs no memory.
 */
import { JournalReader, type JournalRecord, type JournalTail } from "../hosts/mod.ts";
import { errorText } from "../platform/mod.ts";
import {
  eventAck,
  type LocalEnvelope,
  type ResponseEnvelope,
  TERMINAL_EVENTS,
} from "../protocol/mod.ts";
import type { Cursor } from "./run_store.ts";

/** Most bytes of events that may wait for one acknowledgement. */
const WINDOW_BYTES = 256 * 1024;
/** How long an acknowledgement may take before the portion is sent again (or given up). */
const ACK_MS = 15_000;
/** Pause before a portion that failed on a live connection is tried again. */
const RETRY_MS = 1000;

/** The connection as the outbox needs it. */
export interface OutboxLink {
  /** True between a registration's acknowledgement and the loss of its socket. */
  readonly registered: boolean;
  /** The server numbers events. */
  readonly sequenced: boolean;
  /** Sends without asking for an acknowledgement. */
  send(envelope: ResponseEnvelope): void;
  /** Sends and resolves with the acknowledgement; rejects when the socket is lost or after `ms`. */
  request(envelope: ResponseEnvelope, ms: number): Promise<unknown>;
}

/** A run whose events are to be delivered. */
export interface OutboxRun {
  readonly id: string;
  readonly taskId: number;
  readonly subtaskId: number;
  readonly journal: string;
  /** Members of the envelope of a local task's turn. */
  readonly local?: LocalEnvelope | undefined;
}

/** What became of a run's delivery. */
export type DeliveryEnd =
  | { outcome: "delivered" }
  /** The server will never take this run's events, for example because it is not ours. */
  | { outcome: "refused"; reason: string };

/** Delivers one run. */
export class RunDelivery {
  #reader: JournalReader | null = null;
  #pending: JournalRecord[] = [];
  /** Last event handed to the socket. */
  #sent = 0;
  /** End of the journal, as far as its writer has told. */
  #known: JournalTail = { seq: 0, bytes: 0 };
  #pumping = false;
  #again = false;
  #ended = false;
  #refusals = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  readonly #cursor: Cursor;

  /**
   * @param cursor Owned and closed by the delivery.
   * @param sent Where the cursor stands.
   */
  constructor(
    readonly run: OutboxRun,
    private readonly link: OutboxLink,
    cursor: Cursor,
    sent: number,
    private readonly onEnd: (end: DeliveryEnd) => void,
    private readonly onFault: (message: string) => void,
  ) {
    this.#cursor = cursor;
    this.#sent = sent;
  }

  /** Events journaled but not handed over. */
  get undelivered(): number {
    return Math.max(0, this.#known.seq - this.#sent);
  }

  /**
   * The journal now ends at `tail`.
   *
   * @param first The run's first events, just written: they need not be read back.
   */
  grew(tail: JournalTail, first?: readonly JournalRecord[]): void {
    if (first && this.#sent === 0 && this.#known.seq === 0 && first.at(-1)?.s === tail.seq) {
      this.#pending = [...first];
    }
    if (tail.seq > this.#known.seq) this.#known = { seq: tail.seq, bytes: tail.bytes };
    this.pump();
  }

  /** A new registration: `serverSeq` is what the server holds of this run, if it counts. */
  registered(serverSeq: number | null): void {
    if (this.#ended) return;
    this.#refusals = 0;
    if (serverSeq !== null) this.#rewind(serverSeq);
    this.pump();
  }

  /** Sends what is due, unless a portion is on its way. */
  pump(): void {
    if (this.#pumping) {
      this.#again = true;
      return;
    }
    if (this.#ended || !this.link.registered || this.#sent >= this.#known.seq) {
      return;
    }
    this.#pumping = true;
    this.#run().catch((error) => this.onFault(errorText(error))).finally(() => {
      this.#pumping = false;
      if (this.#again) {
        this.#again = false;
        this.pump();
      } else if (this.undelivered > 0 && this.link.registered && !this.#ended) {
        clearTimeout(this.#retry);
        this.#retry = setTimeout(() => this.pump(), RETRY_MS);
      }
    });
  }

  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#retry);
    this.#reader?.close();
    this.#cursor.close();
  }

  async #run(): Promise<void> {
    while (!this.#ended && this.link.registered) {
      const portion = this.#take();
      if (portion.length === 0) return;
      const done = this.link.sequenced
        ? await this.#sendSequenced(portion)
        : await this.#sendPlain(portion);
      if (!done) return;
    }
  }

  /** The next records to send, at most a window of them; the file is read where memory has none. */
  #take(): JournalRecord[] {
    if (this.#pending.length === 0) {
      if (!this.#reader) {
        this.#reader = new JournalReader(this.run.journal);
        this.#reader.skipTo(this.#sent);
      }
      this.#pending = this.#reader.read(WINDOW_BYTES, this.#known.bytes);
    }
    const portion = this.#pending;
    this.#pending = [];
    return portion;
  }

  /** @returns False when the portion could not be delivered now. */
  async #sendSequenced(portion: JournalRecord[]): Promise<boolean> {
    const last = portion.at(-1)!;
    for (const record of portion.slice(0, -1)) {
      this.link.send(this.#envelope(record));
    }
    this.#sent = last.s;
    let ack;
    try {
      ack = eventAck.parse(
        await this.link.request(this.#envelope(last), ACK_MS),
      );
    } catch (error) {
      // Lost or late: the server's own count after the next registration says where to go on.
      this.onFault(
        `No acknowledgement for run ${this.run.id}: ${errorText(error)}`,
      );
      this.#rewind(portion[0]!.s - 1);
      return false;
    }
    if (ack.seq !== undefined ? ack.seq < last.s : ack.success !== true) {
      this.#rewind(ack.seq ?? portion[0]!.s - 1);
      return !this.#refused(ack.error ?? "events missing");
    }
    // Counted is delivered, also where the server found nothing to do with an event.
    if (ack.error) this.onFault(`Server on run ${this.run.id}: ${ack.error}`);
    this.#refusals = 0;
    if (TERMINAL_EVENTS.has(last.e)) this.#end({ outcome: "delivered" });
    return true;
  }

  async #sendPlain(portion: JournalRecord[]): Promise<boolean> {
    for (const record of portion) {
      if (!this.link.registered) {
        this.#rewind(this.#sent);
        return false;
      }
      if (TERMINAL_EVENTS.has(record.e)) {
        return await this.#sendTerminal(record);
      }
      this.#sent = record.s;
      // Before it is sent: after a crash an event may be missing, never doubled. A doubled sign of life
      // is allowed, so the first event need not wait for the file.
      if (record.e !== "response.in_progress") this.#cursor.write(record.s);
      if (record !== portion.at(-1)) this.link.send(this.#envelope(record));
      else await this.#sendPaced(record);
    }
    return true;
  }

  /** The last event of a portion waits for its acknowledgement, so that a slow server is felt here. */
  async #sendPaced(record: JournalRecord): Promise<void> {
    try {
      const ack = eventAck.parse(
        await this.link.request(this.#envelope(record), ACK_MS),
      );
      if (ack.success !== true) {
        this.onFault(
          `Server did not take event ${record.e} of run ${this.run.id}: ${ack.error}`,
        );
      }
    } catch (error) {
      // Not repeated: the server appends text blindly and the terminal event carries the whole.
      this.onFault(
        `No acknowledgement for run ${this.run.id}: ${errorText(error)}`,
      );
    }
  }

  async #sendTerminal(record: JournalRecord): Promise<boolean> {
    try {
      const ack = eventAck.parse(
        await this.link.request(this.#envelope(record), ACK_MS),
      );
      if (ack.success === true) {
        this.#sent = record.s;
        this.#cursor.write(record.s);
        this.#end({ outcome: "delivered" });
        return true;
      }
      this.#rewind(record.s - 1);
      return !this.#refused(ack.error ?? "refused");
    } catch (error) {
      this.onFault(
        `No acknowledgement for run ${this.run.id}: ${errorText(error)}`,
      );
      this.#rewind(record.s - 1);
      return false;
    }
  }

  /** A refusal while registered is final after a few tries: the server does not want this run. */
  #refused(reason: string): boolean {
    if (!this.link.registered) return true;
    if (++this.#refusals < 3) return false;
    this.#end({ outcome: "refused", reason });
    return true;
  }

  #end(end: DeliveryEnd): void {
    if (this.#ended) return;
    this.close();
    this.onEnd(end);
  }

  #rewind(seq: number): void {
    this.#sent = seq;
    this.#pending = [];
    this.#reader?.close();
    this.#reader = null;
  }

  #envelope(record: JournalRecord): ResponseEnvelope {
    return {
      event_type: record.e,
      task_id: this.run.taskId,
      subtask_id: this.run.subtaskId,
      data: record.d,
      ...this.run.local,
      ...(this.link.sequenced && { session: this.run.id, seq: record.s }),
    };
  }
}
