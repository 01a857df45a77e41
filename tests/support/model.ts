/**
 * The loopback model: a Messages API on 127.0.0.1 that does what the prompt's script says (see
 * `model_script.ts`) and logs what it was asked and what it sent.
 */
import {
  chunkText,
  type ContentPart,
  encodeEvent,
  errorBody,
  errorEvent,
  errorTypeOf,
  messageBody,
  type ModelAnswer,
  streamEvents,
} from "../../src/hub/demo/messages_api.ts";
import {
  lastPersonMessage,
  type MessagesRequest,
  messagesRequest,
  personText,
} from "../../src/hub/demo/messages_request.ts";
import { delay } from "../../src/platform/std/async.ts";
import { hasScript, type PlainStep, readScript, stepFor, withWords } from "./model_script.ts";
import { RawHttpServer, type RawReply, type RawRequest } from "./raw_http.ts";
import { Pulse } from "./waiting.ts";

export { callTool, type PlainStep, say, script, type Step } from "./model_script.ts";

/** How a response ended: whole, by the client's going away, by our reset, or not yet. */
export type Ending = "open" | "finished" | "client closed" | "cut";

/** One request as the model saw it, and what became of it. */
export interface LoggedRequest {
  /** Place in the log, from 0. */
  readonly index: number;
  readonly method: string;
  /** With the query. */
  readonly path: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** The parsed body; undefined when there was none. */
  readonly body: MessagesRequest | undefined;
  /** Claude Code's session id, "" when the request has none. */
  readonly session: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** The last text of a person in the request. */
  readonly prompt: string;
  /** Step of the script that answers, from 0; undefined when the request has no script. */
  readonly step: number | undefined;
  /** Attempt at that step, from 0. */
  readonly attempt: number;
  /** HTTP status answered; 0 before. */
  status: number;
  /** The exact text sent in text deltas (or in the JSON body) so far. */
  sent: string;
  /** Chunks of text sent so far. */
  chunksSent: number;
  ending: Ending;
}

/** A running loopback model. */
export interface LoopbackModel {
  /** Base URL for `ANTHROPIC_BASE_URL`, without a trailing slash. */
  readonly url: string;
  /** See {@link ModelOptions.words}; may be added to. */
  readonly words: Record<string, string>;
  /** Every request, in order of arrival. */
  readonly log: readonly LoggedRequest[];
  /** Requests to `/v1/messages` that ran a step of a script. */
  scripted(session?: string): LoggedRequest[];
  /** All text sent so far to scripted requests, of one session or of all, in order. */
  sentText(session?: string): string;
  /** Waits for a request for which `wanted` holds. */
  waitForRequest(
    wanted: (request: LoggedRequest) => boolean,
    ms: number,
  ): Promise<LoggedRequest>;
  /** Waits until at least `units` UTF-16 units of scripted text are sent (see `sentText`). */
  waitForSent(units: number, ms: number, session?: string): Promise<void>;
  /** Waits until no response is open. */
  waitForIdle(ms: number): Promise<void>;
  /** Ends all connections and the server. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Time for the client to read what was sent before a reset, in milliseconds. */
const CUT_GRACE_MS = 250;

/** Options of {@link startModel}. */
export interface ModelOptions {
  /** What a request without a script gets. @default the text "ok" */
  readonly fallback?: PlainStep;
  /** Port to listen on. @default 0 (any free one) */
  readonly port?: number;
  /** By name: what the model says for `⟦name⟧` in a script, so that a prompt need not hold it. */
  readonly words?: Readonly<Record<string, string>>;
  /** Whether a connection serves more than one request. @default true */
  readonly keepAlive?: boolean;
}

/** Starts a loopback model. */
export async function startModel(
  options: ModelOptions = {},
): Promise<LoopbackModel> {
  const { fallback = { text: "ok" }, words = {}, keepAlive = true } = options;
  const model = new Model(fallback, { ...words }, keepAlive);
  await model.listen(options.port ?? 0);
  return model;
}

class Model implements LoopbackModel {
  readonly log: LoggedRequest[] = [];
  #pulse = new Pulse();
  #attempts = new Map<string, number>();
  readonly #server: RawHttpServer;

  constructor(
    readonly fallback: PlainStep,
    readonly words: Record<string, string>,
    keepAlive: boolean,
  ) {
    this.#server = new RawHttpServer((request, reply) => this.#handle(request, reply), keepAlive);
  }

  get url(): string {
    return this.#server.url;
  }

  listen(port: number): Promise<void> {
    return this.#server.listen(port);
  }

  scripted(session?: string): LoggedRequest[] {
    return this.log.filter((entry) =>
      entry.step !== undefined &&
      (session === undefined || entry.session === session)
    );
  }

  sentText(session?: string): string {
    return this.scripted(session).map(({ sent }) => sent).join("");
  }

  waitForRequest(
    wanted: (request: LoggedRequest) => boolean,
    ms: number,
  ): Promise<LoggedRequest> {
    return this.#pulse.until(
      () => this.log.find(wanted),
      ms,
      () => `a request to the model; it saw ${this.#summary()}`,
    );
  }

  async waitForSent(units: number, ms: number, session?: string) {
    await this.#pulse.until(
      () => this.sentText(session).length >= units,
      ms,
      () => `${units} units of text from the model; it saw ${this.#summary()}`,
    );
  }

  async waitForIdle(ms: number) {
    await this.#pulse.until(
      () => this.log.every(({ ending }) => ending !== "open"),
      ms,
      () => `the end of all responses; the model saw ${this.#summary()}`,
    );
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #summary(): string {
    return JSON.stringify(
      this.log.slice(-12).map((r) =>
        `${r.method} ${r.path} step ${r.step} attempt ${r.attempt} → ${r.status} ${r.ending} ${r.sent.length}`
      ),
    );
  }

  async #handle(request: RawRequest, reply: RawReply): Promise<void> {
    const { entry, step } = this.#enter(request);
    this.log.push(entry);
    reply.gone.addEventListener("abort", () => {
      if (entry.ending === "open") entry.ending = "client closed";
      this.#pulse.beat();
    });
    this.#pulse.beat();
    if (step === undefined) answerOther(entry, reply);
    else await this.#play(entry, step, reply);
    if (reply.ended && entry.ending === "open") entry.ending = "finished";
    this.#pulse.beat();
  }

  /** The log entry of a request and, when it asks for a message, what it gets. */
  #enter(request: RawRequest): {
    entry: LoggedRequest;
    step: PlainStep | undefined;
  } {
    const { path, headers } = request;
    const entry = {
      index: this.log.length,
      method: request.method,
      path,
      headers,
      body: undefined as MessagesRequest | undefined,
      session: headers["x-claude-code-session-id"] ?? "",
      at: Date.now(),
      prompt: "",
      step: undefined as number | undefined,
      attempt: 0,
      status: 0,
      sent: "",
      chunksSent: 0,
      ending: "open" as Ending,
    };
    if (!/\/v1\/messages(?:\?|$)/.test(path)) return { entry, step: undefined };
    const parsed = messagesRequest.safeParse(parseJson(request.body));
    if (!parsed.success) {
      return { entry, step: { status: 400, message: parsed.error.message } };
    }
    entry.body = parsed.data;
    return { entry, step: this.#choose(entry, parsed.data) };
  }

  #choose(
    entry: { -readonly [K in keyof LoggedRequest]: LoggedRequest[K] },
    body: MessagesRequest,
  ): PlainStep {
    const { messages } = body;
    const any = messages[lastPersonMessage(messages)];
    entry.prompt = any ? personText(any) : "";
    const at = lastPersonMessage(messages, hasScript);
    const holder = messages[at];
    // Claude Code's own errands (naming the conversation, …) have no tools and must not use up steps.
    if (holder === undefined || !body.tools?.length) return this.fallback;
    let steps;
    try {
      steps = readScript(withWords(personText(holder), this.words));
    } catch (error) {
      return { status: 400, message: `Unreadable script: ${error}` };
    }
    const number = messages.slice(at).filter(({ role }) => role === "assistant").length;
    const step = steps[number];
    if (step === undefined) {
      if (entry.prompt !== personText(holder)) return this.fallback;
      return { status: 400, message: `The script has no step ${number}` };
    }
    // Not by its place: that changes when the conversation is summarised.
    const key = `${entry.session} ${number} ${personText(holder)}`;
    entry.step = number;
    entry.attempt = this.#attempts.get(key) ?? 0;
    this.#attempts.set(key, entry.attempt + 1);
    return stepFor(step, entry.attempt);
  }

  async #play(
    entry: LoggedRequest,
    step: PlainStep,
    reply: RawReply,
  ): Promise<void> {
    try {
      if (step.delayMs) await delay(step.delayMs, { signal: reply.gone });
      if (step.cutAfter === 0) return cut(entry, reply);
      const status = step.status ?? 200;
      if (status !== 200) return refuse(entry, step, status, reply);
      const answer = answerOf(entry, step);
      if (entry.body?.stream === true) {
        await this.#stream(entry, step, answer, reply);
      } else this.#plain(entry, step, answer, reply);
    } catch (error) {
      // Only the client's going away (or the model's being closed) ends a pause.
      if (!reply.gone.aborted) throw error;
    }
  }

  async #stream(
    entry: LoggedRequest,
    step: PlainStep,
    answer: ModelAnswer,
    reply: RawReply,
  ): Promise<void> {
    const signal = reply.gone;
    entry.status = 200;
    reply.open(200, { "content-type": "text/event-stream", ...step.headers });
    let chunks = 0;
    for (const event of streamEvents(answer)) {
      if (event.chunk && chunks++ > 0 && step.gapMs) {
        await delay(step.gapMs, { signal });
      }
      if (event.text !== undefined || event.event === "content_block_stop") {
        if (entry.chunksSent === step.errorAfter) {
          const type = step.error ?? "overloaded_error";
          reply.write(
            encodeEvent(errorEvent(type, step.message ?? "Overloaded")),
          );
          break;
        }
        if (entry.chunksSent === step.cutAfter) {
          // A reset throws away what the client has not read yet.
          await delay(CUT_GRACE_MS, { signal });
          return cut(entry, reply);
        }
        if (entry.chunksSent === step.stallAfter) return;
      }
      signal.throwIfAborted();
      reply.write(encodeEvent(event));
      if (event.text === undefined) continue;
      entry.sent += event.text;
      entry.chunksSent++;
      this.#pulse.beat();
    }
    reply.end();
  }

  /** A request without a stream meets the same faults; it has no half-way point. */
  #plain(
    entry: LoggedRequest,
    step: PlainStep,
    answer: ModelAnswer,
    reply: RawReply,
  ): void {
    if (step.cutAfter !== undefined) return cut(entry, reply);
    if (step.stallAfter !== undefined) return;
    if (step.errorAfter !== undefined) {
      return refuse(entry, step, 529, reply);
    }
    entry.status = 200;
    entry.sent = step.text ?? "";
    sendJson(reply, 200, messageBody(answer), step.headers);
    this.#pulse.beat();
  }
}

function cut(entry: LoggedRequest, reply: RawReply): void {
  entry.ending = "cut";
  reply.reset();
}

function answerOf(entry: LoggedRequest, step: PlainStep): ModelAnswer {
  const parts: ContentPart[] = [];
  if (step.thinking) {
    parts.push({ type: "thinking", chunks: chunkText(step.thinking, 16) });
  }
  if (step.text) parts.push({ type: "text", chunks: textChunks(step) });
  for (const [index, tool] of (step.tools ?? []).entries()) {
    parts.push({
      type: "tool_use",
      id: tool.id ?? `toolu_${entry.index}_${index}`,
      name: tool.name,
      input: tool.input ?? {},
    });
  }
  return {
    id: `msg_${entry.index}`,
    model: entry.body?.model ?? "",
    parts,
    ...(step.stopReason && { stopReason: step.stopReason }),
    usage: step.usage ?? { input_tokens: 100, output_tokens: 20 },
  };
}

function textChunks({ text = "", chunks = 1, chunkSize }: PlainStep): string[] {
  return chunkText(text, chunkSize ?? Math.ceil(text.length / chunks));
}

function refuse(
  entry: LoggedRequest,
  step: PlainStep,
  status: number,
  reply: RawReply,
): void {
  entry.status = status;
  const body = errorBody(
    step.error ?? errorTypeOf(status),
    step.message ?? `Scripted refusal (${status})`,
  );
  sendJson(reply, status, body, step.headers);
}

/** `HEAD /`, token counts, and whatever else a client may ask. */
function answerOther(
  entry: LoggedRequest,
  reply: RawReply,
): void {
  const counts = entry.path.includes("/v1/messages/count_tokens");
  entry.status = counts || entry.path === "/" ? 200 : 404;
  if (entry.method === "HEAD") return reply.send(entry.status, "", {});
  sendJson(
    reply,
    entry.status,
    counts ? { input_tokens: 10 } : errorBody("not_found_error", "Not known to the loopback model"),
  );
}

function sendJson(
  reply: RawReply,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  reply.send(status, JSON.stringify(body), {
    "content-type": "application/json",
    ...headers,
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
