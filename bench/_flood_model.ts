/** A model that sends a prepared answer of many small chunks in as few writes as possible. */
import { encodeEvent, type ModelAnswer, streamEvents } from "../src/hub/demo/messages_api.ts";
import { RawHttpServer } from "../tests/support/raw_http.ts";

/** UTF-16 units of one write. */
const PIECE = 64 * 1024;

/** A running model. */
export interface FloodModel extends AsyncDisposable {
  readonly url: string;
}

/** Starts a model whose every answer has `chunks` chunks. */
export async function startFloodModel(chunks: number): Promise<FloodModel> {
  const text = [...streamEvents(floodAnswer(chunks))].map(encodeEvent).join("");
  const server = new RawHttpServer(({ path }, reply) => {
    if (/\/v1\/messages(\?|$)/.test(path)) {
      reply.open(200, { "content-type": "text/event-stream" });
      for (let at = 0; at < text.length; at += PIECE) reply.write(text.slice(at, at + PIECE));
      reply.end();
    } else reply.send(200, '{"input_tokens":1}', { "content-type": "application/json" });
    return Promise.resolve();
  });
  await server.listen();
  return { url: server.url, [Symbol.asyncDispose]: () => server.close() };
}

/** An answer of `chunks` small pieces of text. */
export function floodAnswer(chunks: number): ModelAnswer {
  return {
    id: "msg_flood",
    model: "claude-opus-4-8",
    parts: [{ type: "text", chunks: Array.from({ length: chunks }, () => "a word ") }],
  };
}
