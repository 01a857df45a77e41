/** How turns of the real Codex CLI end otherwise: interrupts, failures of the model, a crash. */
import { countOpenFiles, signalProcess } from "../../src/platform/mod.ts";
import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { CodexHarness, golden } from "../support/codex_harness.ts";
import { allProcesses, processInfo } from "../support/processes.ts";
import { ResponsesModel, script, type Step } from "../support/responses_model.ts";
import { poll } from "../support/waiting.ts";

Deno.test("interrupt() ends a turn of Codex in its text; the process serves the next one", async () => {
  await using model = await ResponsesModel.start();
  await using harness = await CodexHarness.create({ modelUrl: model.url });
  await harness.start();
  const turn = harness.turn(script({ text: "0123456789".repeat(50), chunkSize: 10, gapMs: 100 }));
  await turn.until(({ event }) => event === "response.output_text.delta");
  assertEquals(await turn.turn.interrupt(5000), true);
  assertEquals((await turn.outcome()).kind, "interrupted");
  assertEquals(await harness.process.settle(2000), true);
  const next = await harness.turn(script({ text: "Here." })).outcome();
  assert(next.kind === "completed" && next.completion.text === "Here.");
});

/** Processes of the harness' agent whose command fits. */
function commands(harness: CodexHarness, wanted: RegExp): number[] {
  return harness.marked().filter((pid) => wanted.test(processInfo(pid)?.command ?? ""));
}

for (const yields of [false, true]) {
  const name = yields ? "a command that Codex has put aside" : "the command Codex waits for";
  Deno.test(`interrupt() ends ${name}`, async () => {
    await using model = await ResponsesModel.start();
    await using harness = await CodexHarness.create({ modelUrl: model.url });
    await harness.start();
    const seconds = yields ? "473[34]" : "473[12]";
    const cmd = yields ? "sleep 4733 & sleep 4734" : "sleep 4731 & sleep 4732";
    const input = { cmd, ...(yields && { yield_time_ms: 250 }) };
    const turn = harness.turn(script(
      { tools: [{ name: "exec_command", input }] },
      { text: "0123456789".repeat(200), chunkSize: 10, gapMs: 100 },
    ));
    const sleeps = () => commands(harness, new RegExp(`^sleep ${seconds}$`));
    if (yields) await turn.until(({ event }) => event === "response.output_text.delta");
    await poll(() => sleeps().length === 2, 10_000, "the commands");
    assertEquals(await turn.turn.interrupt(5000), true);
    assertEquals((await turn.outcome()).kind, "interrupted");
    await poll(() => sleeps().length === 0, 5000, "the end of the commands");
  });
}

Deno.test("interrupt() before the thread is open ends the turn before it begins", async () => {
  await using model = await ResponsesModel.start();
  await using harness = await CodexHarness.create({ modelUrl: model.url });
  await harness.start();
  const turn = harness.turn(script({ text: "No." }));
  assertEquals(await turn.turn.interrupt(10_000), true);
  assertEquals((await turn.outcome()).kind, "interrupted");
  assertEquals(model.log.length, 0);
});

const FAILURES: readonly (readonly [string, Step, string, RegExp])[] = [
  ["401", { status: 401 }, "forbidden", /refused the key/],
  ["429", { status: 429, headers: { "retry-after": "0" } }, "rate_limit", /Too many requests/],
  ["500", { status: 500 }, "provider_error", /server failed/],
  [
    "400",
    { status: 400, message: "Bad shape" },
    "provider_error",
    /refused the request: Bad shape/,
  ],
  [
    "a context that is too long",
    {
      text: "x",
      failAfter: 0,
      error: "context_length_exceeded",
    },
    "context_length_exceeded",
    /too long/,
  ],
  [
    "an overloaded server",
    { text: "x", failAfter: 0, error: "server_is_overloaded" },
    "model_unavailable",
    /overloaded/,
  ],
];
for (const [name, step, code, words] of FAILURES) {
  Deno.test(`a turn of Codex fails in words: ${name}`, async () => {
    await using model = await ResponsesModel.start();
    await using harness = await CodexHarness.create({ modelUrl: model.url });
    await harness.start();
    const turn = harness.turn(script(step));
    const outcome = await turn.outcome(60_000);
    assert(outcome.kind === "failed", JSON.stringify(outcome));
    assertEquals(outcome.failure.code, code, outcome.failure.message);
    assertMatch(outcome.failure.message, words);
    const next = await harness.turn(script({ text: "Here." })).outcome();
    assertEquals(next.kind, "completed");
  });
}

Deno.test("a stream that breaks is asked for again, and its text comes once", async () => {
  await using model = await ResponsesModel.start();
  await using harness = await CodexHarness.create({ modelUrl: model.url });
  await harness.start();
  const text = "The quick brown fox jumps.";
  const turn = harness.turn(script({ text, chunkSize: 5, attempts: [{ cutAfter: 3 }, {}] }));
  const outcome = await turn.outcome(60_000);
  assert(outcome.kind === "completed", JSON.stringify(outcome));
  const rows = golden(turn.events);
  const texts = rows.filter(([name]) => name === "output_text.delta").map(([, delta]) => delta);
  assertEquals(texts.join(""), text);
  assertEquals(outcome.completion.text, text);
  assertEquals(model.scripted.map(({ ending }) => ending), ["cut", "finished"]);
  assertMatch(JSON.stringify(rows), /connection to the model was lost; trying again/);
});

Deno.test("kill -9 of Codex ends the turn with the exit; nothing of it stays", async () => {
  await using model = await ResponsesModel.start();
  await using harness = await CodexHarness.create({ modelUrl: model.url });
  const { pid } = await harness.start();
  const turn = harness.turn(script({ text: "0123456789".repeat(50), chunkSize: 10, gapMs: 100 }));
  await turn.until(({ event }) => event === "response.output_text.delta");
  signalProcess(pid, "SIGKILL");
  const outcome = await turn.outcome();
  assert(outcome.kind === "exit", JSON.stringify(outcome));
  assertEquals([outcome.begun, outcome.exit.signal], [true, "SIGKILL"]);
  await poll(() => harness.marked().length === 0, 5000, "the end of all its processes");
});

Deno.test("stop() ends Codex politely, with the command it runs", async () => {
  await using model = await ResponsesModel.start();
  await using harness = await CodexHarness.create({ modelUrl: model.url });
  const process = await harness.start();
  const cmd = "sleep 4741 & setsid sleep 4742; wait";
  const turn = harness.turn(script({ tools: [{ name: "exec_command", input: { cmd } }] }));
  const sleeps = () => commands(harness, /^sleep 474[12]$/);
  await poll(() => sleeps().length === 2, 10_000, "the commands");
  const pids = sleeps();
  await process.stop();
  const outcome = await turn.outcome();
  assert(outcome.kind === "exit");
  assertEquals([outcome.exit.code, outcome.exit.signal], [0, null]);
  // What has slipped away is found by the mark, or it has ended.
  for (const pid of harness.marked()) signalProcess(pid, "SIGKILL");
  const left = () => allProcesses().filter(({ pid }) => pids.includes(pid));
  await poll(() => left().length === 0, 5000, "the end of the commands");
});

Deno.test("a model that sends nothing is noticed, a command that runs long is not", async () => {
  await using model = await ResponsesModel.start();
  await using harness = await CodexHarness.create({ modelUrl: model.url });
  await harness.start();
  const quiet = harness.turn(script({ text: "abc", chunkSize: 1, stallAfter: 1 }), {
    stallMs: 700,
  });
  await poll(() => quiet.stalled, 10_000, "the stall");
  await quiet.turn.interrupt(5000);
  await quiet.outcome();
  // A deadline for a loaded machine.
  const cmd = "sleep 6; echo done";
  const busy = harness.turn(
    script({ tools: [{ name: "exec_command", input: { cmd } }] }, { text: "Done." }),
    { stallMs: 4000 },
  );
  assertEquals((await busy.outcome()).kind, "completed");
  assertEquals(busy.stalled, false);
});

// Libraries of the C runtime stay loaded; files are counted here.
Deno.test("twenty rounds of starting, cancelling and killing Codex leave nothing", {
  sanitizeResources: false,
}, async () => {
  await using model = await ResponsesModel.start();
  await using harness = await CodexHarness.create({ modelUrl: model.url });
  const files: number[] = [];
  for (let round = 0; round < 20; round++) {
    const process = await harness.start();
    const kind = round % 4;
    const cmd = "sleep 4751 & setsid sleep 4752; wait";
    const turn = harness.turn([
      { type: "input_text", text: script({ tools: [{ name: "exec_command", input: { cmd } }] }) },
      { type: "input_image", image_url: `data:image/png;base64,${btoa("x".repeat(100))}` },
    ]);
    // Killed while it opens its thread, cancelled in a command, killed in one, stopped in one.
    if (kind > 0) await turn.until(({ event }) => event === "response.output_item.added");
    if (kind === 1) assertEquals(await turn.turn.interrupt(5000), true);
    if (kind === 0 || kind === 2) signalProcess(process.pid, "SIGKILL");
    if (kind === 3) await process.stop(true);
    await turn.outcome();
    await process.stop();
    for (const pid of harness.marked()) signalProcess(pid, "SIGKILL");
    await poll(() => harness.marked().length === 0, 5000, "the end of all processes");
    assertEquals(harness.temporary(), []);
    files.push(countOpenFiles(Deno.pid) ?? -1);
  }
  assert(
    (files[3] ?? -1) > 0 && (files.at(-1) ?? 0) <= (files[3] ?? 0) + 2,
    `open files: ${files}`,
  );
});
