/**
 * The answering side of OpenAI's Responses API, as far as Codex needs it: the server-sent events of a
 * streamed answer, and error bodies. Pure functions, no I/O.
 */
import type { ContentPart, ModelAnswer, StreamEvent } from "./messages_api.ts";

type Json = Record<string, unknown>;

/** Codex refuses reasoning without it; nobody reads its value. */
const ENCRYPTED = "c2NyaXB0ZWQ=";

/** The events of `answer` in the order in which they have to be sent. */
export function* responseEvents(answer: ModelAnswer): Generator<StreamEvent> {
  const { id } = answer;
  yield frame("response.created", { response: { id } });
  for (const [output_index, part] of answer.parts.entries()) {
    yield* partEvents(part, `${id}_${output_index}`, output_index);
  }
  const { input_tokens, output_tokens } = answer.usage ?? { input_tokens: 0, output_tokens: 0 };
  yield frame("response.completed", {
    response: {
      id,
      usage: { input_tokens, output_tokens, total_tokens: input_tokens + output_tokens },
    },
  });
}

/** The body of a refused request. */
export function responsesErrorBody(type: string, message: string): Json {
  return { error: { message, type, code: type, param: null } };
}

function* partEvents(part: ContentPart, id: string, output_index: number): Generator<StreamEvent> {
  switch (part.type) {
    case "text": {
      const item = { type: "message", id: `msg_${id}`, role: "assistant" };
      yield frame("response.output_item.added", { output_index, item: { ...item, content: [] } });
      const place = { item_id: item.id, output_index, content_index: 0 };
      for (const delta of part.chunks) {
        yield { ...chunk("response.output_text.delta", { ...place, delta }), text: delta };
      }
      const content = [{ type: "output_text", text: part.chunks.join("") }];
      return yield frame("response.output_item.done", { output_index, item: { ...item, content } });
    }
    case "thinking": {
      const item = { type: "reasoning", id: `rs_${id}`, summary: [] as Json[] };
      yield frame("response.output_item.added", { output_index, item });
      const place = { item_id: item.id, output_index, summary_index: 0 };
      yield frame("response.reasoning_summary_part.added", place);
      for (const delta of part.chunks) {
        yield chunk("response.reasoning_summary_text.delta", { ...place, delta });
      }
      const summary = [{ type: "summary_text", text: part.chunks.join("") }];
      const done = { ...item, summary, encrypted_content: ENCRYPTED };
      return yield frame("response.output_item.done", { output_index, item: done });
    }
    case "tool_use": {
      const item = {
        type: "function_call",
        id: `fc_${id}`,
        call_id: part.id,
        name: part.name,
        arguments: JSON.stringify(part.input),
      };
      return yield frame("response.output_item.done", { output_index, item });
    }
  }
}

function frame(event: string, data: Json): StreamEvent {
  return { event, data: { type: event, ...data }, chunk: false };
}

function chunk(event: string, data: Json): StreamEvent {
  return { ...frame(event, data), chunk: true };
}
