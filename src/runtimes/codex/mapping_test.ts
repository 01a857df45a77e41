import { golden } from "../../../tests/support/codex_harness.ts";
import { assert, assertEquals } from "../../../tests/support/assert.ts";
import { ResponseBuilder, type ResponseEvent } from "../../protocol/mod.ts";
import { TurnMapper } from "./mapping.ts";
import { readNotification } from "./messages.ts";

const RUN = { task_id: 1, subtask_id: 2, response_id: "resp_x", created_at: 0 };

/** A mapper, and a way to tell it things as the app-server says them. */
function mapper() {
  const turn = new TurnMapper(new ResponseBuilder(RUN), "t1", () => "block");
  const events: ResponseEvent[] = [];
  const say = (method: string, params: Record<string, unknown>) => {
    const message = readNotification(method, { threadId: "t1", turnId: "u1", ...params });
    assert(typeof message !== "string", `${method} is ${message}`);
    events.push(...turn.take(message));
  };
  const item = (state: string, type: string, id: string, more: Record<string, unknown> = {}) =>
    say(`item/${state}`, { item: { type, id, ...more } });
  const delta = (itemId: string, delta: string) =>
    say("item/agentMessage/delta", { itemId, delta });
  const end = (status = "completed", error: unknown = null) =>
    say("turn/completed", { turn: { id: "u1", status, error } });
  const text = () =>
    golden(events).filter(([name]) => name === "output_text.delta").map(([, delta]) => delta).join(
      "",
    );
  return { turn, events, say, item, delta, end, text };
}

Deno.test("TurnMapper: a second answer is streamed after a blank line and kept", () => {
  const m = mapper();
  m.item("started", "agentMessage", "a", { text: "", phase: "final_answer" });
  m.delta("a", "One");
  m.item("completed", "agentMessage", "a", { text: "One.", phase: "final_answer" });
  m.item("completed", "agentMessage", "b", { text: "Two.", phase: null });
  m.end();
  assertEquals(m.text(), "One.\n\nTwo.");
  assert(m.turn.outcome?.kind === "completed");
  assertEquals(m.turn.outcome.completion.text, "One.\n\nTwo.");
});

Deno.test("TurnMapper: commentary is a block, told again when it has grown, at last as done", () => {
  const m = mapper();
  m.item("started", "agentMessage", "c", { text: "", phase: "commentary" });
  m.delta("c", "x".repeat(100));
  for (let i = 0; i < 10; i++) m.delta("c", "y");
  m.item("completed", "agentMessage", "c", { text: "x".repeat(100) + "y".repeat(10) });
  m.item("completed", "agentMessage", "d", { text: "Whole", phase: "commentary" });
  const rows = golden(m.events);
  assertEquals(rows[0], ["block.created", "streaming"]);
  const updates = rows.filter(([name]) => name === "block.updated");
  assert(updates.length < 8, "not one for each piece");
  assertEquals(updates.at(-2), ["block.updated", "x".repeat(100) + "y".repeat(10), "done"]);
  assertEquals(updates.at(-1), ["block.updated", "Whole", "done"]);
  assertEquals(m.text(), "");
});

Deno.test("TurnMapper: the text of an attempt that broke off comes once", () => {
  const broken = { error: { message: "Reconnecting... 1/4" }, willRetry: true };
  const same = mapper();
  same.delta("a", "Hello wo");
  same.say("error", broken);
  same.delta("b", "Hel");
  same.say("error", broken);
  for (const piece of ["Hell", "o wor", "ld"]) same.delta("c", piece);
  same.item("completed", "agentMessage", "c", { text: "Hello world" });
  same.end();
  assertEquals(same.text(), "Hello world");
  const other = mapper();
  other.delta("a", "Hello wo");
  other.say("error", broken);
  other.delta("b", "Hey");
  other.item("completed", "agentMessage", "b", { text: "Hey you" });
  assertEquals(other.text(), "Hello wo\n\nHey you");
});

Deno.test("TurnMapper: tools of every kind begin and end once, whatever is told of them", () => {
  const m = mapper();
  m.item("started", "commandExecution", "1", { command: "ls", cwd: "/w", status: "inProgress" });
  assertEquals(m.turn.waitsForModel, false);
  m.item("completed", "commandExecution", "1", {
    command: "ls",
    aggregatedOutput: "a",
    exitCode: 0,
  });
  m.item("completed", "commandExecution", "1", {
    command: "ls",
    aggregatedOutput: "a",
    exitCode: 0,
  });
  m.item("completed", "webSearch", "2", { query: "deno" });
  m.item("started", "mcpToolCall", "3", { server: "s", tool: "t", arguments: { a: 1 } });
  m.item("completed", "mcpToolCall", "3", {
    server: "s",
    tool: "t",
    arguments: { a: 1 },
    status: "failed",
    error: { message: "broken" },
  });
  m.item("started", "commandExecution", "4", { command: "false" });
  m.item("completed", "commandExecution", "4", { command: "false", status: "declined" });
  m.item("started", "commandExecution", "5", { command: "serve" });
  assertEquals(m.turn.waitsForModel, false);
  m.end();
  const ends = golden(m.events).filter(([name]) => name === "output_item.done");
  assertEquals(ends, [
    ["output_item.done", "1", "completed", "a"],
    ["output_item.done", "2", "completed", ""],
    ["output_item.done", "3", "failed", "broken"],
    ["output_item.done", "4", "failed", "Declined"],
    ["output_item.done", "5", "completed", "It goes on after the end of the turn"],
  ]);
  const names = golden(m.events).filter(([name]) => name === "output_item.added");
  assertEquals(names.map(([, id, name]) => `${id} ${name}`), [
    "1 bash",
    "2 web_search",
    "3 mcp__s__t",
    "4 bash",
    "5 bash",
  ]);
});

Deno.test("TurnMapper: a tool whose end could not be read does not go on", () => {
  const m = mapper();
  m.item("started", "commandExecution", "1", { command: "serve" });
  m.turn.incomplete = true;
  m.end();
  const ends = golden(m.events).filter(([name]) => name === "output_item.done");
  assertEquals(ends, [["output_item.done", "1", "failed", "How it ended could not be read"]]);
});

Deno.test("TurnMapper: what is open when a turn is interrupted or fails is ended", () => {
  for (const status of ["interrupted", "failed"]) {
    const m = mapper();
    m.item("started", "agentMessage", "m", { phase: "commentary" });
    m.say("item/agentMessage/delta", { itemId: "m", delta: "Looking" });
    m.item("started", "commandExecution", "1", { command: "sleep 9" });
    m.end(status);
    assertEquals(golden(m.events).slice(-3), [
      ["block.updated", "Looking", "done"],
      ["function_call_arguments.done", "1"],
      ["output_item.done", "1", "failed", "The turn was ended first"],
    ]);
    const count = m.events.length;
    m.item("completed", "commandExecution", "1", { command: "sleep 9", status: "failed" });
    assertEquals(m.events.length, count);
  }
});

Deno.test("TurnMapper: reasoning that was not streamed is told at its end", () => {
  const m = mapper();
  m.say("item/reasoning/summaryTextDelta", { itemId: "r", delta: "One", summaryIndex: 0 });
  m.item("completed", "reasoning", "r", { summary: ["One"] });
  m.item("completed", "reasoning", "s", { summary: ["Two", "Three"] });
  assertEquals(golden(m.events), [["reasoning_summary_text.delta", "One\n\nTwo\n\nThree"]]);
});

Deno.test("TurnMapper: the ends of a turn", () => {
  const interrupted = mapper();
  interrupted.end("interrupted");
  assertEquals(interrupted.turn.outcome, { kind: "interrupted" });
  const failed = mapper();
  failed.say("error", { error: { message: "x", codexErrorInfo: "usageLimitExceeded" } });
  failed.end("failed");
  assert(failed.turn.outcome?.kind === "failed");
  assertEquals(failed.turn.outcome.failure.code, "quota_exceeded");
});

Deno.test("readNotification() tells what is unknown from what is not understood", () => {
  assertEquals(readNotification("some/day", {}), "unknown");
  assertEquals(readNotification("toString", {}), "unknown");
  assertEquals(readNotification("item/started", { threadId: "t" }), "malformed");
  const odd = readNotification("item/started", {
    threadId: "t",
    item: { type: "brandNew", id: "1", status: 7, changes: "no" },
  });
  assert(typeof odd !== "string");
});
