/**
 * The loopback Responses model: OpenAI's Responses API on 127.0.0.1 that does what the prompt's script
 * says (see `responses_script.ts`) and logs what it was asked and what it sent.
 */
import * as z from "zod";
import { chunkText } from "../../src/hub/demo/messages_api.ts";
import { parseJson } from "../../src/platform/mod.ts";
import { delay } from "../../src/platform/std/async.ts";
import { withWords } from "./model_script.ts";
import { RawHttpServer, type RawReply, type RawRequest } from "./raw_http.ts";
import {
  hasScript,
  messagesOf,
  type PlainStep,
  readScript,
  stepFor,
  stepNumber,
} from "./responses_script.ts";
import { Pulse } from "./waiting.ts";

export { type PlainStep, script, type Step } from "./responses_script.ts";

const inputItem = z.looseObject({
  type: z.string().optional(),
  role: z.string().optional(),
  content: z.unknown().optional(),
});
const responsesRequest = z.looseObject({ model: z.string(), input: z.array(inputItem) });
export type ResponsesRequest = z.infer<typeof responsesRequest>;

/** One request as the model saw it, and what became of it. */
export interface LoggedRequest {
  readonly method: string;
  readonly path: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: ResponsesRequest | undefined;
  /** Codex' thread id, "" when the request has none. */
  readonly thread: string;
  /** Last text of a person. */
  prompt: string;
  step: number | undefined;
  attempt: number;
  /** HTTP status answered; 0 before. */
  status: number;
  /** Text sent in deltas so far. */
  sent: string;
  ending: "open" | "finished" | "client closed" | "cut";
}

/** Time for the client to read what was sent before a reset, in milliseconds. */
const CUT_GRACE_MS = 250;

/** A running model. */
export class ResponsesModel {
  readonly log: LoggedRequest[] = [];
  readonly #pulse = new Pulse();
  readonly #attempts = new Map<string, number>();
  readonly #server = new RawHttpServer((request, reply) => this.#handle(request, reply));

  /** @param words What `⟦name⟧` in a script stands for; may be added to. */
  private constructor(readonly words: Record<string, string>) {}

  /** Starts a model on a free port. */
  static async start(words: Readonly<Record<string, string>> = {}): Promise<ResponsesModel> {
    const model = new ResponsesModel({ ...words });
    await model.#server.listen();
    return model;
  }

  /** Base URL for a provider. */
  get url(): string {
    return `${this.#server.url}/v1`;
  }

  /** Requests that ran a step of a script. */
  get scripted(): LoggedRequest[] {
    return this.log.filter(({ step }) => step !== undefined);
  }

  /** Waits until at least `units` UTF-16 units of text are sent. */
  async waitForSent(units: number, ms = 20_000): Promise<void> {
    await this.#pulse.until(
      () => this.scripted.reduce((sum, { sent }) => sum + sent.length, 0) >= units,
      ms,
      () => `${units} units of text from the model; it saw ${this.#summary()}`,
    );
  }

  /** Waits for a request for which `wanted` holds. */
  async waitForRequest(
    wanted: (request: LoggedRequest) => boolean,
    ms = 20_000,
  ): Promise<LoggedRequest> {
    const words = () => `a request to the model; it saw ${this.#summary()}`;
    return await this.#pulse.until(() => this.log.find(wanted), ms, words);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.close();
  }

  #summary(): string {
    return JSON.stringify(
      this.log.slice(-12).map((r) =>
        `${r.method} ${r.path} step ${r.step} ${r.status} ${r.ending}`
      ),
    );
  }

  async #handle(request: RawRequest, reply: RawReply): Promise<void> {
    const { method, path, headers } = request;
    const entry: LoggedRequest = {
      method,
      path,
      headers,
      body: responsesRequest.safeParse(parseJson(request.body)).data,
      thread: headers["thread-id"] ?? headers["session-id"] ?? "",
      prompt: "",
      step: undefined,
      attempt: 0,
      status: 0,
      sent: "",
      ending: "open",
    };
    this.log.push(entry);
    reply.gone.addEventListener("abort", () => {
      if (entry.ending === "open") entry.ending = "client closed";
      this.#pulse.beat();
    });
    if (!/\/responses(?:\?|$)/.test(path) || !entry.body) {
      refuse(entry, { status: 404, message: "Not known to the loopback model" }, reply);
    } else await this.#play(entry, this.#choose(entry, entry.body), reply);
    if (reply.ended && entry.ending === "open") entry.ending = "finished";
    this.#pulse.beat();
  }

  #choose(entry: LoggedRequest, { input }: ResponsesRequest): PlainStep {
    const people = input.map((item) => item.role === "user" ? textOf(item.content) : "");
    entry.prompt = people.findLast((text) => text !== "") ?? "";
    const at = people.findLastIndex(hasScript);
    if (at < 0) return { text: "ok" };
    const steps = readScript(withWords(people[at] ?? "", this.words));
    const answers = input.slice(at + 1).filter(({ role }) =>
      role === undefined || role === "assistant"
    )
      .map(({ type }) => ({ type: type ?? "message" }));
    const number = stepNumber(steps, answers);
    const step = steps[number];
    if (step === undefined) return { text: "ok" };
    const key = `${entry.thread} ${at} ${number}`;
    entry.step = number;
    entry.attempt = this.#attempts.get(key) ?? 0;
    this.#attempts.set(key, entry.attempt + 1);
    return stepFor(step, entry.attempt);
  }

  async #play(entry: LoggedRequest, step: PlainStep, reply: RawReply): Promise<void> {
    this.#pulse.beat();
    try {
      if (step.delayMs) await delay(step.delayMs, { signal: reply.gone });
      if (step.cutAfter === 0) return cut(entry, reply);
      if ((step.status ?? 200) !== 200) return refuse(entry, step, reply);
      await this.#stream(entry, step, reply);
    } catch (error) {
      // Only the client's going away (or the model's being closed) ends a pause.
      if (!reply.gone.aborted) throw error;
    }
  }

  async #stream(entry: LoggedRequest, step: PlainStep, reply: RawReply): Promise<void> {
    entry.status = 200;
    reply.open(200, { "content-type": "text/event-stream", ...step.headers });
    let sent = 0;
    for (const event of eventsOf(step, entry)) {
      const isText = event["type"] === "response.output_text.delta";
      const ends = isText || event["type"] === "response.completed";
      if (isText && sent > 0 && step.gapMs) await delay(step.gapMs, { signal: reply.gone });
      if (ends && sent === step.stallAfter) return;
      if (ends && sent === step.cutAfter) {
        // A reset throws away what the client has not read yet.
        await delay(CUT_GRACE_MS, { signal: reply.gone });
        return cut(entry, reply);
      }
      if (ends && sent === step.failAfter) {
        const error = { code: step.error ?? "server_error", message: step.message ?? "Scripted" };
        write(reply, { type: "response.failed", response: { id: "resp_x", error } });
        break;
      }
      reply.gone.throwIfAborted();
      write(reply, event);
      if (!isText) continue;
      entry.sent += String(event["delta"]);
      sent++;
      this.#pulse.beat();
    }
    reply.end();
  }
}

type Json = Record<string, unknown>;

function* eventsOf(step: PlainStep, entry: LoggedRequest): Iterable<Json> {
  const id = `resp_${entry.step ?? 0}_${entry.attempt}`;
  yield { type: "response.created", response: { id } };
  let index = 0;
  if (step.thinking) yield* reasoning([step.thinking].flat(), `rs_${id}`, index++);
  for (const [number, { text, phase }] of messagesOf(step).entries()) {
    const item = {
      type: "message",
      id: `msg_${id}_${number}`,
      role: "assistant",
      ...(phase && { phase }),
    };
    yield {
      type: "response.output_item.added",
      output_index: index,
      item: { ...item, content: [] },
    };
    for (const delta of chunkText(text, step.chunkSize ?? Math.max(1, text.length))) {
      const place = { item_id: item.id, output_index: index, content_index: 0 };
      yield { type: "response.output_text.delta", ...place, delta };
    }
    const content = [{ type: "output_text", text }];
    yield { type: "response.output_item.done", output_index: index++, item: { ...item, content } };
  }
  if (step.refusal) yield* refusalOf(step.refusal, `rf_${id}`, index++);
  for (const [number, tool] of (step.tools ?? []).entries()) {
    const item = {
      type: "function_call",
      id: `fc_${id}_${number}`,
      call_id: tool.id ?? `call_${entry.step}_${number}`,
      name: tool.name,
      ...(tool.namespace && { namespace: tool.namespace }),
      arguments: JSON.stringify(tool.input ?? {}),
    };
    yield { type: "response.output_item.done", output_index: index++, item };
  }
  const { input_tokens, output_tokens } = step.usage ?? { input_tokens: 100, output_tokens: 20 };
  const usage = { input_tokens, output_tokens, total_tokens: input_tokens + output_tokens };
  if (step.incomplete) {
    const response = { id, usage, incomplete_details: { reason: step.incomplete } };
    yield { type: "response.incomplete", response };
  } else yield { type: "response.completed", response: { id, usage } };
}

function* refusalOf(refusal: string, id: string, index: number): Iterable<Json> {
  const item = { type: "message", id, role: "assistant" };
  const place = { item_id: id, output_index: index, content_index: 0 };
  yield { type: "response.output_item.added", output_index: index, item: { ...item, content: [] } };
  yield { type: "response.refusal.delta", ...place, delta: refusal };
  const content = [{ type: "refusal", refusal }];
  yield { type: "response.output_item.done", output_index: index, item: { ...item, content } };
}

function* reasoning(parts: readonly string[], id: string, index: number): Iterable<Json> {
  const item = { type: "reasoning", id, summary: [] as Json[] };
  yield { type: "response.output_item.added", output_index: index, item };
  for (const [summary_index, text] of parts.entries()) {
    const place = { item_id: id, output_index: index, summary_index };
    yield { type: "response.reasoning_summary_part.added", ...place };
    for (const delta of chunkText(text, 8)) {
      yield { type: "response.reasoning_summary_text.delta", ...place, delta };
    }
  }
  const summary = parts.map((text) => ({ type: "summary_text", text }));
  const done = { ...item, summary, encrypted_content: "c2NyaXB0ZWQ=" };
  yield { type: "response.output_item.done", output_index: index, item: done };
}

function write(reply: RawReply, event: Json): void {
  reply.write(`event: ${event["type"]}\ndata: ${JSON.stringify(event)}\n\n`);
}

function cut(entry: LoggedRequest, reply: RawReply): void {
  entry.ending = "cut";
  reply.reset();
}

function refuse(entry: LoggedRequest, step: PlainStep, reply: RawReply): void {
  entry.status = step.status ?? 500;
  const message = step.message ?? `Scripted refusal (${entry.status})`;
  const type = step.error ?? "scripted_error";
  reply.send(entry.status, JSON.stringify({ error: { message, type, code: type, param: null } }), {
    "content-type": "application/json",
    ...step.headers,
  });
}

function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  const blocks = Array.isArray(content) ? content : [];
  return blocks.map((block: { text?: unknown } | null) => block?.text)
    .filter((text) => typeof text === "string").join("\n");
}
