/** Secrets of a turn: which there are, and how its events get rid of them on the way to the journal. */
import {
  isSecretName,
  type MaskStream,
  secretIn,
  type SecretMasker,
  secretsInUrl,
} from "../platform/mod.ts";
import { type ExecuteRequest, type ResponseEvent, TERMINAL_EVENTS } from "../protocol/mod.ts";
import { resolveSecret } from "../runtimes/shared/mod.ts";

const TEXT = "response.output_text.delta";
const REASONING = "response.reasoning_summary_text.delta";
const ARGUMENTS = "response.function_call_arguments.delta";
const ARGUMENTS_DONE = "response.function_call_arguments.done";
const ITEM_ADDED = "response.output_item.added";
const INPUT_ADDED = "response.input.added";

/** Members with words of the protocol; a short key may be one of them. */
const PROTOCOL = new Set(["type", "status", "role", "object", "argument_status"]);
/** Members whose contents are the agent's. */
const FOREIGN = new Set(["arguments_summary", "usage", "input"]);
/** Deeper members of a request are not looked at; those of an event become text. */
const MAX_DEPTH = 64;

/** Parts of a request that hold the person's words. */
const WORDS = new Set(["prompt", "system_prompt", "attachments", "task_title", "subtask_title"]);

/**
 * Secrets a request brings: its tokens, keys of its models, logins of its MCP servers, also as they are
 * once a reference is resolved or a cipher opened.
 *
 * @param env The executor's own environment.
 */
export async function requestSecrets(
  request: ExecuteRequest,
  env: Readonly<Record<string, string>>,
): Promise<string[]> {
  const found: string[] = [];
  const rest = Object.entries(request).filter(([name]) => !WORDS.has(name));
  collect(Object.fromEntries(rest), "", found, 0);
  const resolved = await Promise.all(found.map((value) => resolveSecret(value, env)));
  const proxies = Object.entries(env).filter(([name]) => /^(?:https?|all)_proxy$/i.test(name));
  return [
    ...found.map(secretIn).filter((value) => value !== null),
    ...resolved.map(secretIn).filter((value) => value !== null),
    ...[request.git_url ?? "", ...proxies.map(([, value]) => value)].flatMap(secretsInUrl),
  ];
}

function collect(value: unknown, name: string, found: string[], depth: number): void {
  if (typeof value === "string") {
    if (isSecretName(name, value)) found.push(value);
  } else if (typeof value === "object" && value !== null && depth < MAX_DEPTH) {
    // What stands in a list bears the name of the list.
    const named = Array.isArray(value) ? value.map((item) => [name, item] as const) : null;
    for (const [key, item] of named ?? Object.entries(value)) collect(item, key, found, depth + 1);
  }
}

/** One text that comes in pieces. */
interface Lane {
  readonly stream: MaskStream;
  /** The event the last piece came in. */
  last: ResponseEvent;
}

/**
 * Takes secrets out of the events of one turn. Order and number of the events stay, but that a piece of
 * text may come with the next one, or before the event that interrupts it.
 */
export class EventMasker {
  readonly #lanes = new Map<string, Lane>();
  #offset: number;

  /** @param offset UTF-16 units of text the turn has journaled before. */
  constructor(private readonly masker: SecretMasker, offset: number) {
    this.#offset = offset;
  }

  /** The events to journal instead of `events`. */
  take(events: readonly ResponseEvent[]): ResponseEvent[] {
    return events.flatMap((event) => this.#take(event));
  }

  #take(event: ResponseEvent): ResponseEvent[] {
    switch (event.event) {
      case TEXT:
      case REASONING:
        return this.#piece(event.event, event);
      case ARGUMENTS:
        return this.#piece(argumentsOf(event), this.#whole(event, "delta"));
      case ARGUMENTS_DONE:
        return [...this.#flush(argumentsOf(event)), this.#whole(event)];
      case ITEM_ADDED:
      case INPUT_ADDED:
        return [...this.#flush(TEXT), ...this.#flush(REASONING), this.#whole(event)];
      default:
        if (!TERMINAL_EVENTS.has(event.event)) return [this.#whole(event)];
        return [
          ...[...this.#lanes.keys()].flatMap((lane) => this.#flush(lane)),
          this.#whole(event),
        ];
    }
  }

  #piece(name: string, event: ResponseEvent): ResponseEvent[] {
    let lane = this.#lanes.get(name);
    if (!lane) this.#lanes.set(name, lane = { stream: this.masker.stream(), last: event });
    lane.last = event;
    const delta = lane.stream.push(String(event.data["delta"]));
    return delta === "" && event.data["arguments_summary"] === undefined
      ? []
      : [this.#withDelta(event, delta)];
  }

  /** What is held of a text, as an event like its last one. */
  #flush(name: string): ResponseEvent[] {
    const lane = this.#lanes.get(name);
    const delta = lane?.stream.flush() ?? "";
    if (name !== TEXT && name !== REASONING) this.#lanes.delete(name);
    if (!lane || delta === "") return [];
    const { arguments_summary: _, ...data } = lane.last.data;
    return [this.#withDelta({ event: lane.last.event, data }, delta)];
  }

  #withDelta(event: ResponseEvent, delta: string): ResponseEvent {
    if (event.event !== TEXT) return { ...event, data: { ...event.data, delta } };
    // Masked text has another length.
    const offset = this.#offset;
    this.#offset += delta.length;
    return { ...event, data: { ...event.data, delta, offset } };
  }

  /** The event with every text in it masked, but for the member `except`. */
  #whole(event: ResponseEvent, except?: string): ResponseEvent {
    const data = this.#object(event.data, true, 0, except);
    return data === event.data ? event : { event: event.event, data };
  }

  #value(value: unknown, ours: boolean, depth: number): unknown {
    if (typeof value === "string") return this.masker.mask(value);
    if (typeof value !== "object" || value === null) return value;
    if (depth > MAX_DEPTH) return this.masker.mask(JSON.stringify(value));
    if (!Array.isArray(value)) return this.#object(value as Record<string, unknown>, ours, depth);
    const items = value.map((item) => this.#value(item, ours, depth + 1));
    return items.some((item, i) => item !== value[i]) ? items : value;
  }

  #object<T extends Readonly<Record<string, unknown>>>(
    object: T,
    ours: boolean,
    depth: number,
    except?: string,
  ): T {
    let copy: Record<string, unknown> | null = null;
    for (const [name, value] of Object.entries(object)) {
      const kept = (ours && PROTOCOL.has(name)) || name === except;
      const masked = kept ? value : this.#value(value, ours && !FOREIGN.has(name), depth + 1);
      const key = ours ? name : this.masker.mask(name);
      if (masked === value && key === name) continue;
      copy ??= { ...object };
      if (key !== name) delete copy[name];
      copy[key] = masked;
    }
    return copy === null ? object : copy as T;
  }
}

/** The lane of a tool's arguments. */
function argumentsOf(event: ResponseEvent): string {
  return `arguments ${event.data["item_id"]}`;
}
