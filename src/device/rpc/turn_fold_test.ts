import { assert, assertEquals } from "../../../tests/support/assert.ts";
import { messageBlock, ResponseBuilder, type ResponseEvent } from "../../protocol/mod.ts";
import { TurnFold } from "./turn_fold.ts";

const RUN = { task_id: 1, subtask_id: 2, response_id: "resp_0", created_at: 1 };

function fold(build: (b: ResponseBuilder) => ResponseEvent[]) {
  const turn = new TurnFold(1000);
  build(new ResponseBuilder(RUN)).forEach(({ event, data }, i) =>
    turn.take({ s: i + 1, e: event, d: { ...data } })
  );
  const result = turn.result();
  for (const block of result.blocks) messageBlock.parse(block);
  return result;
}

Deno.test("TurnFold makes thinking and tools blocks, and the final text the content", () => {
  const { content, status, blocks } = fold((b) => [
    ...b.inProgress(),
    ...b.reasoning("Let "),
    ...b.reasoning("me"),
    ...b.toolStarted("t1", "Bash"),
    ...b.toolArgumentsDelta("t1", '{"command":"ls"}', { command: "ls" }),
    ...b.toolArguments("t1", { command: "ls" }),
    ...b.toolEnded("t1", "Bash", { command: "ls" }, "a.txt", false),
    ...b.text("spoken"),
    ...b.reasoning("Again"),
    ...b.toolStarted("t2", "Read"),
    ...b.toolEnded("t2", "Read", { path: "/x" }, "no such file", true),
    ...b.completed({ text: "final" }),
  ]);
  assertEquals([content, status], ["final", "done"]);
  assertEquals(
    blocks.map((b) => b.type === "tool" ? [b.tool_name, b.status] : [b.content, b.status]),
    [
      ["Let me", "done"],
      ["Bash", "done"],
      ["Again", "done"],
      ["Read", "error"],
    ],
  );
  const [, bash, , read] = blocks;
  assert(bash?.type === "tool" && read?.type === "tool");
  assertEquals([bash.tool_use_id, bash.tool_input, bash.tool_output], [
    "t1",
    { command: "ls" },
    "a.txt",
  ]);
  assertEquals([read.tool_input, read.tool_output], [{ path: "/x" }, "no such file"]);
});

Deno.test("TurnFold keeps what was streamed where a turn has no final text", () => {
  const streamed = (end: (b: ResponseBuilder) => ResponseEvent[]) => (b: ResponseBuilder) => [
    ...b.text("one "),
    ...b.text("two"),
    ...end(b),
  ];
  const of = (end: (b: ResponseBuilder) => ResponseEvent[]) => {
    const { content, status } = fold(streamed(end));
    return [content, status];
  };
  assertEquals(of(() => []), ["one two", "streaming"]);
  assertEquals(of((b) => b.incomplete()), ["one two", "cancelled"]);
  assertEquals(of((b) => b.error("broken")), ["one two", "failed"]);
  assertEquals(of((b) => b.completed({ text: " " })), ["one two", "done"]);
  assertEquals(fold((b) => b.error("broken")).content, "broken");
});

Deno.test("TurnFold stays small whatever a turn holds", () => {
  const long = "x".repeat(150_000);
  const { content, blocks } = fold((b) => [
    ...Array.from({ length: 600 }, (_, i) => [
      ...b.toolStarted(`t${i}`, "Bash"),
      ...b.toolArguments(`t${i}`, { command: long }),
      ...b.toolEnded(`t${i}`, "Bash", { command: long }, long, false),
    ]).flat(),
    ...b.reasoning(long),
    ...b.text(long),
    ...b.text(long),
    ...b.text(long),
  ]);
  assert(content.length < 210_000, `${content.length}`);
  assert(content.includes("left out"));
  assert(JSON.stringify(blocks).length < 600_000, `${JSON.stringify(blocks).length}`);
});

Deno.test("TurnFold drops what has no tool to belong to and survives wrong shapes", () => {
  const turn = new TurnFold(1000);
  const odd: [string, Record<string, unknown>][] = [
    ["response.output_item.done", { item: { call_id: "nobody", status: "failed" } }],
    ["response.output_item.added", { item: null }],
    ["response.output_item.added", { item: { type: "function_call", call_id: "a", name: 7 } }],
    ["response.function_call_arguments.done", { item_id: "a", arguments: "{ no json" }],
    ["response.mcp_call.completed", { item_id: "a", output: { deep: [1] } }],
    ["response.completed", { response: { output: [null, { content: [null, { text: 5 }] }] } }],
  ];
  odd.forEach(([e, d], i) => turn.take({ s: i + 1, e, d }));
  const { blocks, status } = turn.result();
  assertEquals(blocks.map((b) => b.type === "tool" && [b.tool_output, b.status]), [
    ['{"deep":[1]}', "done"],
  ]);
  assertEquals(status, "done");
});
