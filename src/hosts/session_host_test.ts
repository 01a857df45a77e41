/** The session host as a process, with the real CLI and the loopback model. */
import { alive } from "../../tests/support/processes.ts";
import {
  FakeDaemon,
  HostHarness,
  reasoningOf,
  terminalsOf,
  textOf,
} from "../../tests/support/host_harness.ts";
import { assert, assertEquals, assertStringIncludes } from "../../tests/support/assert.ts";
import { callTool, say, script, startModel } from "../../tests/support/model.ts";
import { SmallDisk, smallDiskReason } from "../../tests/support/full_disk.ts";
import { guardedTest } from "../../tests/support/require.ts";
import { poll } from "../../tests/support/waiting.ts";
import { join } from "../platform/std/path.ts";

Deno.test("runSessionHost() streams a text turn byte for byte", async () => {
  await using model = await startModel();
  await using host = await HostHarness.start({ modelUrl: model.url });
  await host.attach();
  const text = 'Grüße 😀, a line\nand "quotes" '.repeat(60);
  const run = await host.turn(script(say(text, { chunkSize: 7, thinking: "well" })));
  const records = await host.ended(run);
  assertEquals(textOf(records), text);
  assertEquals(model.sentText(), text);
  assertEquals(reasoningOf(records), "well");
  assertEquals(terminalsOf(records), ["response.completed"]);
  assertEquals(records.map(({ s }) => s), records.map((_, i) => i + 1));
  const { response } = records.at(-1)!.d as { response: Record<string, unknown> };
  const session = response["executor_session"] as Record<string, string>;
  assertEquals(session["agent"], "ClaudeCode");
  assertEquals(model.scripted()[0]?.session, session["sessionId"]);
  assertEquals(model.scripted()[0]?.headers["authorization"], "Bearer test-key-of-the-model");
});

Deno.test("runSessionHost() runs a tool round that writes a file", async () => {
  await using model = await startModel();
  await using host = await HostHarness.start({ modelUrl: model.url });
  await host.attach();
  const file = join(host.workdir, "a.txt");
  const run = await host.turn(script(
    callTool("Write", { file_path: file, content: "written" }, { text: "go " }),
    callTool("Bash", { command: "cat a.txt; exit 3", description: "show" }),
    say("done"),
  ));
  const records = await host.ended(run);
  assertEquals(await Deno.readTextFile(file), "written");
  assertEquals(terminalsOf(records), ["response.completed"]);
  assertEquals(textOf(records), "go done");
  const items = records.filter(({ e }) => e === "response.output_item.done")
    .map(({ d }) => d["item"] as Record<string, string>);
  assertEquals(items.map(({ name, status }) => [name, status]), [
    ["Write", "completed"],
    ["Bash", "failed"],
  ]);
  assertStringIncludes(items[1]!["output"] ?? "", "written");
  assertEquals(JSON.parse(items[0]!["arguments"] ?? ""), { file_path: file, content: "written" });
});

Deno.test("runSessionHost() keeps the agent's process for a follow-up", async () => {
  await using model = await startModel();
  await using host = await HostHarness.start({ modelUrl: model.url });
  await host.attach();
  await host.ended(await host.turn(script(say("one"))));
  const pid = host.agentPid;
  const records = await host.ended(await host.turn(script(say("two"))));
  assertEquals(textOf(records), "two");
  assert(pid !== null);
  assertEquals(host.agentPid, pid);
  const [first, second] = model.scripted();
  assertEquals(second?.session, first?.session);
});

Deno.test("runSessionHost() starts another process when the request needs one", async () => {
  await using model = await startModel();
  await using host = await HostHarness.start({ modelUrl: model.url });
  await host.attach();
  await host.ended(await host.turn(script(say("one"))));
  const pid = host.agentPid;
  await host.ended(await host.turn(script(say("two")), { system_prompt: "Be brief" }));
  assert(host.agentPid !== pid && host.agentPid !== null);
  const [first, second] = model.scripted();
  assertEquals(second?.session, first?.session);
  assert(JSON.stringify(second?.body).includes("Be brief"), "not in the request");
  await host.ended(await host.turn(script(say("three")), { new_session: true }));
  assert(model.scripted()[2]?.session !== first?.session);
});

Deno.test("runSessionHost() cancels in the middle of text and resumes later", async () => {
  await using model = await startModel();
  await using host = await HostHarness.start({ modelUrl: model.url });
  const daemon = await host.attach();
  const run = await host.turn(script(say("word ".repeat(400), { chunkSize: 5, gapMs: 20 })));
  await model.waitForSent(50, 10_000);
  await daemon.send({ cmd: "cancel", run: run.id });
  const records = await host.ended(run, 5000);
  assertEquals(terminalsOf(records), ["response.incomplete"]);
  assertEquals(records.at(-1)?.e, "response.incomplete");
  assertEquals(host.marked(), []);
  assertEquals(host.agentPid, null);
  const next = await host.ended(await host.turn(script(say("on again"))));
  assertEquals(textOf(next), "on again");
  assertEquals(model.scripted()[1]?.session, model.scripted()[0]?.session);
  assert(JSON.stringify(model.scripted()[1]?.body).includes("word word"), "not in the request");
});

Deno.test("runSessionHost() leaves no process when a tool is cancelled", async () => {
  await using model = await startModel();
  await using host = await HostHarness.start({ modelUrl: model.url });
  const daemon = await host.attach();
  const command = "setsid sleep 300 & (env -i setsid sh -c 'echo $$ > free; exec sleep 300' &) ; " +
    "(setsid sh -c 'sleep 300 & echo $$ > pid; wait' &) ; sleep 300";
  const run = await host.turn(script(callTool("Bash", { command, description: "d" })));
  await poll(() => exists(join(host.workdir, "pid")), 10_000, "the command");
  const unmarked = Number(
    await poll(() => readIfExists(join(host.workdir, "free")), 5000, "the other"),
  );
  assert(host.marked().length >= 4, `too few processes: ${host.marked()}`);
  await daemon.send({ cmd: "cancel", run: run.id });
  const records = await host.ended(run, 6000);
  assertEquals(terminalsOf(records), ["response.incomplete"]);
  assertEquals(host.marked(), []);
  // Without its mark it is still found below the host.
  assertEquals(alive(unmarked), false);
});

Deno.test("runSessionHost() cancels before the agent is up", async () => {
  await using model = await startModel();
  await using host = await HostHarness.start({ modelUrl: model.url });
  const daemon = await host.attach();
  const run = await host.turn(script(say("never")));
  await daemon.send({ cmd: "cancel", run: run.id });
  assertEquals(terminalsOf(await host.ended(run, 5000)), ["response.incomplete"]);
  assertEquals(host.marked(), []);
  assertEquals(model.scripted().length, 0);
});

for (
  const [status, code, words] of [
    [400, "provider_error", "refused the request (400): bad thing"],
    [401, "forbidden", "refused the key or login"],
    [529, "model_unavailable", "overloaded"],
  ] as const
) {
  Deno.test(`runSessionHost() tells of an API error ${status} once and in words`, async () => {
    await using model = await startModel();
    await using host = await HostHarness.start({ modelUrl: model.url });
    await host.attach();
    const records = await host.ended(
      await host.turn(script({ status, message: "bad thing" })),
    );
    assertEquals(terminalsOf(records), ["error"]);
    const error = records.at(-1)!.d as { code: string; message: string };
    assertEquals(error.code, code);
    assertStringIncludes(error.message, words);
    assertEquals(textOf(records), "");
    if (status !== 400) assertStringIncludes(reasoningOf(records), "trying again");
    const retry = await host.ended(await host.turn(script(say("well again"))));
    assertEquals(textOf(retry), "well again");
  });
}

Deno.test("runSessionHost() ends a turn whose model is silent", async () => {
  await using model = await startModel();
  await using host = await HostHarness.start({ modelUrl: model.url, stallMs: 1500 });
  await host.attach();
  const run = await host.turn(script(say("one two three", { chunks: 3, stallAfter: 2 })));
  const records = await host.ended(run, 8000);
  assertEquals(terminalsOf(records), ["error"]);
  const error = records.at(-1)!.d as { code: string; message: string };
  assertEquals(error.code, "timeout_error");
  assertStringIncludes(error.message, "sent nothing for 2 seconds");
  const pid = host.agentPid;
  const next = await host.ended(await host.turn(script(say("next"))));
  assertEquals([textOf(next), host.agentPid], ["next", pid]);
});

Deno.test("runSessionHost() does not take a long tool for a silent model", async () => {
  await using model = await startModel();
  await using host = await HostHarness.start({ modelUrl: model.url, stallMs: 4000 });
  await host.attach();
  const records = await host.ended(
    await host.turn(script(
      callTool("Bash", { command: "sleep 6; echo slept", description: "d" }),
      say("done"),
    )),
  );
  assertEquals(terminalsOf(records), ["response.completed"]);
});

Deno.test("runSessionHost() tells of a killed agent once, sweeps, and resumes", async () => {
  await using model = await startModel();
  await using host = await HostHarness.start({ modelUrl: model.url });
  await host.attach();
  await host.ended(await host.turn(script(say("remember me"))));
  const run = await host.turn(
    script(callTool("Bash", { command: "echo > started; sleep 300", description: "d" })),
  );
  await poll(() => exists(join(host.workdir, "started")), 10_000, "the command");
  Deno.kill(host.agentPid!, "SIGKILL");
  const records = await host.ended(run, 5000);
  assertEquals(terminalsOf(records), ["error"]);
  assertStringIncludes(
    String(records.at(-1)?.d["message"]),
    "The agent process ended unexpectedly (signal SIGKILL)",
  );
  assertEquals(host.marked(), []);
  const next = await host.ended(await host.turn(script(say("back"))));
  assertEquals(textOf(next), "back");
  assert(
    JSON.stringify(model.scripted().at(-1)?.body).includes("remember me"),
    "not in the request",
  );
});

Deno.test("runSessionHost() resumes after the agent died while idle", async () => {
  await using model = await startModel();
  await using host = await HostHarness.start({ modelUrl: model.url });
  const daemon = await host.attach();
  await host.ended(await host.turn(script(say("remember me"))));
  await host.saved('"text":"remember me"');
  Deno.kill(host.agentPid!, "SIGKILL");
  await daemon.until(() => host.agentPid === null, 3000, "the agent's end");
  const next = await host.ended(await host.turn(script(say("back"))));
  assertEquals([textOf(next), reasoningOf(next)], ["back", ""]);
  assert(
    JSON.stringify(model.scripted().at(-1)?.body).includes("remember me"),
    "not in the request",
  );
});

Deno.test("runSessionHost() resumes in another host, and says when it cannot", async () => {
  await using model = await startModel();
  await using first = await HostHarness.start({ modelUrl: model.url });
  await first.attach();
  await first.ended(await first.turn(script(say("remember me"))));
  await first.close();
  assertEquals(first.marked(), []);
  const root = first.root;
  await using second = await HostHarness.start({ modelUrl: model.url, root });
  await second.attach();
  const next = await second.ended(await second.turn(script(say("back"))));
  assertEquals([textOf(next), reasoningOf(next)], ["back", ""]);
  assert(
    JSON.stringify(model.scripted().at(-1)?.body).includes("remember me"),
    "not in the request",
  );
  await second.close();
  await Deno.remove(join(root, "work/.claude/projects"), { recursive: true });
  await using third = await HostHarness.start({ modelUrl: model.url, root });
  await third.attach();
  const fresh = await third.ended(await third.turn(script(say("new"))));
  assertEquals(textOf(fresh), "new");
  assertEquals(terminalsOf(fresh), ["response.completed"]);
  assertStringIncludes(reasoningOf(fresh), "The earlier conversation could not be resumed");
  await third.close();
});

Deno.test("runSessionHost() goes back to the agent's default when a message names no model any more", async () => {
  await using model = await startModel();
  await using host = await HostHarness.start({ modelUrl: model.url });
  await host.attach();
  const env = { ANTHROPIC_BASE_URL: model.url, ANTHROPIC_API_KEY: "k-0123456789" };
  const bots = [{}, { model: "claude-named" }, {}].map((bot) => ({
    ...bot,
    agent_config: { env },
  }));
  for (const bot of bots) await host.ended(await host.turn(script(say("ok")), { bot: [bot] }));
  const [first, named, last] = model.scripted().map(({ body }) => body?.model);
  assertEquals(named, "claude-named");
  assertEquals(last, first);
  await using other = await HostHarness.start({ modelUrl: model.url });
  await other.attach();
  for (const bot of bots.slice(1)) {
    await other.ended(await other.turn(script(say("ok")), { bot: [bot] }));
  }
  assertEquals(model.scripted().at(-1)?.body?.model, first);
  await Promise.all([host.close(), other.close()]);
});

Deno.test("runSessionHost() goes on without a daemon and tells the next one how far it is", async () => {
  await using model = await startModel();
  await using host = await HostHarness.start({ modelUrl: model.url });
  const daemon = await host.attach();
  const text = "0123456789".repeat(60);
  const run = await host.turn(script(say(text, { chunkSize: 10, gapMs: 25 })));
  await model.waitForSent(60, 10_000);
  const pid = host.agentPid;
  daemon.detach();
  await model.waitForSent(300, 10_000);
  const next = await host.attach();
  assertEquals(next.hello?.agent_pid, pid);
  assertEquals(next.hello?.runs.map(({ id, ended }) => [id, ended]), [[run.id, false]]);
  const records = await host.ended(run);
  assertEquals(textOf(records), text);
  const tail = next.notices.filter((n) => n.notice === "tail").at(-1);
  assertEquals(tail?.seq, records.at(-1)?.s);
  const third = await host.attach();
  await third.until(() => next.closed, 2000, "the displaced daemon's end");
  assert(third.notices.some((n) => n.notice === "tail" && n.ended));
});

Deno.test("runSessionHost() keeps what the agent does by itself between turns out of the next one", async () => {
  await using model = await startModel({
    fallback: { text: "about the command ".repeat(40), chunks: 40, gapMs: 50 },
  });
  await using host = await HostHarness.start({ modelUrl: model.url });
  await host.attach();
  const background = { command: "sleep 0.5", description: "d", run_in_background: true };
  const first = await host.ended(
    await host.turn(script(callTool("Bash", background), say("started"))),
  );
  assertEquals(textOf(first), "started");
  const pid = host.agentPid;
  // The command's end makes the CLI begin a turn of its own.
  await model.waitForRequest((r) => r.step === undefined && r.chunksSent > 2, 10_000);
  const second = await host.ended(await host.turn(script(say("mine"))));
  assertEquals([textOf(second), terminalsOf(second)], ["mine", ["response.completed"]]);
  assertEquals(host.agentPid, pid);
});

Deno.test("runSessionHost() goes on in the conversation that /clear began", async () => {
  await using model = await startModel();
  await using host = await HostHarness.start({ modelUrl: model.url });
  const daemon = await host.attach();
  await host.ended(await host.turn(script(say("zebra"))));
  assertEquals(terminalsOf(await host.ended(await host.turn("/clear"))), ["response.completed"]);
  await host.ended(await host.turn(script(say("giraffe"))));
  await host.saved('"text":"giraffe"');
  Deno.kill(host.agentPid!, "SIGKILL");
  await daemon.until(() => host.agentPid === null, 3000, "the agent's end");
  const last = await host.ended(await host.turn(script(say("last"))));
  assertEquals(reasoningOf(last), "");
  const body = JSON.stringify(model.scripted().at(-1)?.body);
  assertEquals([body.includes("zebra"), body.includes("giraffe")], [false, true]);
});

Deno.test("runSessionHost() refuses strangers and a second turn", async () => {
  await using model = await startModel();
  await using host = await HostHarness.start({ modelUrl: model.url });
  const stranger = await FakeDaemon.attach(host.spec.socket, "x".repeat(72));
  assertEquals([stranger.hello, stranger.closed], [null, true]);
  const daemon = await host.attach();
  const one = await host.turn(script(say("slow ".repeat(40), { chunkSize: 5, gapMs: 20 })));
  const two = await host.turn(script(say("no")));
  await host.ended(two);
  assertEquals(host.journal(two), []);
  assert(daemon.notices.some((n) => n.notice === "turn_refused" && n.run === two.id));
  await daemon.send({ cmd: "turn", run: { id: "bad" }, request: {} });
  await daemon.until(
    () => daemon.notices.some((n) => n.notice === "turn_refused" && n.run === "bad"),
    2000,
    "the refusal",
  );
  await daemon.send("nonsense");
  await daemon.send({ cmd: "ping", id: 4 });
  await daemon.until(() => daemon.notices.some((n) => n.notice === "pong"), 2000, "pong");
  assertEquals(terminalsOf(await host.ended(one)), ["response.completed"]);
});

Deno.test("runSessionHost() ends after idling and leaves nothing", async () => {
  await using model = await startModel();
  await using host = await HostHarness.start({ modelUrl: model.url, idleMs: 700 });
  await host.attach();
  await host.ended(await host.turn(script(say("hi"))));
  assertEquals((await host.gone(6000)).code, 0);
  assertEquals(host.marked(), []);
  assertEquals(await exists(host.spec.dir), false);
  assertEquals(await exists(join(host.spec.session_dir, "tmp")), false);
});

Deno.test("runSessionHost() answers SIGTERM with one error and no process left", async () => {
  await using model = await startModel();
  await using host = await HostHarness.start({ modelUrl: model.url });
  await host.attach();
  const run = await host.turn(
    script(callTool("Bash", { command: "echo > started; sleep 300", description: "d" })),
  );
  await poll(() => exists(join(host.workdir, "started")), 10_000, "the command");
  const started = performance.now();
  Deno.kill(host.pid, "SIGTERM");
  await host.gone(3000);
  assert(performance.now() - started < 2000);
  assertEquals(terminalsOf(host.journal(run)), ["error"]);
  assertEquals(host.marked(), []);
});

Deno.test("runSessionHost() ends a run with the daemon's words on abort", async () => {
  await using model = await startModel();
  await using host = await HostHarness.start({ modelUrl: model.url });
  const daemon = await host.attach();
  const run = await host.turn(script(say("word ".repeat(400), { chunkSize: 5, gapMs: 20 })));
  await model.waitForSent(20, 10_000);
  await daemon.send({
    cmd: "abort",
    run: run.id,
    message: "The device was stopped",
    code: "execution_error",
  });
  await daemon.send({ cmd: "close" });
  const records = await host.ended(run, 5000);
  assertEquals(terminalsOf(records), ["error"]);
  assertEquals(records.at(-1)?.d["message"], "The device was stopped");
  assertEquals((await host.gone(3000)).code, 0);
});

guardedTest({
  name: "runSessionHost() ends a turn with one error when the disk is full, once there is room",
  needs: smallDiskReason,
  async fn() {
    await using model = await startModel();
    await using host = await HostHarness.start({ modelUrl: model.url });
    await host.attach();
    await using disk = await SmallDisk.mount(join(host.root, "runs"), 2);
    const run = await host.turn(script(say("word ".repeat(8000), { chunkSize: 200, gapMs: 5 })));
    await model.waitForSent(2000, 10_000);
    await disk.fill();
    await poll(() => host.agentPid === null, 10_000, "the agent's end");
    assertEquals(terminalsOf(host.journal(run)), []);
    await disk.free();
    const records = await host.ended(run, 5000);
    assertEquals(terminalsOf(records), ["error"]);
    assertStringIncludes(String(records.at(-1)?.d["message"]), "disk is full");
    assertStringIncludes(reasoningOf(records), "events are left out here");
    assert("word ".repeat(8000).startsWith(textOf(records)));
    assertEquals(records.map(({ s }) => s), records.map((_, i) => i + 1));
    assertEquals(textOf(await host.ended(await host.turn(script(say("fine"))))), "fine");
  },
});

function readIfExists(path: string): string | null {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
