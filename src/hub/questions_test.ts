import { assert, assertEquals } from "../../tests/support/assert.ts";
import {
  HubFixture,
  runningTurn,
  StubRun,
  until,
  type Wire,
} from "../../tests/support/hub_fixture.ts";

const REQUESTED = "response.permission.requested";
const RESOLVED = "response.permission.resolved";

function permission(more: object = {}) {
  return {
    request_id: "q_1",
    kind: "permission",
    tool_use_id: "toolu_1",
    tool_name: "Bash",
    input: { command: "make" },
    truncated: false,
    reason: "This command requires approval",
    rule: { tool: "Bash", match: "make" },
    questions: [],
    ...more,
  };
}

const FORM = {
  kind: "form",
  tool_name: "AskUserQuestion",
  input: {},
  rule: null,
  questions: [{
    question: "Which?",
    header: "H",
    multiple: false,
    options: [{ label: "A", description: "" }],
  }],
};

function resolved(outcome: string, more: object = {}) {
  return { request_id: "q_1", outcome, message: null, answers: [], ...more };
}

/** A turn whose agent has called a tool and asks for it. */
async function asking(hub: HubFixture, question: object = permission()) {
  const turn = await runningTurn(hub);
  await turn.run.send("response.output_item.added", {
    item: { type: "function_call", id: "toolu_1", name: "Bash" },
  });
  const ack = await turn.run.send(REQUESTED, question);
  assertEquals(ack.success, true, JSON.stringify(ack));
  const answer = (decision: string, more: object = {}, page = turn.page): Promise<Wire> =>
    page.ask("chat:answer", {
      subtask_id: turn.turnId,
      request_id: "q_1",
      decision,
      ...more,
    });
  turn.device.socket.on(
    "task:answer",
    (_answer: Wire, ack: (answer: object) => void) => ack({ success: true }),
  );
  return { ...turn, answer };
}

async function waiting(hub: HubFixture, token: string, taskId: number): Promise<boolean> {
  const { body } = await hub.call("GET", "/api/tasks", token);
  return body.items.find((t: Wire) => t.task_id === taskId).waiting;
}

Deno.test("a question is stored with its tool call, told to the pages, and survives a restart", async () => {
  await using hub = await HubFixture.start();
  const { token, taskId, turnId, page, run } = await asking(hub);
  const question = (await hub.turn(token, taskId, turnId)).blocks[0]?.question;
  assertEquals([question?.outcome, question?.input, question?.rule], [
    "open",
    { command: "make" },
    { tool: "Bash", match: "make" },
  ]);
  await page.event("chat:block_updated", (e) => e.question?.request_id === "q_1");
  await page.event("task:status", (e) => e.waiting === true && e.task_id === taskId);
  assertEquals(await waiting(hub, token, taskId), true);
  const before = await hub.turn(token, taskId, turnId);
  await hub.restart();
  assertEquals(await waiting(hub, token, taskId), true);
  assertEquals((await hub.turn(token, taskId, turnId)).blocks, before.blocks);
  // What came before the restart is sent again, and counts once.
  const { key } = await hub.user("ann");
  const again = new StubRun(await hub.device(key, "dev-1"), run.request, run.session);
  assertEquals((await again.send(REQUESTED, permission(), 2)).seq, 2);
  assertEquals((await hub.turn(token, taskId, turnId)).blocks, before.blocks);
  again.seq = run.seq;
  await again.send(RESOLVED, resolved("denied", { message: "not now" }));
  const after = (await hub.turn(token, taskId, turnId)).blocks[0]?.question;
  assertEquals([after?.outcome, after?.message], ["denied", "not now"]);
  assertEquals(await waiting(hub, token, taskId), false);
});

Deno.test("chat:answer reaches the device; a second one is no fault and reaches nobody", async () => {
  await using hub = await HubFixture.start();
  const { answer, device, run, page, taskId, turnId } = await asking(hub);
  assertEquals(await answer("allow"), { success: true, closed: false });
  assertEquals(await device.event("task:answer"), {
    task_id: taskId,
    subtask_id: turnId,
    request_id: "q_1",
    decision: "allow",
    message: "",
    answers: [],
  });
  await run.send(RESOLVED, resolved("allowed"));
  await page.event("task:status", (e) => e.waiting === false);
  await page.event("chat:block_updated", (e) => e.question?.outcome === "allowed");
  assertEquals(await answer("deny"), { success: true, closed: true });
  assertEquals(device.named("task:answer").length, 1);
});

Deno.test("chat:answer is the owner's alone", async () => {
  await using hub = await HubFixture.start();
  const { answer, device, taskId } = await asking(hub);
  const bob = await hub.browser((await hub.user("bob")).token);
  assertEquals(await answer("allow", {}, bob), { error: "Subtask not found" });
  assertEquals(
    await bob.ask("task:set_permission_mode", { task_id: taskId, permission_mode: "bypass" }),
    { error: "Task not found" },
  );
  assertEquals(device.named("task:answer"), []);
});

Deno.test("chat:answer must fit the question", async () => {
  await using hub = await HubFixture.start();
  const { answer } = await asking(hub, permission({ rule: null }));
  assertEquals(await answer("answer", { answers: [["A"]] }), {
    error: 'The decision "answer" does not fit this question',
  });
  assertEquals(await answer("allow_always"), {
    error: "This cannot be allowed for the whole conversation",
  });
  assert((await answer("perhaps")).error.includes("decision"));
  assertEquals(await answer("deny", { message: "no" }), { success: true, closed: false });
});

Deno.test("chat:answer to a form needs an answer", async () => {
  await using hub = await HubFixture.start();
  const { answer, device } = await asking(hub, permission(FORM));
  assertEquals(await answer("allow"), {
    error: 'The decision "allow" does not fit this question',
  });
  assertEquals(await answer("answer", { answers: [[" "]] }), { error: "An answer is missing" });
  assertEquals(await answer("answer", { answers: [["A"], ["B"]] }), {
    error: "There are more answers than questions",
  });
  assertEquals(await answer("answer", { answers: [["A"]] }), { success: true, closed: false });
  assertEquals((await device.event("task:answer")).answers, [["A"]]);
});

Deno.test("chat:answer says when the device cannot be reached or does not take it, and can be repeated", async () => {
  await using hub = await HubFixture.start({ timings: { answerAckMs: 200 } });
  const { answer, device, key } = await asking(hub);
  device.socket.off("task:answer");
  device.socket.once(
    "task:answer",
    (_: Wire, ack: (answer: object) => void) =>
      ack({ success: false, error: "The turn that asked is not running on this device" }),
  );
  assertEquals(await answer("allow"), {
    error: "The turn that asked is not running on this device",
  });
  assertEquals(await answer("allow"), {
    error: "The device did not take the answer; give it again",
  });
  device.cut();
  await until(
    async () => (await answer("allow")).error.includes("offline"),
    "the device to be gone",
  );
  const again = await hub.device(key, "dev-1");
  again.socket.on(
    "task:answer",
    (_: Wire, ack: (answer: object) => void) => ack({ success: true }),
  );
  assertEquals(await answer("allow"), { success: true, closed: false });
});

Deno.test("a turn that ends withdraws its questions", async () => {
  await using hub = await HubFixture.start();
  const { answer, run, token, taskId, turnId } = await asking(hub);
  await run.send("error", { message: "gone", code: "execution_error" });
  const turn = await hub.turn(token, taskId, turnId);
  assertEquals([turn.status, turn.blocks[0]?.question?.outcome], ["FAILED", "withdrawn"]);
  assertEquals(await waiting(hub, token, taskId), false);
  assertEquals(await answer("allow"), { success: true, closed: true });
});

Deno.test("what is allowed for the conversation goes along with its later turns, until nothing is asked", async () => {
  await using hub = await HubFixture.start();
  const { page, device, run, request, taskId } = await asking(hub);
  assertEquals([request.permission_mode, request.permission_rules], ["bypass", []]);
  await run.send(RESOLVED, resolved("allowed_always"));
  await run.complete("ok");
  const next = async (more: object) => {
    const sent = await page.ask("chat:send", { task_id: taskId, message: "more", ...more });
    const later = await device.event(
      "task:execute",
      (r) => r.subtask_id === sent.assistant_subtask_id,
    );
    await new StubRun(device, later).complete("ok");
    return [later.permission_mode, later.permission_rules];
  };
  const rules = [{ tool: "Bash", match: "make" }];
  assertEquals(await next({ permission_mode: "ask" }), ["ask", rules]);
  await page.event("task:permission_mode", (e) => e.permission_mode === "ask");
  assertEquals(await next({}), ["ask", rules]);
  const mode = { task_id: taskId, permission_mode: "bypass" };
  assertEquals(await page.ask("task:set_permission_mode", mode), { success: true });
  await page.event("task:permission_mode", (e) => e.permission_mode === "bypass");
  assertEquals(await next({}), ["bypass", []]);
});

Deno.test("an unreadable question of a device is refused and changes nothing", async () => {
  await using hub = await HubFixture.start();
  const { run, token, taskId, turnId } = await runningTurn(hub);
  const ack = await run.send(REQUESTED, permission({ kind: "threat" }));
  assertEquals(ack.success, false);
  assert(ack.error.includes("kind"), ack.error);
  assertEquals((await hub.turn(token, taskId, turnId)).blocks, []);
  // Without its tool call a question makes one.
  await run.send(REQUESTED, permission());
  const [block] = (await hub.turn(token, taskId, turnId)).blocks;
  assertEquals([block?.tool_name, block?.question?.outcome], ["Bash", "open"]);
});
