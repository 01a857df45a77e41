/**
 * What the wire demands of every turn, whatever it is about: the envelope, the order of the first and the
 * last event, offsets, indexes, ids of tools. Written from the wire protocol, sections 5.2 to 5.5.
 */
import * as z from "zod";

/** One event as the backend got it: the name on the socket and its argument. */
export interface Received {
  readonly event: string;
  readonly payload: unknown;
}

/** Whose events they are. */
export interface Whose {
  readonly taskId: number;
  readonly subtaskId: number;
  /** The server numbers events. */
  readonly sequenced: boolean;
}

/** A rule that is broken. */
export interface Violation {
  /** Index of the event. */
  readonly at: number;
  readonly message: string;
}

const TERMINAL = new Set(["response.completed", "response.incomplete", "error"]);
const TEXTS = new Set(["response.output_text.delta", "response.reasoning_summary_text.delta"]);
const TOOL_EVENT = /^response\.(?:output_item|function_call_arguments|mcp_call)/;

const envelope = z.strictObject({
  event_type: z.string(),
  task_id: z.number(),
  subtask_id: z.number(),
  data: z.record(z.string(), z.unknown()),
});
const sequenced = envelope.extend({ session: z.string().min(1), seq: z.number() });

/** The data of an event; empty where there is none. */
export function dataOf({ payload }: Received): Readonly<Record<string, unknown>> {
  const data = (payload as { data?: unknown } | null)?.data;
  return typeof data === "object" && data !== null ? data as Record<string, unknown> : {};
}

/** Every rule the events break, in their order. */
export function violations(events: readonly Received[], whose: Whose): Violation[] {
  const check = new Checker(whose);
  const found = events.flatMap((event, at) =>
    check.take(event).map((message): Violation => ({ at, message }))
  );
  if (!check.ended) found.push({ at: events.length, message: "no terminal event came" });
  return found;
}

class Checker {
  ended = false;
  #count = 0;
  #units = 0;
  #finished = 0;
  #session: string | null = null;
  readonly #tools = new Set<string>();

  constructor(private readonly whose: Whose) {}

  take(received: Received): string[] {
    const { event } = received;
    const data = dataOf(received);
    const messages = [...this.#envelope(received)];
    if (data["type"] !== event) messages.push(`data.type is ${JSON.stringify(data["type"])}`);
    if (this.#count++ === 0 && event !== "response.in_progress") {
      messages.push("the first event is not response.in_progress");
    }
    if (this.ended) messages.push("it comes after the terminal event");
    if (TERMINAL.has(event)) this.ended = true;
    if (TEXTS.has(event)) messages.push(...this.#text(event, data));
    if (TOOL_EVENT.test(event)) messages.push(...this.#tool(event, data));
    return messages;
  }

  #envelope({ event, payload }: Received): string[] {
    const parsed = (this.whose.sequenced ? sequenced : envelope).safeParse(payload);
    if (!parsed.success) return [`envelope: ${z.prettifyError(parsed.error)}`];
    const { taskId, subtaskId } = this.whose;
    const given = parsed.data;
    const messages: string[] = [];
    const must = (is: boolean, words: string) => is || messages.push(words);
    must(given.event_type === event, `event_type is "${given.event_type}"`);
    must(given.task_id === taskId, `task_id is ${given.task_id}`);
    must(given.subtask_id === subtaskId, `subtask_id is ${given.subtask_id}`);
    if ("seq" in given) {
      const { seq, session } = given as z.infer<typeof sequenced>;
      must(seq === this.#count + 1, `seq is ${seq}, wanted ${this.#count + 1}`);
      must(session === (this.#session ??= session), `session is "${session}"`);
    }
    return messages;
  }

  /** Pieces of text are not empty, and each says how much came before it, in UTF-16 units. */
  #text(event: string, { delta, offset }: Readonly<Record<string, unknown>>): string[] {
    if (typeof delta !== "string" || delta === "") return ["delta is no text, or empty"];
    if (event !== "response.output_text.delta") return [];
    const wanted = this.#units;
    this.#units += delta.length;
    return offset === wanted ? [] : [`offset is ${offset}, wanted ${wanted}`];
  }

  /** Tools are counted from 1, and the count goes on when one has ended. */
  #tool(event: string, data: Readonly<Record<string, unknown>>): string[] {
    const messages: string[] = [];
    const { item_id, output_index } = data;
    const item = data["item"] as Readonly<Record<string, unknown>> | undefined;
    const id = item ? item["id"] : item_id;
    const wanted = 1 + this.#finished;
    if (output_index !== wanted) messages.push(`output_index is ${output_index}, wanted ${wanted}`);
    if (typeof id !== "string" || id.trim() === "") return [...messages, "the tool has no id"];
    if (event === "response.output_item.added") this.#tools.add(id);
    else if (!this.#tools.has(id)) messages.push(`no output_item.added came for "${id}"`);
    if (event === "response.output_item.done") this.#finished++;
    return messages;
  }
}
