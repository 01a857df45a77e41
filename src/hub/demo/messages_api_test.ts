import { assert, assertEquals, assertThrows } from "../../../tests/support/assert.ts";
import {
  chunkText,
  encodeEvent,
  errorTypeOf,
  messageBody,
  type ModelAnswer,
  streamEvents,
} from "./messages_api.ts";

const answer: ModelAnswer = {
  id: "msg_1",
  model: "m",
  parts: [
    { type: "thinking", chunks: ["hm", "m"] },
    { type: "text", chunks: ["run", " it"] },
    { type: "tool_use", id: "toolu_1", name: "Bash", input: { command: "ls" } },
  ],
  usage: { input_tokens: 3, output_tokens: 5 },
};

Deno.test("streamEvents() opens and closes every block and ends the message", () => {
  const names = [...streamEvents(answer)].map(({ event }) => event);
  assertEquals(names[0], "message_start");
  assertEquals(names.slice(-2), ["message_delta", "message_stop"]);
  assertEquals(names.filter((n) => n === "content_block_start").length, 3);
  assertEquals(names.filter((n) => n === "content_block_stop").length, 3);
});

Deno.test("streamEvents() carries visible text in text_delta events only", () => {
  const texts = [...streamEvents(answer)].map(({ text }) => text);
  assertEquals(texts.filter((text) => text !== undefined), ["run", " it"]);
});

Deno.test("streamEvents() says tool_use when a tool is called", () => {
  const last = [...streamEvents(answer)].find((e) => e.event === "message_delta");
  assertEquals(
    (last?.data["delta"] as { stop_reason: string }).stop_reason,
    "tool_use",
  );
});

Deno.test("encodeEvent() writes the event line that Claude Code requires", () => {
  const text = encodeEvent({
    event: "ping",
    data: { a: "x\ny" },
    chunk: false,
  });
  assertEquals(text, 'event: ping\ndata: {"a":"x\\ny"}\n\n');
});

Deno.test("messageBody() holds the same content as the stream", () => {
  const body = messageBody(answer);
  assertEquals(body["stop_reason"], "tool_use");
  assertEquals((body["content"] as { type: string }[]).map((b) => b.type), [
    "thinking",
    "text",
    "tool_use",
  ]);
});

Deno.test("chunkText() keeps surrogate pairs together and loses nothing", () => {
  const text = "a😀b😀😀";
  for (let size = 1; size < 8; size++) {
    const pieces = chunkText(text, size);
    assertEquals(pieces.join(""), text);
    assert(pieces.every((piece) => piece.isWellFormed()));
  }
  assertEquals(chunkText("", 3), []);
  assertThrows(() => chunkText("a", 0), RangeError, "got 0");
});

Deno.test("errorTypeOf() falls back to api_error", () => {
  assertEquals(errorTypeOf(529), "overloaded_error");
  assertEquals(errorTypeOf(502), "api_error");
});
