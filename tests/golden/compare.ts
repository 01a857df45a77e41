/** Compares the events of a turn with a golden file; strict: what is not written must not come. */
import { type Expected, RUNS } from "./golden_file.ts";
import { type Bindings, match, type Mismatch } from "./pattern.ts";
import { dataOf, type Received, type Violation, violations, type Whose } from "./rules.ts";
import { showDifference } from "./show.ts";

/** Facts of the turn, by the name of their placeholder. */
export type Constants = Bindings["constants"];

/** Where events and golden file part. */
export interface Difference {
  /** The golden file's lines that fitted. */
  readonly fitted: number;
  /** Index of the event at which they part. */
  readonly at: number;
  /** What was wanted there; undefined when nothing more was. */
  readonly wanted: Expected | undefined;
  readonly why: string;
}

/**
 * Null when the events are those of the golden file and keep the rules of the wire; else what is wrong,
 * for people to read.
 */
export function compare(
  golden: readonly Expected[],
  events: readonly Received[],
  whose: Whose,
  constants: Constants = {},
): string | null {
  const broken = violations(events, whose);
  const bindings: Bindings = {
    constants: {
      msg: `msg_${whose.subtaskId}`,
      task: whose.taskId,
      subtask: whose.subtaskId,
      ...constants,
    },
    bound: new Map(),
  };
  const difference = differ(golden, events, bindings);
  if (!difference && broken.length === 0) return null;
  return showDifference(golden, events, difference ?? ofRule(golden, broken), broken);
}

function ofRule(golden: readonly Expected[], broken: readonly Violation[]): Difference {
  const { at, message } = broken[0] ?? { at: 0, message: "" };
  return { fitted: golden.length, at, wanted: undefined, why: message };
}

function differ(
  golden: readonly Expected[],
  events: readonly Received[],
  bindings: Bindings,
): Difference | null {
  let at = 0;
  for (let fitted = 0; fitted < golden.length;) {
    const lanes = lanesFrom(golden, fitted);
    const found = lanes.length > 0
      ? mixed(lanes, events.slice(at), bindings)
      : single(golden[fitted]!, events, at, bindings);
    if (found.why !== null) {
      const wanted = found.wanted ?? golden[fitted];
      return { fitted, at: at + found.events, wanted, why: found.why };
    }
    at += found.events;
    fitted += Math.max(1, lanes.length);
  }
  if (at === events.length) return null;
  const why = `got ${events[at]?.event}, wanted the end`;
  return { fitted: golden.length, at, wanted: undefined, why };
}

/** How many events were taken, and why no more were; null: nothing is wrong. */
interface Taken {
  readonly events: number;
  readonly why: string | null;
  readonly wanted?: Expected | undefined;
}

function single(
  wanted: Expected,
  events: readonly Received[],
  at: number,
  bindings: Bindings,
): Taken {
  const event = events[at];
  if (event === undefined) return { events: 0, why: "the events end here" };
  if (event.event !== wanted.name) {
    return { events: 0, why: `wanted ${wanted.name}, got ${event.event}` };
  }
  if (!wanted.run) {
    const mismatch = match(withType(wanted), dataOf(event), bindings);
    return mismatch ? { events: 0, why: words(mismatch) } : { events: 1, why: null };
  }
  const pieces = piecesFrom(events, at);
  const fault = runFits(wanted, wanted.run, pieces, bindings);
  return fault ? { events: fault.piece, why: fault.why } : { events: pieces.length, why: null };
}

/** The events from `start` that stand in lanes beside each other. */
function lanesFrom(golden: readonly Expected[], start: number): readonly Expected[] {
  const end = golden.findIndex(({ lane }, n) => n >= start && lane === null);
  return golden.slice(start, end < 0 ? golden.length : end);
}

/** Each event must be the next one of some lane. */
function mixed(
  wanted: readonly Expected[],
  events: readonly Received[],
  bindings: Bindings,
): Taken {
  const left = [...wanted];
  for (let at = 0; left.length > 0; at++) {
    const heads = left.filter((one, n) => left.findIndex(({ lane }) => lane === one.lane) === n);
    const reasons: string[] = [];
    const next = heads.find((head) => {
      const trial = { ...bindings, bound: new Map(bindings.bound) };
      const { why } = single(head, events, at, trial);
      if (why === null) { for (const [key, value] of trial.bound) bindings.bound.set(key, value); }
      else reasons.push(`${head.lane}: ${why}`);
      return why === null;
    });
    if (!next) return { events: at, why: reasons.join("; "), wanted: heads[0] };
    left.splice(left.indexOf(next), 1);
  }
  return { events: wanted.length, why: null };
}

function withType({ name, data }: Expected): Expected["data"] {
  return { ...data, members: { type: { kind: "text", parts: [name] }, ...data.members } };
}

/** The events from `at` that are pieces of the same text. */
function piecesFrom(events: readonly Received[], at: number): Received[] {
  const head = events[at];
  if (!head || !RUNS.has(head.event)) return [];
  const { item_id, block_id } = dataOf(head);
  const isPiece = (event: Received) => {
    const data = dataOf(event);
    if (event.event !== head.event) return false;
    return data["item_id"] === item_id && data["block_id"] === block_id && !isLast(data);
  };
  const end = events.findIndex((event, n) => n >= at && !isPiece(event));
  return events.slice(at, end < 0 ? events.length : end);
}

/** The last word of a block is an event of its own. */
function isLast(data: Readonly<Record<string, unknown>>): boolean {
  return (data["updates"] as { status?: unknown } | undefined)?.status === "done";
}

interface PieceFault {
  readonly piece: number;
  readonly why: string;
}

function runFits(
  wanted: Expected,
  { text, least }: NonNullable<Expected["run"]>,
  pieces: readonly Received[],
  bindings: Bindings,
): PieceFault | null {
  if (pieces.length < least) {
    return { piece: 0, why: `wanted at least ${least} pieces, got ${pieces.length}` };
  }
  const kind = wanted.name === "response.function_call_arguments.delta"
    ? argumentPieces
    : wanted.name === "response.block.updated"
    ? blockPieces
    : plainPieces;
  const { fault, whole } = kind(wanted, pieces, bindings);
  if (fault) return fault;
  const mismatch = match(text, whole, bindings, "all pieces");
  return mismatch && { piece: 0, why: words(mismatch) };
}

interface Pieces {
  readonly fault: PieceFault | null;
  readonly whole: string;
}

function plainPieces(wanted: Expected, pieces: readonly Received[], bindings: Bindings): Pieces {
  let whole = "";
  for (const [piece, event] of pieces.entries()) {
    const data = dataOf(event);
    const mismatch = match(withType(wanted), data, bindings);
    if (mismatch) return { fault: { piece, why: words(mismatch) }, whole };
    whole += String(data["delta"]);
  }
  return { fault: null, whole };
}

/** Arguments may be told as an object as soon as they are one, and must be in the end. */
function argumentPieces(wanted: Expected, pieces: readonly Received[], bindings: Bindings): Pieces {
  const { arguments_summary: summary, ...members } = wanted.data.members;
  const plain = withType({ ...wanted, data: { ...wanted.data, members } });
  let whole = "";
  for (const [piece, event] of pieces.entries()) {
    const { arguments_summary, ...data } = dataOf(event);
    const last = piece === pieces.length - 1;
    whole += String(data["delta"]);
    const told = arguments_summary !== undefined;
    const mismatch = match(plain, data, bindings) ??
      (summary && (told || last)
        ? match(summary, arguments_summary, bindings, "data.arguments_summary")
        : null);
    if (mismatch) return { fault: { piece, why: words(mismatch) }, whole };
    if (told && !summary) return { fault: { piece, why: "arguments_summary is there" }, whole };
    if (told && !isJsonOf(whole, arguments_summary)) {
      return { fault: { piece, why: "arguments_summary is not what came so far" }, whole };
    }
  }
  return { fault: null, whole };
}

function isJsonOf(text: string, value: unknown): boolean {
  try {
    return JSON.stringify(JSON.parse(text)) === JSON.stringify(value);
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

/** Each update of a block holds the text so far. */
function blockPieces(wanted: Expected, pieces: readonly Received[], bindings: Bindings): Pieces {
  let whole = "";
  for (const [piece, event] of pieces.entries()) {
    const data = dataOf(event);
    const { content, ...updates } = data["updates"] as Record<string, unknown>;
    const mismatch = match(withType(wanted), { ...data, updates }, bindings);
    const text = String(content);
    if (mismatch) return { fault: { piece, why: words(mismatch) }, whole };
    if (!text.startsWith(whole) || text === whole) {
      return { fault: { piece, why: "the block does not grow" }, whole };
    }
    whole = text;
  }
  return { fault: null, whole };
}

function words({ path, wanted, got }: Mismatch): string {
  return `${path}: wanted ${cut(wanted)}, got ${cut(JSON.stringify(got) ?? "nothing")}`;
}

function cut(text: string): string {
  return text.length <= 400 ? text : `${text.slice(0, 400)}… (${text.length})`;
}
