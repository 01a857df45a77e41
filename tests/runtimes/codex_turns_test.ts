/** Turns with the real Codex CLI: the events they must bring, written from the wire protocol. */
import { join } from "../../src/platform/std/path.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { CodexHarness, golden, KEY } from "../support/codex_harness.ts";
import { ResponsesModel, script } from "../support/responses_model.ts";

const TOOL = (id: string, output: string, status = "completed") => [
  ["output_item.added", id, "bash", "Shell"],
  ["function_call_arguments.delta", id],
  ["function_call_arguments.done", id],
  ["function_call_arguments.done", id],
  ["output_item.done", id, status, output],
];

Deno.test("a turn of Codex: reasoning, commentary, answer, usage, the thread's id", async () => {
  await using model = await ResponsesModel.start();
  await using harness = await CodexHarness.create({ modelUrl: model.url });
  await harness.start();
  const turn = harness.turn(`Hi ${
    script({
      thinking: ["Think of it.", "And again."],
      messages: [
        { text: "Looking around", phase: "commentary" },
        { text: "It is done.", phase: "final_answer" },
      ],
      chunkSize: 4,
    })
  }`);
  const outcome = await turn.outcome();
  assertEquals(
    golden(turn.events).filter((row) => !JSON.stringify(row).includes('"streaming"]')),
    [
      ["reasoning_summary_text.delta", "Think of it.\n\nAnd again."],
      ["block.updated", "Looking around", "done"],
      ["output_text.delta", "It is done."],
    ],
  );
  const deltas = turn.events.filter(({ event }) => event === "response.output_text.delta");
  assert(deltas.length > 1, "the answer is streamed");
  assert(outcome.kind === "completed");
  assertEquals(outcome.completion.text, "It is done.");
  assertEquals(outcome.completion.extra, {
    executor_session: { agent: "CodeX", threadId: turn.sessions[0] },
  });
  const usage = outcome.completion.usage as { last: Record<string, number> };
  assertEquals([usage.last["inputTokens"], usage.last["outputTokens"]], [100, 20]);
  const [request] = model.scripted;
  assertEquals(request?.headers["authorization"], `Bearer ${KEY}`);
  assertEquals(request?.body?.model, "gpt-test");
  assertEquals(model.log.every(({ path }) => path === "/v1/responses"), true);
});
