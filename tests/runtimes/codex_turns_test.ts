/** Turns with the real Codex CLI: the events they must bring, written from the wire protocol. */
import { join } from "../../src/platform/std/path.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { MAX_FRAME_UNITS } from "../../src/protocol/limits.ts";
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

Deno.test("a turn of Codex: parallel tools, one of which fails", async () => {
  await using model = await ResponsesModel.start();
  await using harness = await CodexHarness.create({ modelUrl: model.url });
  await harness.start();
  const turn = harness.turn(script(
    {
      text: "Both.",
      tools: [
        { name: "exec_command", input: { cmd: "sleep 0.5; echo one" } },
        { name: "exec_command", input: { cmd: "echo two; exit 3" } },
      ],
    },
    { text: "Done." },
  ));
  const outcome = await turn.outcome();
  const rows = golden(turn.events);
  assertEquals(rows.filter(([, id]) => id === "call_0_0"), TOOL("call_0_0", "one\n"));
  assertEquals(rows.filter(([, id]) => id === "call_0_1"), TOOL("call_0_1", "two\n", "failed"));
  assertEquals(rows.filter(([name]) => name === "output_text.delta"), [
    ["output_text.delta", "Both."],
    ["output_text.delta", "\n\nDone."],
  ]);
  assert(outcome.kind === "completed");
  assertEquals(outcome.completion.text, "Both.\n\nDone.");
  const started = turn.events.find(({ event }) => event.endsWith("arguments.done"));
  const summary = started?.data["arguments_summary"] as Record<string, string>;
  assert(summary["command"]?.includes("echo"), JSON.stringify(summary));
  assertEquals(summary["cwd"], harness.workdir);
});

Deno.test("a turn of Codex: a changed file is a tool", async () => {
  await using model = await ResponsesModel.start();
  await using harness = await CodexHarness.create({ modelUrl: model.url });
  await harness.start();
  const patch = "*** Begin Patch\n*** Add File: new.txt\n+hello\n*** End Patch\n";
  const turn = harness.turn(script(
    { tools: [{ name: "exec_command", input: { cmd: `apply_patch <<'EOF'\n${patch}EOF` } }] },
    { text: "Done." },
  ));
  await turn.outcome();
  const path = join(harness.workdir, "new.txt");
  assertEquals(golden(turn.events), [
    ["output_item.added", "call_0_0", "apply_patch", "File change"],
    ["function_call_arguments.delta", "call_0_0"],
    ["function_call_arguments.done", "call_0_0"],
    ["function_call_arguments.done", "call_0_0"],
    ["output_item.done", "call_0_0", "completed", `add ${path}`],
    ["output_text.delta", "Done."],
  ]);
  assertEquals(await Deno.readTextFile(path), "hello\n");
});

Deno.test("a turn of Codex: an image reaches the model and leaves no file", async () => {
  await using model = await ResponsesModel.start();
  await using harness = await CodexHarness.create({ modelUrl: model.url });
  await harness.start();
  const turn = harness.turn([
    { type: "input_text", text: "What is it?" },
    { type: "input_image", image_url: `data:image/png;base64,${PIXEL}` },
    { type: "input_text", text: script({ text: "A dot.", delayMs: 300 }) },
  ]);
  await model.waitForRequest(() => true);
  assertEquals(harness.temporary().length, 1);
  const outcome = await turn.outcome();
  assert(outcome.kind === "completed", JSON.stringify(outcome));
  assertEquals(harness.temporary(), []);
  const sent = JSON.stringify(model.scripted[0]?.body?.input);
  assert(sent.includes("data:image/png;base64,"), sent.slice(-2000));
});

Deno.test("a command of Codex with a very large output ends the turn as any other", async () => {
  await using model = await ResponsesModel.start();
  await using harness = await CodexHarness.create({ modelUrl: model.url });
  const process = await harness.start();
  const cmd = "head -c 50000000 /dev/zero | tr '\\0' x";
  const turn = harness.turn(script(
    { tools: [{ name: "exec_command", input: { cmd } }] },
    { text: "Done." },
  ));
  const outcome = await turn.outcome(60_000);
  assert(outcome.kind === "completed", JSON.stringify(outcome));
  const end = golden(turn.events).find(([name]) => name === "output_item.done");
  assertEquals(end?.[2], "completed");
  const longest = Math.max(...turn.events.map((event) => JSON.stringify(event).length));
  assert(longest < MAX_FRAME_UNITS, `an event of ${longest} units`);
  assertEquals(process.malformed, 0);
});

/** One red pixel. */
const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";
