/**
 * The answering side of the Anthropic Messages API, as far as Claude Code needs it: the server-sent
 * events of a streamed answer, the JSON of a plain one, and error bodies. Pure functions, no I/O.
 */

/** A run of visible text; every chunk becomes one `text_delta`. */
export interface TextPart {
  readonly type: "text";
  readonly chunks: readonly string[];
}

/** A run of reasoning; every chunk becomes one `thinking_delta`. */
export interface ThinkingPart {
  readonly type: "thinking";
  readonly chunks: readonly string[];
}

/** A tool call; its input travels as JSON in `input_json_delta` events. */
export interface ToolUsePart {
  readonly type: "tool_use";
  readonly id: string;
  readonly name: string;
  readonly input: Readonly<Record<string, unknown>>;
}

export type ContentPart = TextPart | ThinkingPart | ToolUsePart;

/** Token counts of an answer. */
export interface Usage {
  readonly input_tokens: number;
  readonly output_tokens: number;
}

/** One complete answer of the model. */
export interface ModelAnswer {
  /** Identifier of the message, such as `msg_1`. */
  readonly id: string;
  readonly model: string;
  readonly parts: readonly ContentPart[];
  /** @default "tool_use" when a part is a tool call, else "end_turn" */
  readonly stopReason?: string;
  /** @default no tokens at all */
  readonly usage?: Usage;
}

/** One server-sent event of a streamed answer. */
export interface StreamEvent {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** The visible text this event carries; absent for every other kind of event. */
  readonly text?: string;
  /** Whether this event is one chunk of content, the place to pause at. */
  readonly chunk: boolean;
}

/** Input JSON is cut into pieces of this many UTF-16 units, so that clients see it arrive. */
const INPUT_PIECE_UNITS = 64;

/** Claude Code refuses a thinking block without a signature; it does not check its value. */
const SIGNATURE = "c2NyaXB0ZWQ=";

/** The events of `answer` in the order in which they have to be sent. */
export function* streamEvents(answer: ModelAnswer): Generator<StreamEvent> {
  const usage = usageOf(answer);
  yield frame("message_start", {
    message: {
      id: answer.id,
      type: "message",
      role: "assistant",
      model: answer.model,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: { input_tokens: usage.input_tokens, output_tokens: 0 },
    },
  });
  for (const [index, part] of answer.parts.entries()) {
    yield* partEvents(part, index);
  }
  yield frame("message_delta", {
    delta: { stop_reason: stopReasonOf(answer), stop_sequence: null },
    usage: { output_tokens: usage.output_tokens },
  });
  yield frame("message_stop", {});
}

/** The error event that ends a stream which has already begun. */
export function errorEvent(type: string, message: string): StreamEvent {
  return { event: "error", data: errorBody(type, message), chunk: false };
}

/** The bytes of one event, as text. The `event:` line is required by Claude Code. */
export function encodeEvent(event: StreamEvent): string {
  return `event: ${event.event}\ndata: ${JSON.stringify(event.data)}\n\n`;
}

/** The body of an answer to a request without `stream`. */
export function messageBody(answer: ModelAnswer): Record<string, unknown> {
  return {
    id: answer.id,
    type: "message",
    role: "assistant",
    model: answer.model,
    content: answer.parts.map(plainBlock),
    stop_reason: stopReasonOf(answer),
    stop_sequence: null,
    usage: usageOf(answer),
  };
}

/** The body of a refused request. */
export function errorBody(
  type: string,
  message: string,
): Record<string, unknown> {
  return { type: "error", error: { type, message } };
}

/** The error type the API uses with an HTTP status. */
export function errorTypeOf(status: number): string {
  const known: Readonly<Record<number, string>> = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
  };
  return known[status] ?? "api_error";
}

/**
 * Cuts `text` into pieces of about `size` UTF-16 units; a surrogate pair stays together, so every
 * piece is valid Unicode if the whole is.
 *
 * @throws {RangeError} If `size` is not a positive integer.
 */
export function chunkText(text: string, size: number): string[] {
  if (!Number.isInteger(size) || size < 1) {
    throw new RangeError(`Chunk size must be a positive integer, got ${size}`);
  }
  const pieces: string[] = [];
  for (let start = 0; start < text.length;) {
    let end = Math.min(start + size, text.length);
    if (splitsPair(text, end)) end++;
    pieces.push(text.slice(start, end));
    start = end;
  }
  return pieces;
}

function splitsPair(text: string, at: number): boolean {
  const before = text.charCodeAt(at - 1);
  const after = text.charCodeAt(at);
  return before >= 0xd800 && before <= 0xdbff &&
    after >= 0xdc00 && after <= 0xdfff;
}

function* partEvents(part: ContentPart, index: number): Generator<StreamEvent> {
  yield frame("content_block_start", {
    index,
    content_block: emptyBlock(part),
  });
  switch (part.type) {
    case "text":
      for (const text of part.chunks) {
        yield { ...delta(index, { type: "text_delta", text }), text };
      }
      break;
    case "thinking":
      for (const thinking of part.chunks) {
        yield delta(index, { type: "thinking_delta", thinking });
      }
      yield delta(index, { type: "signature_delta", signature: SIGNATURE });
      break;
    case "tool_use":
      for (
        const partial_json of chunkText(
          JSON.stringify(part.input),
          INPUT_PIECE_UNITS,
        )
      ) yield delta(index, { type: "input_json_delta", partial_json });
      break;
  }
  yield frame("content_block_stop", { index });
}

function frame(event: string, data: Record<string, unknown>): StreamEvent {
  return { event, data: { type: event, ...data }, chunk: false };
}

function delta(index: number, value: Record<string, unknown>): StreamEvent {
  return {
    ...frame("content_block_delta", { index, delta: value }),
    chunk: true,
  };
}

function emptyBlock(part: ContentPart): Record<string, unknown> {
  switch (part.type) {
    case "text":
      return { type: "text", text: "" };
    case "thinking":
      return { type: "thinking", thinking: "", signature: "" };
    case "tool_use":
      return { type: "tool_use", id: part.id, name: part.name, input: {} };
  }
}

function plainBlock(part: ContentPart): Record<string, unknown> {
  switch (part.type) {
    case "text":
      return { type: "text", text: part.chunks.join("") };
    case "thinking":
      return {
        type: "thinking",
        thinking: part.chunks.join(""),
        signature: SIGNATURE,
      };
    case "tool_use":
      return {
        type: "tool_use",
        id: part.id,
        name: part.name,
        input: part.input,
      };
  }
}

function stopReasonOf(answer: ModelAnswer): string {
  if (answer.stopReason !== undefined) return answer.stopReason;
  return answer.parts.some((part) => part.type === "tool_use") ? "tool_use" : "end_turn";
}

function usageOf(answer: ModelAnswer): Usage {
  return answer.usage ?? { input_tokens: 0, output_tokens: 0 };
}
