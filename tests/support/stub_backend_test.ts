import { io, type Socket } from "socket.io-client";
import { assert, assertEquals, assertStringIncludes } from "./assert.ts";
import { delay } from "../../src/platform/std/async.ts";
import {
  executionRequest,
  startStubBackend,
  STUB_TOKEN,
  type StubBackend,
} from "./stub_backend.ts";

/** A device's socket, connected or refused; closes with its scope. */
async function connect(backend: StubBackend, auth: unknown = {
  token: STUB_TOKEN,
}) {
  const socket: Socket = io(`${backend.url}/local-executor`, {
    transports: ["websocket"],
    forceNew: true,
    reconnection: false,
    auth: auth as Record<string, unknown>,
  });
  const refusal = await new Promise<string>((resolve) => {
    socket.on("connect", () => resolve(""));
    socket.on("connect_error", (error) => resolve(error.message));
    setTimeout(() => resolve("no answer"), 1000);
  });
  return {
    socket,
    refusal,
    ask: (event: string, ...args: unknown[]) => socket.timeout(1000).emitWithAck(event, ...args),
    [Symbol.dispose]: () => void socket.disconnect(),
  };
}

const REGISTER = { device_id: "dev-1", name: "Device" };

function delta(text: string, extra: Record<string, unknown> = {}) {
  return {
    event_type: "response.output_text.delta",
    task_id: 7,
    subtask_id: 70,
    data: { delta: text, offset: 0 },
    ...extra,
  };
}

function test(name: string, fn: () => Promise<void>) {
  // The refusal helper's timer may outlive a test that is quicker.
  Deno.test({ name, fn, sanitizeOps: false, sanitizeResources: false });
}

test("startStubBackend() refuses credentials with the backend's words", async () => {
  await using backend = await startStubBackend();
  const said = async (auth: unknown) => {
    using device = await connect(backend, auth);
    return device.refusal;
  };
  assertEquals(await said({ token: STUB_TOKEN }), "");
  assertEquals(await said({}), "Missing authentication token");
  assertEquals(await said({ token: "" }), "Missing authentication token");
  assertEquals(await said({ token: "wg-x" }), "Invalid or expired API key");
  assertEquals(await said({ token: "ey.x.y" }), "Invalid or expired token");
  assertEquals(await said({ token: 5 }), "no answer");
  backend.draining = true;
  assertEquals(await said({ token: STUB_TOKEN }), "Server is shutting down");
});

test("startStubBackend() limits connection attempts when told to", async () => {
  await using backend = await startStubBackend({ rateLimit: 1 });
  using first = await connect(backend);
  using second = await connect(backend);
  assertEquals(first.refusal, "");
  assertEquals(second.refusal, "Too many device connection attempts");
});

test("StubBackend registers, beats and checks payloads", async () => {
  await using backend = await startStubBackend();
  using device = await connect(backend);
  const beat = { device_id: "dev-1", running_task_ids: [7] };
  assertEquals(await device.ask("device:heartbeat", beat), {
    error: "Device ID mismatch",
  });
  const bad = await device.ask("device:register", { ...REGISTER, name: null });
  assertStringIncludes(bad.error, "Invalid payload: ");
  assertEquals(await device.ask("device:register", REGISTER), {
    success: true,
    device_id: "dev-1",
  });
  assertEquals(await device.ask("device:heartbeat", beat), { success: true });
  assertEquals(backend.device()?.runningTaskIds, [7]);
  assertEquals(
    await device.ask("device:register").catch(() => "no answer"),
    "no answer",
  );
  assertEquals(await device.ask("device:unheard", {}), undefined);
});

test("StubBackend refuses response events before registration and malformed ones after", async () => {
  await using backend = await startStubBackend();
  using device = await connect(backend);
  const name = "response.output_text.delta";
  assertEquals(await device.ask(name, delta("a")), {
    error: "Not authenticated or not registered",
  });
  await device.ask("device:register", REGISTER);
  assertEquals(await device.ask(name), { error: "Missing event data" });
  assertEquals(await device.ask(name, "x"), {
    error: "Invalid event data format",
  });
  assertEquals(await device.ask(name, delta("a", { task_id: 0 })), {
    error: "Missing task_id or subtask_id",
  });
  assert((await device.ask(name, delta("a", { data: 5 }))).error);
  assert((await device.ask(name, delta("a", { data: { delta: 5 } }))).error);
  assertEquals(await device.ask(name, delta("a")), { success: true });
  assertEquals(await device.ask(name, delta("a")), { success: true });
  assertEquals(backend.turns.get(70)?.text, "aa");
});

test("StubBackend executes, cancels and follows a turn to its end", async () => {
  await using backend = await startStubBackend();
  using device = await connect(backend);
  const heard: unknown[] = [];
  device.socket.onAny((event, payload) => {
    if (String(event).startsWith("task:")) heard.push([event, payload]);
  });
  await device.ask("device:register", REGISTER);
  const request = executionRequest({
    task_id: 7,
    subtask_id: 70,
    prompt: "hi",
    model: { baseUrl: "http://127.0.0.1:1" },
  });
  const turn = backend.execute(request);
  backend.cancel({ taskId: 7, subtaskId: 70 });
  backend.closeSession(7);
  assertEquals(turn.status, "CANCELLED");
  await device.ask("response.output_text.delta", delta("partly"));
  const end = { task_id: 7, subtask_id: 70, data: { response: {} } };
  await device.ask("response.incomplete", end);
  const ended = await backend.waitTerminal(70, 1000);
  assertEquals(ended.terminals.map(({ event }) => event), [
    "response.incomplete",
  ]);
  assertEquals(ended.text, "partly");
  assertEquals(heard, [
    ["task:execute", request],
    ["task:cancel", { task_id: 7, subtask_id: 70 }],
    ["task:close-session", { task_id: 7 }],
  ]);
});

test("StubBackend drops repeated sequence numbers and refuses gaps", async () => {
  await using backend = await startStubBackend({ features: ["seq"] });
  using device = await connect(backend);
  const send = (text: string, seq: number) =>
    device.ask(
      "response.output_text.delta",
      delta(text, { session: "run-1", seq }),
    );
  assertEquals(await device.ask("device:register", REGISTER), {
    success: true,
    device_id: "dev-1",
    features: ["seq"],
    last_seq: {},
  });
  assertEquals(await send("a", 1), { success: true, seq: 1 });
  assertEquals(await send("a", 1), { success: true, seq: 1 });
  assertEquals((await send("c", 3)).seq, 1);
  assertEquals(await send("b", 2), { success: true, seq: 2 });
  assertEquals(backend.turns.get(70)?.text, "ab");
  const again = await device.ask("device:register", REGISTER);
  assertEquals(again.last_seq, { "run-1": 2 });
  assertEquals([backend.stats.duplicates, backend.stats.gaps], [1, 1]);
});

test("StubBackend closes a connection for a frame above a million characters", async () => {
  await using backend = await startStubBackend();
  using device = await connect(backend);
  await device.ask("device:register", REGISTER);
  const name = "response.output_text.delta";
  assertEquals(await device.ask(name, delta("😀".repeat(900_000))), {
    success: true,
  });
  const closed = new Promise((resolve) => device.socket.on("disconnect", resolve));
  device.socket.emit(name, delta("x".repeat(1_000_000)));
  assertEquals(await closed, "transport close");
  assertEquals(backend.stats.oversized, 1);
  assertEquals(backend.turns.get(70)?.text.length, 1_800_000);
});

test("StubBackend.ackRule delays, drops, loses and refuses", async () => {
  await using backend = await startStubBackend();
  using device = await connect(backend);
  await device.ask("device:register", REGISTER);
  const send = (text: string) =>
    device.ask("response.output_text.delta", delta(text))
      .catch(() => "no answer");
  backend.ackRule = () => ({ delayMs: 100 });
  const start = performance.now();
  assertEquals(await send("a"), { success: true });
  assert(performance.now() - start >= 99);
  backend.ackRule = () => ({ error: "No" });
  assertEquals(await send("b"), { error: "No" });
  backend.ackRule = () => ({ drop: true });
  assertEquals(await send("c"), "no answer");
  backend.ackRule = () => ({ lose: true });
  assertEquals(await send("d"), "no answer");
  assertEquals(backend.turns.get(70)?.text, "ac");
});

test("StubBackend fails running turns when a device stays away, not when it returns", async () => {
  await using backend = await startStubBackend({ graceMs: 200 });
  const first = await connect(backend);
  await first.ask("device:register", REGISTER);
  const turn = backend.execute(executionRequest({ prompt: "x" }));
  first.socket.disconnect();
  await delay(50);
  using second = await connect(backend);
  await second.ask("device:register", REGISTER);
  await delay(250);
  assertEquals(turn.status, "RUNNING");
  second.socket.disconnect();
  await backend.waitUntil(() => turn.status === "FAILED", 1000, "the failure");
  assertEquals(turn.error, "Device disconnected unexpectedly");
  assertEquals(backend.device()?.online, false);
});

test("StubBackend.call() returns the device's answer", async () => {
  await using backend = await startStubBackend();
  using device = await connect(backend);
  device.socket.on("device:ping", (_, ack) => ack({ success: true }));
  await device.ask("device:register", REGISTER);
  assertEquals(await backend.call("device:ping", {}, 500), { success: true });
});
