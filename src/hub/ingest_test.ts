import { assert, assertEquals, assertStringIncludes } from "../../tests/support/assert.ts";
import { HubFixture, runningTurn, StubRun, until } from "../../tests/support/hub_fixture.ts";

Deno.test("a turn is streamed, stored and ended with its text unchanged", async () => {
  await using hub = await HubFixture.start();
  const { run, page, token, taskId, turnId } = await runningTurn(hub);
  const pieces = ["Hello ", "wörld \0 ", "half \ud83d", "\ude00 emoji ", "\u2028 end\n"];
  assertEquals((await run.send("response.in_progress")).seq, 1);
  for (const piece of pieces) await run.text(piece);
  const before = await hub.turn(token, taskId, turnId);
  assertEquals(before.status, "RUNNING");
  assertEquals(before.streamed_text, pieces.join(""));
  assertEquals(await run.complete("Final answer"), { success: true, seq: 7 });
  const done = await page.event("chat:done");
  assertEquals(done.result.value, "Final answer");
  assertEquals(done.offset, pieces.join("").length);
  const chunks = page.named("chat:chunk").map((c) => c.content);
  assertEquals(chunks.join(""), pieces.join(""));
  await hub.restart();
  const after = await hub.turn(token, taskId, turnId);
  assertEquals(
    [after.status, after.content, after.streamed_text],
    ["COMPLETED", "Final answer", pieces.join("")],
  );
});

Deno.test("events are stored once, whatever the device sends again", async () => {
  await using hub = await HubFixture.start();
  const { run, token, taskId, turnId } = await runningTurn(hub);
  await run.text("one ");
  await run.text("two ");
  const again = await run.send("response.output_text.delta", { delta: "one " }, 1);
  assertEquals(again, { success: true, seq: 2 });
  assertEquals((await hub.turn(token, taskId, turnId)).streamed_text, "one two ");
});

Deno.test("a gap is refused and the answer says where to go on", async () => {
  await using hub = await HubFixture.start();
  const { run, token, taskId, turnId } = await runningTurn(hub);
  await run.text("one ");
  const gap = await run.send("response.output_text.delta", { delta: "three" }, 3);
  assertEquals([gap.success, gap.seq, gap.expected], [false, 1, 2]);
  assertStringIncludes(gap.error, "expected 2");
  assertEquals((await hub.turn(token, taskId, turnId)).streamed_text, "one ");
  assertEquals((await run.send("response.output_text.delta", { delta: "two " }, 2)).seq, 2);
});

Deno.test("events for another user's subtask are refused and change nothing", async () => {
  await using hub = await HubFixture.start();
  const ann = await runningTurn(hub, "ann", "dev-1");
  const { key, token } = await hub.user("bob");
  // The same device id under another owner is another device.
  const bob = await hub.device(key, "dev-1");
  const before = await hub.turn(ann.token, ann.taskId, ann.turnId);
  for (const session of ["stolen", ann.run.session]) {
    const thief = new StubRun(bob, ann.request, session);
    for (
      const event of [
        "response.output_text.delta",
        "response.completed",
        "response.incomplete",
        "error",
      ]
    ) {
      const ack = await thief.send(event, { delta: "evil", message: "evil", code: "x" }, 1);
      assertEquals(ack.success, false);
      assertStringIncludes(ack.error, "not dispatched to this device");
    }
  }
  const plain = await bob.ask("error", {
    event_type: "error",
    task_id: ann.taskId,
    subtask_id: ann.turnId,
    data: { message: "evil" },
  });
  assertEquals(plain.success, false);
  assertEquals(await hub.turn(ann.token, ann.taskId, ann.turnId), before);
  await ann.run.text("still mine");
  assertEquals((await hub.turn(ann.token, ann.taskId, ann.turnId)).streamed_text, "still mine");
  assertEquals((await hub.call("GET", `/api/tasks/${ann.taskId}`, token)).status, 404);
});

Deno.test("events from the owner's other device, or under another task, are refused", async () => {
  await using hub = await HubFixture.start();
  const { key, request, run, device, token, taskId, turnId } = await runningTurn(hub);
  const other = await hub.device(key, "dev-2");
  const stray = new StubRun(other, request);
  assertEquals((await stray.text("evil")).success, false);
  const wrongTask = new StubRun(device, { ...request, task_id: request.task_id + 1 }, run.session);
  assertEquals((await wrongTask.text("evil")).success, false);
  const { task_id, subtask_id } = request;
  const plain = { event_type: "error", task_id, subtask_id, data: { message: "evil" } };
  assertEquals((await other.ask("error", plain)).success, false);
  await run.text("mine");
  // The run's name is bound now: another one for the same turn is foreign.
  assertEquals((await new StubRun(device, request).text("evil")).success, false);
  const wrongTurn = new StubRun(device, { task_id, subtask_id: subtask_id - 1 }, run.session);
  wrongTurn.seq = run.seq;
  assertEquals((await wrongTurn.text("evil")).success, false);
  assertEquals((await hub.turn(token, taskId, turnId)).streamed_text, "mine");
});

Deno.test("a settled turn stays settled", async () => {
  await using hub = await HubFixture.start();
  const { run, token, taskId, turnId } = await runningTurn(hub);
  await run.text("answer");
  await run.complete("answer");
  const settled = await hub.turn(token, taskId, turnId);
  for (const event of ["error", "response.incomplete", "response.output_text.delta"]) {
    const ack = await run.send(event, { message: "late", delta: "late" });
    assertEquals(ack, { success: true, seq: run.seq });
  }
  assertEquals(await hub.turn(token, taskId, turnId), settled);
});

Deno.test("a device is told what the hub holds, also after the hub was restarted", async () => {
  await using hub = await HubFixture.start();
  const { run, device, key } = await runningTurn(hub);
  for (let i = 0; i < 20; i++) await run.text(`${i} `);
  device.cut();
  await hub.restart();
  const again = await hub.device(key, device.id);
  const ack = await again.register();
  assertEquals(ack.features, ["seq"]);
  assertEquals(ack.last_seq, { [run.session]: 20 });
  const more = new StubRun(again, run.request, run.session);
  more.seq = 20;
  assertEquals((await more.text("after")).seq, 21);
});

Deno.test("a device that does not number its events is served too", async () => {
  await using hub = await HubFixture.start();
  const { device, request, token, taskId, turnId } = await runningTurn(hub);
  const { task_id, subtask_id } = request;
  const send = (event: string, data: object) =>
    device.ask(event, { event_type: event, task_id, subtask_id, data });
  assertEquals(await send("response.output_text.delta", { delta: "plain" }), { success: true });
  await send("response.completed", { response: { output: [] } });
  const turn = await hub.turn(token, taskId, turnId);
  assertEquals([turn.status, turn.content], ["COMPLETED", "plain"]);
});

Deno.test("tools, thinking and text become blocks in order", async () => {
  await using hub = await HubFixture.start();
  const { run, page, token, taskId, turnId } = await runningTurn(hub);
  await run.send("response.reasoning_summary_text.delta", { delta: "Let me think" });
  await run.text("I will ");
  await run.send("response.output_item.added", {
    item: { type: "function_call", id: "t1", call_id: "t1", name: "Bash" },
    argument_status: "streaming",
  });
  await run.send("response.function_call_arguments.done", {
    item_id: "t1",
    arguments: '{"command":"ls"}',
  });
  await run.send("response.output_item.done", {
    item: { type: "function_call", id: "t1", call_id: "t1", status: "failed", output: "no\0pe" },
  });
  await run.text("done");
  const blank = await run.send("response.output_item.added", {
    item: { type: "function_call", id: " ", name: "Bash" },
  });
  assertEquals([blank.success, blank.seq], [false, 7]);
  await run.complete("done");
  const { blocks, streamed_text } = await hub.turn(token, taskId, turnId);
  assertEquals(blocks.map((b) => [b.type, b.status, b.content ?? b.tool_output]), [
    ["thinking", "done", "Let me think"],
    ["text", "done", "I will "],
    ["tool", "error", "no\0pe"],
    ["text", "done", "done"],
  ]);
  assertEquals(blocks[2]?.tool_input, { command: "ls" });
  assertEquals(streamed_text, "I will done");
  const created = page.named("chat:block_created").map((e) => e.block.type);
  assertEquals(created, ["thinking", "text", "tool", "text"]);
});

Deno.test("ten thousand events of a burst are stored in order and acknowledged after the commit", async () => {
  await using hub = await HubFixture.start();
  const { run, device, token, taskId, turnId } = await runningTurn(hub);
  const count = 10_000;
  const started = performance.now();
  for (let i = 1; i < count; i++) {
    device.socket.emit(
      "response.output_text.delta",
      run.envelope("response.output_text.delta", { delta: `${i},` }, ++run.seq),
    );
  }
  assertEquals((await run.text("end")).seq, count);
  const rate = count / (performance.now() - started) * 1000;
  assert(rate > 5000, `only ${Math.round(rate)} events/s`);
  const wanted = Array.from({ length: count - 1 }, (_, i) => `${i + 1},`).join("") + "end";
  assertEquals((await hub.turn(token, taskId, turnId)).streamed_text === wanted, true);
});

Deno.test("a fault of the disk is not acknowledged, and nothing is lost when it has passed", async () => {
  await using hub = await HubFixture.start();
  const { run, token, taskId, turnId } = await runningTurn(hub);
  await run.text("one ");
  const { db } = hub.server.core.store;
  db.run(
    "CREATE TRIGGER full_disk BEFORE INSERT ON block_parts BEGIN SELECT RAISE(ABORT, 'disk full'); END",
  );
  const refused = await run.text("two ");
  assertEquals([refused.success, refused.seq], [false, 1]);
  db.run("DROP TRIGGER full_disk");
  run.seq = 1;
  assertEquals((await run.text("two ")).seq, 2);
  assertEquals((await hub.turn(token, taskId, turnId)).streamed_text, "one two ");
  await until(() => hub.log.some((l) => l.includes("disk full")), "a log line");
});
