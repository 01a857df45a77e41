/** Messages to a running turn: kept, handed over, read, left unread, taken back. */
import { assert, assertEquals } from "../../tests/support/assert.ts";
import {
  HubFixture,
  runningTurn,
  StubRun,
  until,
  type Wire,
} from "../../tests/support/hub_fixture.ts";

type Ack = (answer: object) => void;

/** A turn whose device takes messages while it runs; what it was told is kept in `told`. */
async function steerable(hub: HubFixture) {
  const turn = await runningTurn(hub);
  await turn.device.register({ features: ["steer"] });
  const told: Wire[] = [];
  const answers = { give: (_message: Wire, ack: Ack) => ack({ success: true }) };
  turn.device.socket.on("task:steer", (message: Wire, ack: Ack) => {
    told.push(message);
    answers.give(message, ack);
  });
  const steer = (text: string, page = turn.page): Promise<Wire> =>
    page.ask("chat:steer", { subtask_id: turn.turnId, text });
  const read = (input_id: string, text: string) =>
    turn.run.send("response.input.added", { input_id, text });
  const view = () => hub.turn(turn.token, turn.taskId, turn.turnId);
  return { ...turn, told, answers, steer, read, view };
}

Deno.test("chat:steer reaches the device, and becomes a block of the answer where the agent reads it", async () => {
  await using hub = await HubFixture.start();
  const { steer, read, view, told, run, page, taskId, turnId } = await steerable(hub);
  await run.text("before ");
  const { success, input_id } = await steer("Use blue");
  assertEquals(success, true);
  await until(() => told.length === 1, "the message at the device");
  assertEquals(told[0], { task_id: taskId, subtask_id: turnId, input_id, text: "Use blue" });
  const waiting = (await view()).inputs;
  assertEquals(waiting.map(({ text, state }) => [text, state]), [["Use blue", "pending"]]);
  await page.event("chat:input", (e) => e.inputs.length === 1 && e.subtask_id === turnId);
  await read(input_id, "Use blue");
  await page.event("chat:input", (e) => e.inputs.length === 0);
  const created = await page.event("chat:block_created", (e) => e.block.type === "input");
  assertEquals([created.block.content, created.block.status], ["Use blue", "done"]);
  await run.text("after");
  await run.complete("before after");
  const turn = await view();
  assertEquals(turn.blocks.map(({ type, content }) => [type, content]), [
    ["text", "before "],
    ["input", "Use blue"],
    ["text", "after"],
  ]);
  // It is not part of the agent's own text.
  assertEquals([turn.streamed_text, turn.inputs], ["before after", []]);
  assertEquals(page.named("chat:chunk").map((e) => e.content).join(""), "before after");
  await hub.restart();
  assertEquals((await view()).blocks, turn.blocks);
});

Deno.test("a message a turn ends without is left unread, and goes back to its writer once", async () => {
  await using hub = await HubFixture.start();
  const { steer, read, view, run, page, turnId } = await steerable(hub);
  const first = await steer("read me");
  const second = await steer("never read");
  await read(first.input_id, "read me");
  await run.complete("done");
  await page.event("chat:input", (e) => e.inputs[0]?.state === "unread");
  assertEquals((await view()).inputs.map(({ text, state }) => [text, state]), [
    ["never read", "unread"],
  ]);
  // Late, after the end: it stays unread.
  await read(second.input_id, "never read");
  assertEquals((await view()).inputs.length, 1);
  assertEquals(
    (await steer("too late")).error,
    "The turn does not run any more; send a message instead",
  );
  const bob = await hub.browser((await hub.user("bob")).token);
  const back = { subtask_id: turnId, input_id: second.input_id };
  assertEquals(await bob.ask("chat:take_back", back), { error: "Subtask not found" });
  assertEquals(await page.ask("chat:take_back", back), { success: true, text: "never read" });
  assertEquals(await page.ask("chat:take_back", back), { error: "Message not found" });
  const read1 = { ...back, input_id: first.input_id };
  assertEquals(await page.ask("chat:take_back", read1), { error: "Message not found" });
  assertEquals((await view()).inputs, []);
});

Deno.test("chat:steer is the owner's, for devices that take it, and bounded", async () => {
  await using hub = await HubFixture.start();
  const { steer, told, device, page, turnId, token } = await steerable(hub);
  const bob = await hub.browser((await hub.user("bob")).token);
  assertEquals(await steer("x", bob), { error: "Subtask not found" });
  for (const text of ["", " ", "x".repeat(50_001), "\0", 5]) {
    const refused = await page.ask("chat:steer", { subtask_id: turnId, text });
    assert(refused.error.includes('"text"'), JSON.stringify(refused));
  }
  assertEquals(told, []);
  for (let i = 0; i < 100; i++) assertEquals((await steer(`m${i}`)).success, true);
  assertEquals(await steer("m100"), { error: "A turn takes at most 100 messages" });
  await until(() => told.length === 100, "all of them");
  assertEquals(told.map(({ text }) => text), Array.from({ length: 100 }, (_, i) => `m${i}`));
  const list = async () => (await hub.call("GET", "/api/devices", token)).body.items[0].features;
  assertEquals(await list(), ["steer"]);
  await device.register();
  assertEquals(await list(), []);
  assertEquals(await steer("x"), { error: "This device takes no messages while a turn runs" });
});

Deno.test("a device that does not take a message at once is given it again, in order", async () => {
  await using hub = await HubFixture.start({ timings: { steerRetryMs: 20, answerAckMs: 100 } });
  const { steer, told, answers } = await steerable(hub);
  const texts = () => told.map(({ text }) => text);
  answers.give = (_message, ack) => ack({ success: false, error: "Not running yet" });
  await steer("one");
  await steer("two");
  await until(() => told.length >= 3, "several tries");
  assertEquals(new Set(texts()), new Set(["one"]));
  answers.give = () => {};
  await until(() => told.length >= 5, "tries without an answer");
  assertEquals(new Set(texts()), new Set(["one"]));
  answers.give = (_message, ack) => ack({ success: true });
  await until(() => texts().includes("two"), "the second one");
  const count = told.length;
  await new Promise((resolve) => setTimeout(resolve, 100));
  assertEquals(told.length, count, "what was taken is not sent again");
});

Deno.test("messages wait for a device that reconnects and for a hub that restarts", async () => {
  await using hub = await HubFixture.start({ timings: { reconnectWindowMs: 5000 } });
  const { steer, device, key, view, run, told } = await steerable(hub);
  const taken = await steer("taken before");
  await until(() => told.length === 1, "the first message");
  device.cut();
  const { input_id } = await until(
    async () => {
      const answer = await steer("while away");
      return answer.success ? answer : null;
    },
    "the message to be kept",
  );
  await hub.restart();
  const again = await hub.device(key, "dev-1");
  again.socket.on("task:steer", (_message: Wire, ack: Ack) => ack({ success: true }));
  assertEquals(again.named("task:steer"), [], "it has not said that it takes them");
  await again.register({ features: ["steer"] });
  // All that was not read comes again; the device knows them by their ids.
  await again.event("task:steer", (m) => m.input_id === taken.input_id);
  await again.event("task:steer", (m) => m.input_id === input_id);
  const more = new StubRun(again, run.request, run.session);
  await more.send("response.input.added", { input_id, text: "while away" });
  await more.complete("ok");
  assertEquals((await view()).inputs.map(({ text, state }) => [text, state]), [
    ["taken before", "unread"],
  ]);
});

Deno.test("a cancelled turn takes no message; a retry begins without those of before and keeps the unread", async () => {
  await using hub = await HubFixture.start();
  const { steer, view, run, page, device, request, taskId, turnId, read } = await steerable(hub);
  const { input_id } = await steer("read");
  await read(input_id, "read");
  await steer("unread");
  await page.ask("chat:cancel", { subtask_id: turnId });
  assert((await steer("x")).error.includes("does not run any more"));
  await run.send("response.incomplete");
  await page.event("chat:cancelled");
  device.events.length = 0;
  await page.ask("chat:retry", { task_id: taskId, subtask_id: turnId });
  await device.event("task:execute");
  const turn = await view();
  assertEquals([turn.blocks, turn.inputs.map(({ text }) => text)], [[], ["unread"]]);
  await steer("again");
  await new StubRun(device, request).complete("ok");
  assertEquals((await view()).inputs.map(({ text }) => text), ["unread", "again"]);
});

Deno.test("wrong data of response.input.added is refused and changes nothing", async () => {
  await using hub = await HubFixture.start();
  const { run, view } = await steerable(hub);
  for (const data of [{}, { input_id: "", text: "x" }, { input_id: "a", text: 5 }]) {
    const ack = await run.send("response.input.added", data);
    assertEquals(ack.success, false, JSON.stringify(ack));
  }
  assertEquals((await view()).blocks, []);
  // One the hub knows nothing of is shown all the same, once.
  await run.send("response.input.added", { input_id: "other", text: "from elsewhere" });
  await run.send("response.input.added", { input_id: "other", text: "from elsewhere" });
  assertEquals((await view()).blocks.map(({ content }) => content), ["from elsewhere"]);
});
