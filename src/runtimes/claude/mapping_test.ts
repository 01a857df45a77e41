import { assertEquals, assertStringIncludes } from "../../../tests/support/assert.ts";
import { ResponseBuilder, type ResponseEvent } from "../../protocol/mod.ts";
import { TurnMapper } from "./mapping.ts";
import { parseMessage } from "./stream.ts";

function mapper(): TurnMapper {
  return new TurnMapper(
    new ResponseBuilder({
      task_id: 1,
      subtask_id: 2,
      response_id: "resp_0",
      created_at: 0,
    }),
  );
}

/** Feeds messages as the CLI prints them. */
function feed(to: TurnMapper, ...messages: Record<string, unknown>[]): ResponseEvent[] {
  return messages.flatMap((message) => {
    const parsed = parseMessage(JSON.stringify(message));
    if (typeof parsed === "string") throw new Error(`${parsed}: ${JSON.stringify(message)}`);
    return to.take(parsed);
  });
}

const stream = (event: unknown, parent: string | null = null) => ({
  type: "stream_event",
  parent_tool_use_id: parent,
  event,
});
const assistant = (content: unknown[], more: Record<string, unknown> = {}) => ({
  type: "assistant",
  message: { model: "m", content },
  ...more,
});
const toolResult = (id: string, content: unknown, is_error = false) => ({
  type: "user",
  message: { role: "user", content: [{ type: "tool_result", tool_use_id: id, content, is_error }] },
});
const result = (more: Record<string, unknown> = {}) => ({
  type: "result",
  subtype: "success",
  is_error: false,
  result: "bye",
  stop_reason: "end_turn",
  session_id: "s1",
  usage: { output_tokens: 3 },
  ...more,
});
const names = (events: readonly ResponseEvent[]) =>
  events.map(({ event }) => event.replace(/^response\./, ""));

Deno.test("TurnMapper.take() streams text and thinking and does not repeat the whole message", () => {
  const events = feed(
    mapper(),
    { type: "system", subtype: "init", session_id: "s1" },
    stream({ type: "message_start", message: {} }),
    stream({ type: "content_block_start", index: 0, content_block: { type: "thinking" } }),
    stream({
      type: "content_block_delta",
      index: 0,
      delta: { type: "thinking_delta", thinking: "hm" },
    }),
    stream({ type: "content_block_start", index: 1, content_block: { type: "text", text: "" } }),
    stream({ type: "content_block_delta", index: 1, delta: { type: "text_delta", text: "Hi" } }),
    assistant([{ type: "text", text: "Hi" }]),
    stream({ type: "message_stop" }),
    assistant([{ type: "text", text: "not streamed" }]),
  );
  assertEquals(names(events), [
    "reasoning_summary_text.delta",
    "output_text.delta",
    "output_text.delta",
  ]);
  assertEquals(events.map(({ data }) => [data["delta"], data["offset"]]), [
    ["hm", undefined],
    ["Hi", 0],
    ["not streamed", 2],
  ]);
});

Deno.test("TurnMapper.take() streams a tool's arguments and tells its result", () => {
  const map = mapper();
  const events = feed(
    map,
    stream({ type: "message_start", message: {} }),
    stream({
      type: "content_block_start",
      index: 0,
      content_block: { type: "tool_use", id: "t1", name: "Bash", input: {} },
    }),
    stream({
      type: "content_block_delta",
      index: 0,
      delta: { type: "input_json_delta", partial_json: '{"command":' },
    }),
    stream({
      type: "content_block_delta",
      index: 0,
      delta: { type: "input_json_delta", partial_json: '"ls"}' },
    }),
    assistant([{ type: "tool_use", id: "t1", name: "Bash", input: { command: "ls" } }]),
    stream({ type: "content_block_stop", index: 0 }),
    stream({ type: "message_stop" }),
  );
  assertEquals(names(events), [
    "output_item.added",
    "function_call_arguments.delta",
    "function_call_arguments.delta",
    "function_call_arguments.done",
  ]);
  assertEquals(events[1]?.data["arguments_summary"], undefined);
  assertEquals(events[2]?.data["arguments_summary"], { command: "ls" });
  assertEquals(map.waitsForModel, false);
  const ended = feed(map, toolResult("t1", [{ type: "text", text: "a.txt" }], true));
  assertEquals(names(ended), ["function_call_arguments.done", "output_item.done"]);
  const item = ended[1]!.data["item"] as Record<string, unknown>;
  assertEquals([item["status"], item["output"], item["arguments"]], [
    "failed",
    "a.txt",
    '{"command":"ls"}',
  ]);
  assertEquals(map.waitsForModel, true);
  assertEquals(feed(map, toolResult("t1", "again"), toolResult("unknown", "x")), []);
});

Deno.test("TurnMapper.take() tells the real arguments when they are not the streamed ones", () => {
  const events = feed(
    mapper(),
    stream({
      type: "content_block_start",
      index: 0,
      content_block: { type: "tool_use", id: "t1", name: "Bash", input: {} },
    }),
    stream({
      type: "content_block_delta",
      index: 0,
      delta: { type: "input_json_delta", partial_json: '{"a":1}' },
    }),
    stream({ type: "content_block_stop", index: 0 }),
    assistant([{ type: "tool_use", id: "t1", name: "Bash", input: { a: 2 } }]),
  );
  const done = events.filter(({ event }) => event.endsWith("arguments.done"));
  assertEquals(done.map(({ data }) => data["arguments"]), ['{"a":1}', '{"a":2}']);
});

Deno.test("TurnMapper.take() hides a subagent's text and keeps its tools apart", () => {
  const events = feed(
    mapper(),
    ...["p1", "p2"].map((parent) =>
      stream({
        type: "content_block_start",
        index: 0,
        content_block: { type: "tool_use", id: `tool-${parent}`, name: "Read", input: {} },
      }, parent)
    ),
    ...["p1", "p2"].map((parent) =>
      stream({
        type: "content_block_delta",
        index: 0,
        delta: { type: "input_json_delta", partial_json: `{"of":"${parent}"}` },
      }, parent)
    ),
    stream({ type: "content_block_stop", index: 0 }, "p1"),
    stream(
      { type: "content_block_delta", index: 1, delta: { type: "text_delta", text: "secret" } },
      "p1",
    ),
    assistant([{ type: "text", text: "secret" }], { parent_tool_use_id: "p1" }),
  );
  const done = events.find(({ event }) => event.endsWith("arguments.done"));
  assertEquals(done?.data["arguments"], '{"of":"p1"}');
  assertEquals(events.filter(({ event }) => event.includes("text")), []);
});

Deno.test("TurnMapper.take() ends a turn with result, session and usage", () => {
  const map = mapper();
  assertEquals(feed(map, result()), []);
  assertEquals(map.outcome, {
    kind: "completed",
    completion: {
      text: "bye",
      usage: { output_tokens: 3 },
      stop_reason: "end_turn",
      extra: { executor_session: { agent: "ClaudeCode", sessionId: "s1" } },
    },
  });
  const empty = mapper();
  feed(empty, result({ result: "" }));
  assertEquals(
    empty.outcome?.kind === "completed" && empty.outcome.completion.text,
    "No result",
  );
  const quiet = mapper();
  feed(
    quiet,
    assistant([{ type: "text", text: "All I say." }]),
    assistant([{ type: "tool_use", id: "t1", name: "x", input: {} }]),
    toolResult("t1", "ok"),
    result({ result: "\n" }),
  );
  assertEquals(
    quiet.outcome?.kind === "completed" && quiet.outcome.completion.text,
    "All I say.",
  );
});

Deno.test("TurnMapper.take() keeps to itself what the CLI tells the model of an interrupted tool", () => {
  const end = (content: string) => {
    const events = feed(
      mapper(),
      assistant([{ type: "tool_use", id: "t1", name: "Bash", input: {} }]),
      toolResult("t1", content, true),
    );
    const item = events.at(-1)?.data["item"] as Record<string, unknown> | undefined;
    return [item?.["status"], item?.["output"]];
  };
  const words = "The user doesn't want to proceed with this tool use. The tool use was rejected …";
  assertEquals(end(words), ["failed", "The turn was ended first"]);
  assertEquals(end("Exit code 1"), ["failed", "Exit code 1"]);
  assertEquals(end("[Request interrupted by user for tool use]"), [undefined, undefined]);
});

Deno.test("TurnMapper.take() tells a subagent's tool whole, and not as one that streams", () => {
  const events = feed(
    mapper(),
    assistant([{ type: "tool_use", id: "t1", name: "Bash", input: { command: "ls" } }], {
      parent_tool_use_id: "t0",
    }),
  );
  assertEquals(names(events), [
    "output_item.added",
    "function_call_arguments.delta",
    "function_call_arguments.done",
  ]);
  assertEquals("argument_status" in (events[0]?.data ?? {}), false);
});

Deno.test("TurnMapper.take() tells a silent exit without a reason without a member for it", () => {
  const silent = mapper();
  feed(
    silent,
    assistant([{ type: "tool_use", id: "t1", name: "x", input: {} }]),
    toolResult("t1", '{"__silent_exit__":true}'),
    result(),
  );
  const { outcome } = silent;
  assertEquals(outcome?.kind === "completed" && outcome.completion.extra, {
    executor_session: { agent: "ClaudeCode", sessionId: "s1" },
    silent_exit: true,
  });
});

Deno.test("TurnMapper.take() notices a silent exit only in a result that is that JSON", () => {
  const silent = mapper();
  feed(
    silent,
    assistant([{ type: "tool_use", id: "t1", name: "x", input: {} }]),
    toolResult("t1", [{ type: "text", text: '{"__silent_exit__":true,"reason":"nothing new"}' }]),
    result(),
  );
  assertEquals(
    silent.outcome?.kind === "completed" &&
      silent.outcome.completion.extra?.["silent_exit_reason"],
    "nothing new",
  );
  const talk = mapper();
  feed(talk, result({ result: 'see {"__silent_exit__":true}' }));
  assertEquals(
    talk.outcome?.kind === "completed" && talk.outcome.completion.extra?.["silent_exit"],
    undefined,
  );
});

Deno.test("TurnMapper.take() tells apart interrupt, failure, unknown session and passing faults", () => {
  const kind = (more: Record<string, unknown>) => {
    const map = mapper();
    feed(map, result(more));
    return map.outcome?.kind ?? map.foreignOutcome?.kind + " (foreign)";
  };
  assertEquals(
    kind({
      subtype: "error_during_execution",
      is_error: true,
      terminal_reason: "aborted_streaming",
    }),
    "interrupted",
  );
  assertEquals(kind({ is_error: true, result: "API Error: 400 bad" }), "failed");
  assertEquals(kind({ subtype: "error_max_turns", result: null }), "failed");
  assertEquals(
    kind({
      subtype: "error_during_execution",
      is_error: true,
      errors: ["No conversation found with session ID: x"],
    }),
    "unknown_session",
  );
  assertEquals(
    kind({
      is_error: true,
      result: "API Error: Cannot read properties of undefined (reading 'x')",
    }),
    "retry",
  );
  assertEquals(kind({ origin: { kind: "task-notification" } }), "completed (foreign)");
});

Deno.test("TurnMapper.take() says that an attempt is repeated, and not the failure's text", () => {
  const events = feed(
    mapper(),
    {
      type: "system",
      subtype: "api_retry",
      attempt: 1,
      max_retries: 3,
      retry_delay_ms: 2000,
      error_status: 529,
    },
    assistant([{ type: "text", text: "API Error: 529" }], { error: "overloaded" }),
  );
  assertEquals(names(events), ["reasoning_summary_text.delta"]);
  assertStringIncludes(
    String(events[0]?.data["delta"]),
    "overloaded (529); trying again in 2 s (attempt 1 of 3)",
  );
});

Deno.test("TurnMapper.waitsForModel is true in the middle of a message even while a tool runs", () => {
  const map = mapper();
  feed(
    map,
    stream({ type: "message_start", message: {} }),
    assistant([{ type: "tool_use", id: "t1", name: "x", input: {} }]),
  );
  assertEquals(map.waitsForModel, true);
  feed(map, stream({ type: "message_stop" }));
  assertEquals(map.waitsForModel, false);
});
