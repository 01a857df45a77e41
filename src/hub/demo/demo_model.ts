/**
 * The demo model: a Messages and a Responses API endpoint with scripted answers, so that a fresh machine
 * without a key runs the whole path (hub, device, real Claude Code or Codex) and says so. No network, no
 * state.
 */
import { AGENTS } from "../../protocol/mod.ts";
import {
  encodeEvent,
  errorBody,
  messageBody,
  type ModelAnswer,
  type StreamEvent,
  streamEvents,
} from "./messages_api.ts";
import { type MessagesRequest, messagesRequest, systemText, turnOf } from "./messages_request.ts";
import { DEMO_NOTICE, type DemoAnswer, demoAnswer, withoutHints, words } from "./demo_script.ts";
import { responseEvents, responsesErrorBody } from "./responses_api.ts";
import { EXEC, type ResponsesRequest, responsesRequest, turnOfInput } from "./responses_request.ts";
import { delay } from "../../platform/std/async.ts";

/** The largest request the demo model reads, in bytes; the API itself takes 32 MB. */
const MAX_REQUEST_BYTES = 32 * 1024 * 1024;

/**
 * Answers `HEAD /`, `POST …/v1/messages` (streamed or not), `POST …/v1/messages/count_tokens` and
 * `POST …/v1/responses` (streamed); the paths may have a prefix. Everything else is 404.
 *
 * A stream whose reader goes away stops at once.
 */
export async function demoResponse(request: Request): Promise<Response> {
  const path = new URL(request.url).pathname.replace(/\/+$/, "");
  if (request.method === "HEAD" || request.method === "GET") {
    return new Response(null, { status: path.includes("/v1/") ? 404 : 200 });
  }
  if (request.method !== "POST") return refusal(404, "not_found_error");
  if (path.endsWith("/v1/messages/count_tokens")) {
    return Response.json({ input_tokens: 10 });
  }
  const responses = path.endsWith("/v1/responses");
  if (!responses && !path.endsWith("/v1/messages")) return refusal(404, "not_found_error");
  const body = await readJson(request);
  if (body === undefined) return refusal(413, "request_too_large", responses);
  if (responses) {
    const asked = responsesRequest.safeParse(body);
    return asked.success
      ? answerCodex(asked.data)
      : refusal(400, "invalid_request_error", responses);
  }
  const parsed = messagesRequest.safeParse(body);
  if (!parsed.success) return refusal(400, "invalid_request_error");
  return answer(parsed.data);
}

function answer(request: MessagesRequest): Response {
  const { parts, gapMs } = choose(request);
  const message: ModelAnswer = {
    id: `msg_${shortId()}`,
    model: request.model,
    parts,
  };
  if (request.stream !== true) return Response.json(messageBody(message));
  return streamed(streamEvents(message), gapMs);
}

/** Codex has one tool for everything the script does; it has no errands of its own. */
function answerCodex(request: ResponsesRequest): Response {
  const offered = (request.tools ?? []).some(({ name }) => name === EXEC);
  const turn = turnOfInput(request);
  const { parts, gapMs } = demoAnswer({
    ...turn,
    prompt: withoutHints(turn.prompt),
    agent: AGENTS.codex.name,
    cwd: undefined,
    tools: new Set(offered ? ["Bash"] : []),
    toolId: () => `call_${shortId()}`,
  });
  const answer: ModelAnswer = {
    id: `resp_${shortId()}`,
    model: request.model,
    parts: parts.map((part) =>
      part.type === "tool_use"
        ? { ...part, name: EXEC, input: { cmd: part.input["command"] } }
        : part
    ),
  };
  return streamed(responseEvents(answer), gapMs);
}

function streamed(events: Iterator<StreamEvent>, gapMs: number): Response {
  return new Response(paced(events, gapMs), {
    headers: {
      "content-type": "text/event-stream",
      "cache-control": "no-store",
    },
  });
}

function choose(request: MessagesRequest): DemoAnswer {
  const tools = new Set((request.tools ?? []).map(({ name }) => name ?? ""));
  const system = systemText(request);
  if (tools.size === 0) return { parts: [words(aside(system))], gapMs: 0 };
  const turn = turnOf(request);
  return demoAnswer({
    ...turn,
    prompt: withoutHints(turn.prompt),
    agent: AGENTS.claude.name,
    cwd: workingDirectory(turn.prompt) ?? workingDirectory(system),
    tools,
    toolId: () => `toolu_${shortId()}`,
  });
}

/** Requests without tools are Claude Code's own errands, such as naming the conversation. */
function aside(system: string): string {
  if (!/\btitle\b/i.test(system)) return DEMO_NOTICE;
  return /\bjson\b/i.test(system)
    ? JSON.stringify({ title: "Demo conversation" })
    : "Demo conversation";
}

/** The prompt's own line wins over the environment section of the system prompt. */
function workingDirectory(text: string): string | undefined {
  const found = /^[ \t>*-]*(?:current |primary )?working directory:[ \t]*(\S.*?)[ \t]*$/im
    .exec(text);
  return found?.[1];
}

/** The bytes of a streamed answer with a pause before every chunk but the first. */
function paced(
  events: Iterator<StreamEvent>,
  gapMs: number,
): ReadableStream<Uint8Array> {
  const gone = new AbortController();
  const encoder = new TextEncoder();
  let chunks = 0;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = events.next();
      if (next.done) return controller.close();
      if (next.value.chunk && chunks++ > 0 && gapMs > 0) {
        try {
          await delay(gapMs, { signal: gone.signal });
        } catch {
          // The only cause is the reader's going away (`cancel` below): nothing is left to send.
          return;
        }
      }
      controller.enqueue(encoder.encode(encodeEvent(next.value)));
    },
    cancel() {
      gone.abort();
    },
  });
}

/** The parsed body, null when it is not JSON, undefined when it is too large. */
async function readJson(request: Request): Promise<unknown> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const part of request.body ?? []) {
    bytes += part.byteLength;
    if (bytes > MAX_REQUEST_BYTES) return undefined;
    text += decoder.decode(part, { stream: true });
  }
  try {
    return JSON.parse(text + decoder.decode());
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function refusal(status: number, type: string, responses = false): Response {
  const message = `The demo model cannot answer this request (${status})`;
  const body = responses ? responsesErrorBody(type, message) : errorBody(type, message);
  return Response.json(body, { status });
}

function shortId(): string {
  return crypto.randomUUID().replaceAll("-", "").slice(0, 24);
}
