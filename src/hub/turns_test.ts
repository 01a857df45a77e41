import { assert, assertEquals } from "../../tests/support/assert.ts";
import { HubFixture, runningTurn, StubRun, until } from "../../tests/support/hub_fixture.ts";

const QUICK = {
  reconnectWindowMs: 400,
  reconcileGraceMs: 200,
  cancelConfirmMs: 400,
  executeAckMs: 300,
};

Deno.test("chat:send answers, starts the turn and asks the device in that order", async () => {
  await using hub = await HubFixture.start({ provider: "demo" });
  const { page, request, taskId, turnId } = await runningTurn(hub);
  assertEquals([request.task_id, request.subtask_id, request.prompt], [taskId, turnId, "do it"]);
  assertEquals(request.new_session, false);
  assertEquals(request.bot[0].agent_config.env, {
    model: "claude",
    model_id: "demo",
    api_key: "demo",
    base_url: `${hub.url}/demo`,
  });
  await page.event("chat:start", (e) => e.subtask_id === turnId);
  await page.event("task:created", (e) => e.task_id === taskId);
  await page.event("task:status", (e) => e.status === "RUNNING");
});

Deno.test("the provider decides about the agent's login", async () => {
  await using hub = await HubFixture.start();
  const { token, page, device, run, request, taskId } = await runningTurn(hub);
  assertEquals(request.bot[0].agent_config, {});
  await run.complete("ok");
  await hub.call("PUT", "/api/settings", token, {
    provider: "key",
    model: "m-1",
    base_url: "https://llm.example.org",
    api_key: "sk-secret-0123456789",
  });
  const { body } = await hub.call("GET", "/api/settings", token);
  assertEquals(JSON.stringify(body).includes("secret"), false);
  assertEquals(body.api_key_hint, "…6789");
  const sent = await page.ask("chat:send", { task_id: taskId, message: "again" });
  const second = await device.event(
    "task:execute",
    (r) => r.subtask_id === sent.assistant_subtask_id,
  );
  assertEquals(second.bot[0].agent_config.env, {
    model: "claude",
    model_id: "m-1",
    api_key: "sk-secret-0123456789",
    base_url: "https://llm.example.org",
  });
});

Deno.test("chat:send is refused for an offline, unknown or foreign device and a running task", async () => {
  await using hub = await HubFixture.start();
  const { page, taskId, token } = await runningTurn(hub);
  assertEquals(await page.ask("chat:send", { task_id: taskId, message: "more" }), {
    error: "Task is still running",
  });
  const { key } = await hub.user("bob");
  await hub.device(key, "dev-bob");
  assertEquals(await page.ask("chat:send", { message: "x", device_id: "dev-bob" }), {
    error: "Device 'dev-bob' not found",
  });
  const { key: mine } = await hub.user("ann");
  const leaving = await hub.device(mine, "dev-2");
  leaving.socket.disconnect();
  await until(
    async () => (await hub.call("GET", "/api/devices/online", token)).body.total === 1,
    "dev-2 to be offline",
  );
  assertEquals(await page.ask("chat:send", { message: "x", device_id: "dev-2" }), {
    error: "Selected device is offline",
  });
});

Deno.test("chat:cancel is confirmed by the device and keeps what was streamed", async () => {
  await using hub = await HubFixture.start();
  const { page, device, run, token, taskId, turnId } = await runningTurn(hub);
  await run.text("partial");
  assertEquals(await page.ask("chat:cancel", { subtask_id: turnId }), { success: true });
  assertEquals(await device.event("task:cancel"), { task_id: taskId, subtask_id: turnId });
  assertEquals((await hub.turn(token, taskId, turnId)).cancelling, true);
  await run.text(" and more");
  await run.send("response.incomplete", {});
  await page.event("chat:cancelled");
  const turn = await hub.turn(token, taskId, turnId);
  assertEquals([turn.status, turn.content], ["CANCELLED", "partial and more"]);
  assertEquals(await page.ask("chat:cancel", { subtask_id: turnId }), {
    error: "Cannot cancel subtask in CANCELLED state",
  });
});

Deno.test("chat:cancel is settled by the hub when the device does not confirm it", async () => {
  await using hub = await HubFixture.start({ timings: QUICK });
  const { page, run, token, taskId, turnId } = await runningTurn(hub);
  await run.text("partial");
  await page.ask("chat:cancel", { subtask_id: turnId });
  await page.event("chat:cancelled");
  // One-way: the device's late success changes nothing.
  assertEquals((await run.complete("too late")).success, true);
  const turn = await hub.turn(token, taskId, turnId);
  assertEquals([turn.status, turn.content], ["CANCELLED", "partial"]);
});

Deno.test("cancel, retry, join and delete check the owner", async () => {
  await using hub = await HubFixture.start();
  const { token, taskId, turnId, run } = await runningTurn(hub);
  const bob = await hub.user("bob");
  const stranger = await hub.browser(bob.token);
  const ids = { task_id: taskId, subtask_id: turnId };
  assertEquals(await stranger.ask("chat:cancel", ids), { error: "Subtask not found" });
  assertEquals(await stranger.ask("chat:retry", ids), { error: "Subtask not found" });
  assertEquals(await stranger.ask("task:join", ids), { error: "Task not found" });
  assertEquals(await stranger.ask("history:sync", ids), { error: "Task not found" });
  assertEquals(await stranger.ask("task:close-session", ids), { error: "Task not found" });
  assertEquals(await stranger.ask("chat:send", { task_id: taskId, message: "x" }), {
    error: "Task not found",
  });
  assertEquals((await hub.call("DELETE", `/api/tasks/${taskId}`, bob.token)).status, 404);
  assertEquals((await hub.call("POST", `/api/tasks/${taskId}/cancel`, bob.token)).status, 404);
  await run.text("private");
  assertEquals((await hub.turn(token, taskId, turnId)).status, "RUNNING");
  assertEquals(stranger.events, []);
});

Deno.test("chat:retry runs the same turn again from an empty answer", async () => {
  await using hub = await HubFixture.start();
  const { page, device, run, request, token, taskId, turnId } = await runningTurn(hub);
  await run.text("first");
  await run.send("error", { code: "rate_limit", message: "Too many requests" });
  const failed = await page.event("chat:error");
  assertEquals([failed.error, failed.type], ["Too many requests", "rate_limit"]);
  device.events.length = 0;
  const ack = await page.ask("chat:retry", { task_id: taskId, subtask_id: turnId });
  assertEquals(ack.success, true);
  assertEquals((await device.event("task:execute")).subtask_id, turnId);
  const second = new StubRun(device, request);
  await second.text("second");
  await second.complete("second");
  const turn = await hub.turn(token, taskId, turnId);
  assertEquals(
    [turn.status, turn.content, turn.streamed_text, turn.error, turn.attempt],
    ["COMPLETED", "second", "second", null, 2],
  );
  assertEquals(await page.ask("chat:retry", { task_id: taskId, subtask_id: turnId }), {
    error: "Cannot retry subtask in COMPLETED state",
  });
});

Deno.test("chat:retry of an older turn is refused while another one of the task runs", async () => {
  await using hub = await HubFixture.start();
  const { page, run, taskId, turnId } = await runningTurn(hub);
  await run.send("error", { message: "no" });
  await page.ask("chat:send", { task_id: taskId, message: "again" });
  assertEquals(await page.ask("chat:retry", { task_id: taskId, subtask_id: turnId }), {
    error: "Task is still running",
  });
});

Deno.test("chat:retry waits until the device has ended the attempt before", async () => {
  await using hub = await HubFixture.start({ timings: { ...QUICK, cancelConfirmMs: 300 } });
  const { page, device, run, taskId, turnId } = await runningTurn(hub);
  await run.text("first");
  await page.ask("chat:cancel", { subtask_id: turnId });
  await page.event("chat:cancelled");
  device.events.length = 0;
  await page.ask("chat:retry", { task_id: taskId, subtask_id: turnId });
  await device.event("task:cancel");
  assertEquals(device.named("task:execute"), []);
  await run.send("response.incomplete", {});
  await device.event("task:execute");
});

Deno.test("a lost device keeps its turn when it is back in time", async () => {
  await using hub = await HubFixture.start({ timings: { ...QUICK, reconnectWindowMs: 2000 } });
  const { page, device, key, run, token, taskId, turnId } = await runningTurn(hub);
  await run.text("before ");
  device.cut();
  await until(
    async () => (await hub.call("GET", "/api/devices", token)).body.items[0].reconnecting,
    "reconnecting",
  );
  const again = await hub.device(key, device.id);
  await again.beat([taskId]);
  const more = new StubRun(again, run.request, run.session);
  more.seq = run.seq;
  await more.text("after");
  await more.complete("before after");
  assertEquals((await hub.turn(token, taskId, turnId)).streamed_text, "before after");
  assertEquals(page.named("chat:error"), []);
  assertEquals(again.named("task:execute"), []);
});

Deno.test("a device that stays away loses its turns", async () => {
  await using hub = await HubFixture.start({ timings: QUICK });
  const { page, device, key, run, token, taskId, turnId } = await runningTurn(hub);
  await run.text("before");
  device.cut();
  const error = await page.event("chat:error");
  assertEquals(error.error, "Device disconnected");
  await page.event("device:offline");
  const turn = await hub.turn(token, taskId, turnId);
  assertEquals([turn.status, turn.content], ["FAILED", "before"]);
  // Back later: the turn is over, and the device is told to stop.
  const again = await hub.device(key, device.id);
  await again.beat([taskId]);
  assertEquals(await again.event("task:cancel"), { task_id: taskId, subtask_id: turnId });
  assertEquals((await hub.turn(token, taskId, turnId)).status, "FAILED");
});

Deno.test("the hub's restart does not fail turns whose device comes back", async () => {
  await using hub = await HubFixture.start({ timings: { ...QUICK, reconnectWindowMs: 1500 } });
  const { device, key, run, token, taskId, turnId } = await runningTurn(hub);
  await run.text("before ");
  await hub.restart();
  const again = await hub.device(key, device.id);
  await again.beat([taskId]);
  const more = new StubRun(again, run.request, run.session);
  more.seq = run.seq;
  await more.text("after");
  await more.complete("x");
  const turn = await hub.turn(token, taskId, turnId);
  assertEquals([turn.status, turn.streamed_text], ["COMPLETED", "before after"]);
});

Deno.test("a turn its device has forgotten fails in plain words", async () => {
  await using hub = await HubFixture.start({ timings: { ...QUICK, reconnectWindowMs: 5000 } });
  const { device, key, run, page } = await runningTurn(hub);
  await run.text("before");
  device.cut();
  const again = await hub.device(key, device.id);
  await again.beat([]);
  const error = await page.event("chat:error");
  assert(error.error.startsWith("The device no longer knows this task"));
});

Deno.test("a message sent while the device reconnects is delivered when it is back", async () => {
  await using hub = await HubFixture.start({ timings: { ...QUICK, reconnectWindowMs: 3000 } });
  const { token, key } = await hub.user("ann");
  const device = await hub.device(key, "dev-1");
  const page = await hub.browser(token);
  device.cut();
  await until(
    async () => (await hub.call("GET", "/api/devices", token)).body.items[0].reconnecting,
    "reconnecting",
  );
  const sent = await page.ask("chat:send", { message: "hello", device_id: "dev-1" });
  const turn = await hub.turn(token, sent.task_id, sent.assistant_subtask_id);
  assertEquals(turn.status, "PENDING");
  const again = await hub.device(key, "dev-1");
  const request = await again.event("task:execute");
  assertEquals(request.subtask_id, sent.assistant_subtask_id);
});

Deno.test("a cancel while the device is away is told when it is back", async () => {
  await using hub = await HubFixture.start({ timings: { ...QUICK, reconnectWindowMs: 5000 } });
  const { device, key, run, page, taskId, turnId, token } = await runningTurn(hub);
  await run.text("x");
  device.cut();
  await until(
    async () => (await hub.call("GET", "/api/devices", token)).body.items[0].reconnecting,
    "reconnecting",
  );
  assertEquals(await page.ask("chat:cancel", { subtask_id: turnId }), { success: true });
  assertEquals((await hub.turn(token, taskId, turnId)).status, "CANCELLED");
  const again = await hub.device(key, device.id);
  assertEquals(await again.event("task:cancel"), { task_id: taskId, subtask_id: turnId });
});

Deno.test("six turns: slots and queue are shown as the device reports them", async () => {
  await using hub = await HubFixture.start();
  const { token, key } = await hub.user("ann");
  const device = await hub.device(key, "dev-1");
  const page = await hub.browser(token);
  const ids: number[] = [];
  for (let i = 0; i < 6; i++) {
    ids.push((await page.ask("chat:send", { message: `task ${i}`, device_id: "dev-1" })).task_id);
  }
  await until(() => device.named("task:execute").length === 6, "six requests");
  await device.beat(ids.slice(0, 5), ids.slice(5));
  const info = (await hub.call("GET", "/api/devices", token)).body.items[0];
  assertEquals(
    [info.status, info.slot_used, info.slot_max, info.queued_task_ids],
    ["busy", 5, 5, [ids[5]]],
  );
  const { body } = await hub.call("GET", `/api/tasks/${ids[5]}`, token);
  assertEquals(body.subtasks[1].queued, true);
  const update = page.named("device:slot_update").at(-1);
  assertEquals([update.slot_used, update.queued_task_ids], [5, [ids[5]]]);
  // Cancelling the queued one goes to the device, which never starts it.
  await page.ask("chat:cancel", { subtask_id: body.subtasks[1].subtask_id });
  assertEquals((await device.event("task:cancel")).task_id, ids[5]);
});

Deno.test("one live socket per device: the newest wins", async () => {
  await using hub = await HubFixture.start();
  const { device, key, token, run, taskId, turnId } = await runningTurn(hub);
  const newer = await hub.device(key, device.id);
  await until(() => !device.socket.connected, "the older socket to be closed");
  const more = new StubRun(newer, run.request, run.session);
  assertEquals((await more.text("from the newer")).seq, 1);
  assertEquals((await hub.turn(token, taskId, turnId)).streamed_text, "from the newer");
  assertEquals((await hub.call("GET", "/api/devices/online", token)).body.total, 1);
});

Deno.test("a silent device is given up after the heartbeat's time", async () => {
  await using hub = await HubFixture.start({ timings: { ...QUICK, onlineExpiryMs: 300 } });
  const { page, run } = await runningTurn(hub);
  await run.text("x");
  const error = await page.event("chat:error");
  assertEquals(error.error, "Device connection lost (heartbeat timeout)");
});

Deno.test("task:join repairs what a page has missed", async () => {
  await using hub = await HubFixture.start();
  const { token, run, taskId, turnId } = await runningTurn(hub);
  await run.text("one ");
  const late = await hub.browser(token);
  const state = await late.ask("task:join", { task_id: taskId });
  assertEquals(state.streaming.subtask_id, turnId);
  assertEquals(state.streaming.cached_content, "one ");
  await run.text("two");
  const chunk = await late.event("chat:chunk");
  assertEquals([chunk.content, chunk.offset], ["two", 4]);
  const history = await late.ask("history:sync", { task_id: taskId, after_message_id: 1 });
  assertEquals(history.messages.map((m: { message_id: number }) => m.message_id), [2]);
  await late.ask("task:leave", { task_id: taskId });
  await run.text("three");
  await run.complete("x");
  await late.event("task:status", (e) => e.status === "COMPLETED");
  assertEquals(late.named("chat:chunk").length, 1);
});

Deno.test("a device's refusal of a task ends the turn", async () => {
  await using hub = await HubFixture.start();
  const { token, key } = await hub.user("ann");
  const device = await hub.device(key, "dev-1");
  device.acknowledges = false;
  device.socket.on("task:execute", (_r, ack) => ack({ success: false, error: "No disk" }));
  const page = await hub.browser(token);
  await page.ask("chat:send", { message: "x" });
  assertEquals((await page.event("chat:error")).error, "The device refused the task: No disk");
});

Deno.test("a deleted conversation is gone and its device is told", async () => {
  await using hub = await HubFixture.start();
  const { token, taskId, device, run } = await runningTurn(hub);
  await run.text("x");
  assertEquals((await hub.call("DELETE", `/api/tasks/${taskId}`, token)).status, 200);
  await device.event("task:close-session");
  assertEquals((await hub.call("GET", "/api/tasks", token)).body.total, 0);
  assertEquals((await hub.call("GET", `/api/tasks/${taskId}`, token)).status, 404);
});
