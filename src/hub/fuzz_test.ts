import { assert, assertEquals } from "../../tests/support/assert.ts";
import { HubFixture, Peer, runningTurn, StubRun } from "../../tests/support/hub_fixture.ts";

const BIG = "x".repeat(1_000_000);
const DEEP = JSON.parse("[".repeat(2000) + "]".repeat(2000));
const POISON = JSON.parse('{"__proto__": {"polluted": true, "success": true}}');

/** What a field may be replaced with; `undefined` takes it away. */
const WRONG: readonly unknown[] = [
  undefined,
  null,
  true,
  -1,
  1.5,
  1e300,
  "",
  "nonsense",
  [],
  {},
  [[]],
  POISON,
  DEEP,
  BIG,
  "\0\ud800",
];

/** Each message with each field replaced by each wrong value, and each wrong value by itself. */
function* mutations(good: Record<string, unknown>): Iterable<unknown> {
  yield* WRONG;
  for (const field of Object.keys(good)) {
    for (const value of WRONG) {
      const { [field]: _, ...rest } = good;
      yield value === undefined ? rest : { ...rest, [field]: value };
    }
  }
  yield Object.assign(JSON.parse('{"__proto__": {"polluted": true}}'), good);
}

/** An answer that is one object; refusals carry a text. */
function assertAnswer(ack: unknown, what: string): void {
  assert(typeof ack === "object" && ack !== null && !Array.isArray(ack), what);
  const { success, error } = ack as { success?: unknown; error?: unknown };
  assert(
    success === true || typeof error === "string" || "task" in ack || "task_id" in ack ||
      "messages" in ack,
    what,
  );
  if (typeof error === "string") assert(error.length < 2000, what);
  assertEquals(({} as { polluted?: unknown }).polluted, undefined, what);
}

async function fuzz(peer: Peer, name: string, good: Record<string, unknown>): Promise<void> {
  for (const payload of mutations(good)) {
    const answer = payload === undefined ? await peer.ask(name) : await peer.ask(name, payload);
    assertAnswer(answer, name);
  }
}

Deno.test("device events: every field, every wrong value: an answer, and a good event afterwards works", async () => {
  await using hub = await HubFixture.start();
  const { device, run, request, token, taskId, turnId } = await runningTurn(hub);
  await fuzz(device, "device:register", {
    device_id: device.id,
    name: "Box",
    device_type: "local",
    bind_shell: "claudecode",
    executor_version: "1",
    client_ip: "127.0.0.1",
    runtime_transfer_host: "h",
    capabilities: ["a"],
    sandbox: "s",
    features: ["steer"],
  });
  await fuzz(device, "device:heartbeat", {
    device_id: device.id,
    running_task_ids: [taskId],
    queued_task_ids: [],
    slot_max: 5,
    executor_version: "1",
    capabilities: {},
    runtime_auth_files: {},
    workdirs: {
      home: "/h",
      workspace_root: "/h/w",
      roots: [],
      recent: [],
      repos: [],
      open_directory: false,
    },
  });
  await fuzz(device, "device:status", { device_id: device.id, status: "online" });
  await fuzz(device, "no:such:event", { a: 1 });
  await device.register();
  await device.beat([taskId]);
  for (
    const event of [
      "response.in_progress",
      "response.output_text.delta",
      "response.reasoning_summary_text.delta",
      "response.output_item.added",
      "response.function_call_arguments.delta",
      "response.function_call_arguments.done",
      "response.output_item.done",
      "response.block.created",
      "response.block.updated",
      "response.status.updated",
      "response.workdir",
      "response.input.added",
      "response.unheard_of",
      "errorfoo",
    ]
  ) {
    const envelope = run.envelope(event, {}, 1) as Record<string, unknown>;
    await fuzz(device, event, { ...envelope, session: "other" });
    const { session: _s, seq: _q, ...plain } = envelope;
    await fuzz(device, event, plain);
    await fuzzData(device, event, plain);
  }
  const before = await hub.turn(token, taskId, turnId);
  assertEquals(before.status, "RUNNING");
  // One of the wrong names was a good one and the run has it now.
  const { session, last_seq } = hub.server.core.store.dispatches.current(turnId)!;
  const good = new StubRun(device, request, session ?? "run");
  good.seq = last_seq;
  assertEquals((await good.text("good")).success, true);
  await good.complete("good");
  assertEquals((await hub.turn(token, taskId, turnId)).content, "good");
});

/** The members of `data` that the hub reads. */
async function fuzzData(peer: Peer, event: string, plain: Record<string, unknown>): Promise<void> {
  const data = {
    delta: "d",
    item_id: "t1",
    call_id: "t1",
    block_id: "b1",
    arguments: "{}",
    arguments_summary: {},
    item: { type: "function_call", id: "t1", name: "Bash", status: "completed", output: "o" },
    block: { id: "b1", type: "text", content: "c", status: "done" },
    updates: { content: "cc" },
    input_id: "i",
    text: "t",
    path: "/p",
    origin: "session",
    code: null,
    notice: null,
  };
  for (const field of Object.keys(data)) {
    for (const value of WRONG) {
      assertAnswer(
        await peer.ask(event, { ...plain, data: { ...data, [field]: value } }),
        `${event} ${field}`,
      );
    }
  }
}

Deno.test("terminal events of any shape end the turn exactly once", async () => {
  await using hub = await HubFixture.start();
  const { token, key } = await hub.user("ann");
  const device = await hub.device(key, "dev-1");
  const page = await hub.browser(token);
  for (const wrong of WRONG) {
    for (const event of ["response.completed", "error"]) {
      device.events.length = 0;
      const sent = await page.ask("chat:send", { message: "go" });
      const request = await device.event("task:execute");
      const run = new StubRun(device, request);
      const ack = await run.send(event, { response: wrong, message: wrong, code: wrong });
      assertEquals(ack, { success: true, seq: 1 });
      const turn = await hub.turn(token, sent.task_id, sent.assistant_subtask_id);
      assertEquals(turn.status, event === "error" ? "FAILED" : "COMPLETED");
      await hub.call("DELETE", `/api/tasks/${sent.task_id}`, token);
    }
  }
});

Deno.test("browser events: every field, every wrong value: an answer, and a good event afterwards works", async () => {
  await using hub = await HubFixture.start();
  const { page, run, taskId, turnId, token } = await runningTurn(hub);
  await fuzz(page, "chat:cancel", { subtask_id: 999_999 });
  await fuzz(page, "chat:retry", { task_id: taskId, subtask_id: turnId, device_id: "dev-1" });
  await fuzz(page, "task:join", { task_id: taskId, after_message_id: 0 });
  await fuzz(page, "task:leave", { task_id: taskId });
  await fuzz(page, "history:sync", { task_id: taskId, after_message_id: 0 });
  await fuzz(page, "task:close-session", { task_id: taskId });
  await fuzz(page, "no:such:event", { a: 1 });
  await fuzz(page, "chat:steer", { subtask_id: turnId, text: "t" });
  await fuzz(page, "chat:take_back", { subtask_id: turnId, input_id: "i" });
  // The task is running, so no mutation of a message starts another turn in it.
  await fuzz(page, "chat:send", {
    message: "m",
    task_id: taskId,
    title: "t",
    device_id: "unknown-device",
    team_id: 1,
    agent: "claude",
    model: "m",
    effort: "low",
    attachments: [1],
    workdir: "/p",
    workdir_policy: "existing",
    git_url: "https://git.example/a.git",
    branch_name: "main",
  });
  await page.ask("task:join", { task_id: taskId });
  await run.text("fine");
  await run.complete("fine");
  await page.event("chat:done");
  assertEquals((await hub.turn(token, taskId, turnId)).content, "fine");
});

Deno.test("settings: every field, every wrong value: saved or refused, never a fault", async () => {
  await using hub = await HubFixture.start();
  const { token } = await hub.user("ann");
  const agent = { provider: "key", model: "m", base_url: "", api_key: "k", models: ["m"] };
  const server = {
    command: "x",
    args: ["a"],
    env: { A: "b" },
    url: "https://x",
    headers: { a: "b" },
  };
  await hub.call("POST", "/api/mcp-servers", token, { name: "known", command: "x" });
  const proxy = { url: "http://p:1", use_proxy: true };
  const requests: [method: string, path: string, bodies: Iterable<unknown>][] = [
    ["PUT", "/api/settings", mutations({ ...agent, agents: {}, proxy: {} })],
    ["PUT", "/api/settings", wrapped(agent, (codex) => ({ agents: { codex } }))],
    ["PUT", "/api/settings", wrapped(proxy, (proxy) => ({ proxy }))],
    ["POST", "/api/mcp-servers", mutations({ name: "new", ...server })],
    ["POST", "/api/mcp-servers", wrapped(server, (a) => ({ mcpServers: { a } }))],
    ["PUT", "/api/mcp-servers/known", wrapped(server, (server) => ({ server }))],
    ["PUT", "/api/mcp-servers/known/enabled", mutations({ enabled: true })],
  ];
  for (const [method, path, bodies] of requests) {
    for (const body of bodies) {
      if (body === undefined) continue;
      const { status } = await hub.call(method, path, token, body);
      assert(
        [200, 201, 400, 404, 409, 413, 422].includes(status),
        `${method} ${path} ${status} ${JSON.stringify(body).slice(0, 300)} ${hub.log.at(-1)}`,
      );
    }
  }
  assertEquals(hub.log.filter((line) => line.startsWith("error")), []);
  assertEquals((await hub.call("GET", "/api/settings", token)).status, 200);
  assertEquals((await hub.call("GET", "/api/mcp-servers", token)).status, 200);
});

function* wrapped(
  good: Record<string, unknown>,
  wrap: (value: unknown) => unknown,
): Iterable<unknown> {
  for (const value of mutations(good)) yield wrap(value);
}
