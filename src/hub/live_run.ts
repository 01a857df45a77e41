/** What the intake of events knows of a run, and what it tells others. */
import type { EventAck, PermissionRule } from "../protocol/mod.ts";
import type { DispatchRow, TurnEnd } from "./store/mod.ts";
import type { Effective } from "./store/workdirs.ts";
import type { BlockChange, Transcript } from "./transcript.ts";

/** Who sent an event; from the registered socket, never from the event itself. */
export interface EventSource {
  readonly userId: number;
  readonly deviceId: string;
}

/** What others learn of stored events. */
export interface IngestSink {
  /** Stored and committed; `transcript` is the state after the changes. */
  changed(
    dispatch: DispatchRow,
    transcript: Transcript,
    changes: readonly BlockChange[],
  ): void;
  /** An event that is shown but not stored. */
  passed(dispatch: DispatchRow, event: string, data: unknown): void;
  /** The device has said where the turn works. */
  directory(dispatch: DispatchRow): void;
  /** The turn waits for its person, or does not any more; not told of a turn that is settled. */
  waiting(dispatch: DispatchRow, waits: boolean): void;
  /** The agent has read messages that came while the turn ran. */
  inputsRead(dispatch: DispatchRow): void;
  /** The turn is settled. */
  settled(dispatch: DispatchRow, transcript: Transcript, end: TurnEnd): void;
  /** The device has ended its run; nothing more comes of it. */
  deviceEnded(dispatch: DispatchRow): void;
  /** Events could not be stored; they were not acknowledged. */
  fault(message: string): void;
}

export type Ack = (answer: EventAck) => void;

/** A run events come of, and what of it is not stored yet. */
export interface LiveRun {
  dispatch: DispatchRow;
  /** Loaded while the dispatch is open. */
  transcript: Transcript | null;
  lastSeq: number;
  savedSeq: number;
  end: TurnEnd | null;
  deviceEnded: boolean;
  /** Said by the device and not stored yet. */
  directory: Effective | null;
  chatPath: string | null;
  /** Allowed for the conversation and not stored yet. */
  rules: PermissionRule[];
  /** Ids of messages to the turn that the agent has read, not stored yet. */
  read: string[];
  /** Open questions as stored. */
  asking: number;
  dirty: boolean;
  waiting: { ack: Ack; error: string | null; expected?: number }[];
  passed: { event: string; data: unknown }[];
}

/** A run as the database has it. */
export function freshRun(dispatch: DispatchRow): LiveRun {
  return {
    dispatch,
    transcript: null,
    lastSeq: dispatch.last_seq,
    savedSeq: dispatch.last_seq,
    end: null,
    deviceEnded: false,
    directory: null,
    chatPath: null,
    rules: [],
    read: [],
    asking: dispatch.open_questions,
    dirty: false,
    waiting: [],
    passed: [],
  };
}
