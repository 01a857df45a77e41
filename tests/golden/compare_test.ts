/** The matcher itself: what it takes, and above all what it refuses. */
import { assertEquals, assertStringIncludes } from "../support/assert.ts";
import { compare } from "./compare.ts";
import { parseGolden } from "./golden_file.ts";
import type { Received } from "./rules.ts";

const WHOSE = { taskId: 7, subtaskId: 9, sequenced: false };
const RESP = "resp_0123456789abcdef01234567";
const GOLDEN = `
# A turn with one tool.
response.in_progress
response.reasoning_summary_text.delta+ "Hm."
response.output_text.delta+ "Hi 😀."
response.output_item.added {
  item: {type: "function_call", id: <id:1>, call_id: <id:1>, name: "Bash", arguments: ""},
  argument_status: "streaming", arguments_summary: {},
}
response.function_call_arguments.delta+ {item_id: <id:1>, arguments_summary: {c: 1}} "{\\"c\\":1}"
response.function_call_arguments.done {item_id: <id:1>, arguments: json {c: 1}}
response.output_item.done {item: {type: "function_call", id: <id:1>, status: "completed", ...}}
response.output_text.delta+ "Bye"
response.completed {response: {output: message "Bye", usage: <any>, stop_reason: "end_turn"}}
`;

type Data = Record<string, unknown>;

function event(name: string, data: Data): Received {
  return {
    event: name,
    payload: { event_type: name, task_id: 7, subtask_id: 9, data: { type: name, ...data } },
  };
}

const TEXT = { item_id: "msg_9", output_index: 0, content_index: 0 };
const TOOL = { response_id: RESP, output_index: 1 };
const text = (delta: string, offset: number) =>
  event("response.output_text.delta", { ...TEXT, delta, offset });
const response = (status: string, more: Data) => ({
  response: {
    id: RESP,
    object: "response",
    created_at: Math.floor(Date.now() / 1000),
    model: "",
    status,
    ...more,
  },
});
const call = (more: Data) => ({
  item: { type: "function_call", id: "t1", call_id: "t1", name: "Bash", arguments: "", ...more },
});
const completed = (answer: string) =>
  event(
    "response.completed",
    response("completed", {
      output: [{
        type: "message",
        id: "msg_9",
        status: "completed",
        role: "assistant",
        content: [{ type: "output_text", text: answer, annotations: [] }],
      }],
      usage: null,
      stop_reason: "end_turn",
    }),
  );

/** Events that are right. */
function right(): Received[] {
  const args = { ...TOOL, item_id: "t1" };
  return [
    event("response.in_progress", response("in_progress", { output: [] })),
    event("response.reasoning_summary_text.delta", { ...TEXT, delta: "Hm." }),
    text("Hi ", 0),
    text("😀.", 3),
    event("response.output_item.added", {
      ...TOOL,
      ...call({}),
      argument_status: "streaming",
      arguments_summary: {},
    }),
    event("response.function_call_arguments.delta", { ...args, delta: '{"c":' }),
    event("response.function_call_arguments.delta", {
      ...args,
      delta: "1}",
      arguments_summary: { c: 1 },
    }),
    event("response.function_call_arguments.done", { ...args, arguments: '{"c":1}' }),
    event("response.output_item.done", { ...TOOL, ...call({ status: "completed", output: "x" }) }),
    text("Bye", 6),
    completed("Bye"),
  ];
}

/** The difference when the events are changed. */
function changed(change: (events: Received[]) => void): string {
  const events = right();
  change(events);
  return compare(parseGolden(GOLDEN), events, WHOSE) ?? "(no difference)";
}

/** The event at `at` with other members in its data. */
function withData(events: Received[], at: number, more: Data): void {
  const { event: name, payload } = events[at]!;
  const { data } = payload as { data: Data };
  events[at] = event(name, { ...data, ...more });
}

Deno.test("compare() takes the events a golden file says", () => {
  assertEquals(changed(() => {}), "(no difference)");
});

const FAULTS: readonly [name: string, change: (events: Received[]) => void, words: string][] = [
  ["a missing event", (e) => e.splice(1, 1), "wanted response.reasoning_summary_text.delta, got"],
  ["a missing last event", (e) => e.pop(), "no terminal event came"],
  ["an extra event", (e) => e.splice(1, 0, event("response.noise", {})), "got response.noise"],
  ["a second progress event", (e) => e.splice(1, 0, e[0]!), "got response.in_progress"],
  ["another order", (e) => e.splice(1, 2, e[2]!, e[1]!), "got response.output_text.delta"],
  ["a wrong offset", (e) => withData(e, 3, { offset: 4 }), "offset is 4, wanted 3"],
  ["an offset in code points", (e) => withData(e, 9, { offset: 5 }), "offset is 5, wanted 6"],
  ["another text", (e) => withData(e, 9, { delta: "By!" }), 'all pieces: wanted "Bye"'],
  ["an empty piece", (e) => e.splice(3, 0, text("", 3)), "delta is no text, or empty"],
  ["another id of the same tool", (e) => withData(e, 7, { item_id: "t2" }), "data.item_id: wanted"],
  ["another response", (e) => withData(e, 7, { response_id: `${RESP.slice(0, -1)}8` }), "<resp>"],
  ["an item of another turn", (e) => withData(e, 3, { item_id: "msg_8" }), "msg_9"],
  ["an extra member", (e) => withData(e, 7, { extra: 1 }), "data.extra: wanted no such member"],
  ["a missing member", (e) => withData(e, 4, { argument_status: undefined }), "argument_status"],
  ["a wrong type in the data", (e) => withData(e, 7, { type: "x" }), 'data.type is "x"'],
  ["a second terminal event", (e) => e.push(e.at(-1)!), "it comes after the terminal event"],
  [
    "another terminal event",
    (e) => e.push(event("error", { code: "x", message: "y" })),
    "(the end)",
  ],
  ["text after the end", (e) => e.push(text("more", 9)), "it comes after the terminal event"],
  ["an index that does not wait", (e) => withData(e, 8, { output_index: 2 }), "output_index is 2"],
  ["an index that does not advance", (e) => withData(e, 9, { output_index: 1 }), "output_index"],
  [
    "arguments that never are told whole",
    (e) => withData(e, 6, { arguments_summary: undefined }),
    "arguments_summary",
  ],
  [
    "arguments told too early",
    (e) => withData(e, 5, { arguments_summary: { c: 1 } }),
    "arguments_summary is not what came so far",
  ],
  [
    "arguments told wrong",
    (e) => withData(e, 6, { arguments_summary: { c: 2 } }),
    "wanted 1, got 2",
  ],
  ["other arguments", (e) => withData(e, 7, { arguments: '{"c":2}' }), "(JSON).c: wanted 1, got 2"],
  ["a tool nobody has announced", (e) => e.splice(4, 1), 'no output_item.added came for "t1"'],
  ["another status", (e) => withData(e, 8, call({ status: "failed" })), 'wanted "completed"'],
  [
    "an envelope of another turn",
    (e) => (e[3]!.payload as Data)["subtask_id"] = 8,
    "subtask_id is 8",
  ],
  ["an envelope with another member", (e) => (e[3]!.payload as Data)["seq"] = 8, "envelope"],
];
for (const [name, change, words] of FAULTS) {
  Deno.test(`compare() refuses ${name}`, () => assertStringIncludes(changed(change), words));
}

Deno.test("compare() wants sequence numbers without gaps where the server numbers events", () => {
  const numbered = (seqs: readonly number[]) =>
    right().map((e, n) => ({
      ...e,
      payload: { ...e.payload as Data, session: "s1", seq: seqs[n] ?? n + 1 },
    }));
  const whose = { ...WHOSE, sequenced: true };
  assertEquals(compare(parseGolden(GOLDEN), numbered([]), whose), null);
  const gap = compare(parseGolden(GOLDEN), numbered([1, 2, 4]), whose) ?? "";
  assertStringIncludes(gap, "seq is 4, wanted 3");
});

Deno.test("compare() wants a run to have as many pieces as it says", () => {
  const golden = parseGolden(GOLDEN.replace('delta+ "Bye"', 'delta++ "Bye"'));
  const words = compare(golden, right(), WHOSE) ?? "";
  assertStringIncludes(words, "wanted at least 2 pieces, got 1");
});

Deno.test("compare() lets a block only grow", () => {
  const golden = parseGolden(`
response.in_progress
response.block.updated+ {block_id: <id:b>, updates: {status: "streaming"}} "Looking"
response.block.updated {block_id: <id:b>, updates: {content: "Looking", status: "done"}}
response.incomplete {response: {incomplete_details: {reason: "cancelled"}}}
`);
  const update = (content: string, status = "streaming") =>
    event("response.block.updated", {
      response_id: RESP,
      item_id: "msg_9",
      block_id: "b1",
      updates: { content, status },
    });
  const end = event("response.incomplete", {
    response: {
      id: RESP,
      object: "response",
      status: "incomplete",
      incomplete_details: { reason: "cancelled" },
      output: [],
    },
  });
  const turn = (...texts: string[]) => [
    right()[0]!,
    ...texts.map((content) => update(content)),
    update("Looking", "done"),
    end,
  ];
  assertEquals(compare(golden, turn("Look", "Looking"), WHOSE), null);
  assertStringIncludes(compare(golden, turn("Looking", "Look"), WHOSE) ?? "", "does not grow");
  assertStringIncludes(compare(golden, turn("Look"), WHOSE) ?? "", 'wanted "Looking"');
});

Deno.test("compare() lets lanes mix, but keeps the order of each", () => {
  const golden = parseGolden(`
response.in_progress
a| response.output_item.added {item: {id: "a", ...}}
a| response.output_item.done {item: {id: "a", ...}}
b| response.output_item.added {item: {id: "b", ...}}
b| response.output_item.done {item: {id: "b", ...}}
error {code: "x", message: "y"}
`);
  const tool = (what: string, id: string, output_index: number) =>
    event(`response.output_item.${what}`, { response_id: RESP, output_index, item: { id } });
  const turn = (...tools: Received[]) => [
    right()[0]!,
    ...tools,
    event("error", { code: "x", message: "y" }),
  ];
  const [a, b] = [tool("added", "a", 1), tool("added", "b", 1)];
  const [endOfA, endOfB] = [tool("done", "a", 2), tool("done", "b", 1)];
  assertEquals(compare(golden, turn(b, a, endOfB, endOfA), WHOSE), null);
  assertEquals(compare(golden, turn(a, b, endOfB, endOfA), WHOSE), null);
  assertStringIncludes(compare(golden, turn(endOfB, b, a, endOfA), WHOSE) ?? "", "b: wanted");
  assertStringIncludes(compare(golden, turn(b, a, endOfB), WHOSE) ?? "", "a: wanted");
  assertStringIncludes(compare(golden, turn(b, b, a, endOfB, endOfA), WHOSE) ?? "", "b: wanted");
});

Deno.test("compare() shows what fitted, what was wanted and what came", () => {
  const words = changed((e) => withData(e, 8, call({ status: "failed" })));
  assertStringIncludes(words, "    response.in_progress");
  assertStringIncludes(words, '  - response.output_item.done {item: {type: "function_call"');
  assertStringIncludes(words, "  + response.output_item.done {response_id:");
  assertStringIncludes(words, '    response.output_text.delta+ "Bye"');
  assertStringIncludes(words, 'line 12 of the golden file: data.item.status: wanted "completed"');
});
