/**
 * Process with the stub backend. First line: `{"url"}`. Then each line on standard input is an
 * {@link Order} and is answered with `{"value"}` or `{"error"}`. Ends with standard input.
 */
import type { ExecutionRequest } from "../tests/support/execution_request.ts";
import { type RecordedEvent, startStubBackend } from "../tests/support/stub_backend.ts";
import { Pulse } from "../tests/support/waiting.ts";
import { now } from "./_figure.ts";
import { sendAtOnce } from "./_no_delay.ts";
import { NULL_DEVICE_ID } from "./_null_device.ts";

export type Order =
  | { cmd: "registration"; count: number }
  | { cmd: "execute"; request: ExecutionRequest }
  | { cmd: "text"; subtask_id: number }
  | { cmd: "end"; subtask_id: number };

/** When events of a turn arrived, in milliseconds after `task:execute` was emitted. */
export interface TurnTimes {
  /** The first event, `response.in_progress`. */
  first: number;
  firstText: number;
  lastText: number;
  end: number;
  /** Text deltas. */
  texts: number;
  /** All events. */
  events: number;
  status: string;
}

/** Longest wait for anything. */
const WAIT_MS = 150_000;
const TERMINAL = new Set(["response.completed", "response.incomplete", "error"]);

const pulse = new Pulse();
const registrations: number[] = [];
const turns = new Map<number, TurnTimes & { startedAt: number }>();

/** Called by the stub for every event before it looks into it. */
function arrived({ event, subtaskId, payload }: RecordedEvent): undefined {
  const at = now();
  if (event === "device:register") {
    sendAtOnce();
    const { device_id } = payload as { device_id: string };
    if (device_id !== NULL_DEVICE_ID) registrations.push(at);
    return void pulse.beat();
  }
  const turn = turns.get(subtaskId ?? 0);
  if (!turn) return;
  const after = at - turn.startedAt;
  turn.events++;
  turn.first ||= after;
  if (event === "response.output_text.delta") {
    turn.texts++;
    turn.lastText = after;
    if (turn.firstText > 0) return;
    turn.firstText = after;
  } else if (TERMINAL.has(event)) turn.end = after;
  else return;
  pulse.beat();
}

// Deno 2.6 rejects a promise of nobody's when it closes a socket whose other end has gone.
globalThis.addEventListener("unhandledrejection", (event) => {
  const { reason } = event;
  const { BrokenPipe, ConnectionReset } = Deno.errors;
  if (reason instanceof BrokenPipe || reason instanceof ConnectionReset) event.preventDefault();
});
await using backend = await startStubBackend({
  record: false,
  syncCapabilities: false,
  features: Deno.args.includes("--seq") ? ["seq"] : [],
});
backend.ackRule = arrived;
print({ url: backend.url });
let rest = "";
for await (const part of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  const lines = (rest + part).split("\n");
  rest = lines.pop() ?? "";
  for (const line of lines) {
    try {
      print({ value: await obey(JSON.parse(line) as Order) });
    } catch (error) {
      print({ error: String(error) });
    }
  }
}

async function obey(order: Order): Promise<unknown> {
  switch (order.cmd) {
    case "registration": {
      const { count } = order;
      const words = `registration ${count}`;
      return await pulse.until(() => registrations[count - 1], WAIT_MS, words);
    }
    case "execute":
      return execute(order.request);
    case "text":
      return await pulse.until(
        () => turns.get(order.subtask_id)?.firstText || null,
        WAIT_MS,
        "text",
      );
    case "end": {
      await pulse.until(() => turns.get(order.subtask_id)?.end || null, WAIT_MS, "the end");
      const { startedAt: _, ...times } = turns.get(order.subtask_id)!;
      // The stub looks into the event after the clock did.
      await new Promise((resolve) => setTimeout(resolve));
      const { status = "", error = "" } = backend.turns.get(order.subtask_id) ?? {};
      if (status !== "COMPLETED") throw new Error(`The turn ended as ${status}: ${error}`);
      return { ...times, status };
    }
  }
}

function execute(request: ExecutionRequest): void {
  const { subtask_id } = request;
  const zero = { first: 0, firstText: 0, lastText: 0, end: 0, texts: 0, events: 0, status: "" };
  const turn = { ...zero, startedAt: 0 };
  turns.set(subtask_id, turn);
  turn.startedAt = now();
  backend.execute(request);
}

function print(value: unknown): void {
  const bytes = new TextEncoder().encode(JSON.stringify(value) + "\n");
  for (let n = 0; n < bytes.length;) n += Deno.stdout.writeSync(bytes.subarray(n));
}
