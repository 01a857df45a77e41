/** Messages to a turn that runs, with the real CLI. */
import { HostHarness, terminalsOf } from "../../tests/support/host_harness.ts";
import { assert, assertEquals } from "../../tests/support/assert.ts";
import {
  callTool,
  type LoopbackModel,
  say,
  script,
  startModel,
} from "../../tests/support/model.ts";
import { poll } from "../../tests/support/waiting.ts";
import type { RunSpec } from "./attach_protocol.ts";
import type { JournalRecord } from "./journal.ts";

/** Requests of our own hub take messages while they run. */
const OURS = { permission_mode: "bypass" } as const;

async function withHost(
  test: (host: HostHarness, model: LoopbackModel) => Promise<void>,
): Promise<void> {
  await using model = await startModel();
  await using host = await HostHarness.start({ modelUrl: model.url });
  await host.attach();
  await test(host, model);
}

async function steer(host: HostHarness, run: RunSpec, input_id: string, text: string) {
  await host.daemon.send({ cmd: "steer", run: run.id, input: { input_id, text } });
}

/** What a reader sees, in order; text in one piece between other events. */
function story(records: readonly JournalRecord[]): string[] {
  const lines: string[] = [];
  for (const { e, d } of records) {
    if (e === "response.output_text.delta") {
      const last = lines.at(-1);
      const delta = String(d["delta"]);
      if (last?.startsWith("text: ")) lines[lines.length - 1] = last + delta;
      else lines.push(`text: ${delta}`);
    } else if (e === "response.input.added") lines.push(`input: ${d["text"]}`);
    else if (e === "response.output_item.done") lines.push("tool done");
  }
  return lines;
}

async function seen(host: HostHarness, run: RunSpec, event: string): Promise<void> {
  await poll(
    () => host.journal(run).some(({ e }) => e === event),
    20_000,
    () => `${event}; ${host.log}`,
  );
}

Deno.test("steer: a message during a tool reaches the model right after it", () =>
  withHost(async (host, model) => {
    const call = callTool("Bash", { command: "sleep 2; echo hi", description: "d" });
    const run = await host.turn(script(call, say("Blue it is.")), OURS);
    await seen(host, run, "response.function_call_arguments.done");
    await steer(host, run, "i1", "Use the blue one");
    await steer(host, run, "i1", "Use the blue one");
    const records = await host.ended(run);
    assertEquals(story(records), [
      "tool done",
      "input: Use the blue one",
      "text: Blue it is.",
    ]);
    assert(JSON.stringify(model.scripted().at(-1)?.body).includes("Use the blue one"));
    assertEquals(terminalsOf(records), ["response.completed"]);
  }));

Deno.test("steer: a message during the last words is answered in the same turn", () =>
  withHost(async (host, model) => {
    const run = await host.turn(
      script(say("one two three four five six", { chunks: 6, gapMs: 300 })),
      OURS,
    );
    await model.waitForSent(4, 20_000);
    await steer(host, run, "i1", "/And then?");
    await steer(host, run, "i2", "And after that?");
    const records = await host.ended(run);
    assertEquals(story(records), [
      "text: one two three four five six",
      // What the model says without a script.
      "input: /And then?",
      "text: ok",
      "input: And after that?",
      "text: ok",
    ]);
    assertEquals(terminalsOf(records), ["response.completed"]);
    const sent = JSON.stringify(model.log.at(-1)?.body?.messages);
    assert(sent.includes("/And then?") && sent.includes("And after that?"), sent);
    // The next turn begins with its own words.
    const next = await host.ended(await host.turn(script(say("Next.")), OURS));
    assertEquals(story(next), ["text: Next."]);
  }));

Deno.test("steer: a message before the agent is up waits for it; a late one and one of a cancelled turn are dropped", () =>
  withHost(async (host) => {
    const call = callTool("Bash", { command: "sleep 1", description: "d" });
    const run = await host.turn(script(call, say("Done.")), OURS);
    await steer(host, run, "i1", "Early");
    assert(story(await host.ended(run)).includes("input: Early"));
    await steer(host, run, "i2", "Late");
    const slow = await host.turn(script(say("a b c d e f g h", { chunks: 8, gapMs: 1000 })), OURS);
    await seen(host, slow, "response.output_text.delta");
    await steer(host, slow, "i3", "Never read");
    await host.daemon.send({ cmd: "cancel", run: slow.id });
    const records = await host.ended(slow);
    assertEquals(terminalsOf(records), ["response.incomplete"]);
    assertEquals(records.some(({ e }) => e === "response.input.added"), false);
  }));
