import { assertEquals } from "../../../tests/support/assert.ts";
import type { SubtaskView } from "../../protocol/mod.ts";
import {
  applyBlockCreated,
  applyBlockUpdated,
  applyChunk,
  applyEnd,
  applyStart,
  type Conversation,
  GAP,
  mergeText,
  openTurn,
} from "./conversation.ts";

const turn: SubtaskView = {
  subtask_id: 2,
  task_id: 1,
  message_id: 2,
  role: "assistant",
  status: "RUNNING",
  content: "",
  streamed_text: "",
  attachments: [],
  inputs: [],
  blocks: [{ id: "b", type: "text", status: "streaming", timestamp: 0, content: "Hello" }],
  error: null,
  error_code: null,
  device_id: "d",
  queued: false,
  cancelling: false,
  attempt: 1,
  usage: null,
  created_at: "",
  updated_at: "",
};
const task = {
  task_id: 1,
  title: "t",
  status: "RUNNING" as const,
  device_id: "d",
  workdir: null,
  agent: "claude" as const,
  model: null,
  effort: null,
  permission_mode: "bypass" as const,
  waiting: false,
  created_at: "",
  updated_at: "",
};
const start: Conversation = { task, messages: [turn], truncated: false };
const ids = { task_id: 1, subtask_id: 2 };

Deno.test("mergeText() appends, ignores what is there, and notices a gap", () => {
  assertEquals(mergeText("Hello", " you", 5), "Hello you");
  assertEquals(mergeText("Hello", "llo you", 2), "Hello you");
  assertEquals(mergeText("Hello", "ell", 1), "Hello");
  assertEquals(mergeText("Hello", "x", 6), GAP);
});

Deno.test("applyChunk() changes only the message it is for", () => {
  const other = { ...turn, subtask_id: 4, blocks: [] };
  const two = { ...start, messages: [turn, other] };
  const chunk = { ...ids, content: "!", offset: 5, block_id: "b", block_offset: 5 };
  const next = applyChunk(two, chunk);
  if (next === GAP) throw new Error("a gap");
  assertEquals(next.messages[0]?.blocks[0]?.content, "Hello!");
  assertEquals(next.messages[1] === other, true);
  assertEquals(applyChunk(next, chunk) === next, true);
  assertEquals(applyChunk(two, { ...chunk, block_offset: 9 }), GAP);
  assertEquals(applyChunk(two, { ...chunk, block_id: "unknown" }), GAP);
  assertEquals(applyChunk(two, { ...chunk, subtask_id: 99 }), GAP);
});

Deno.test("blocks are created once and updated in place", () => {
  const block = { id: "t", type: "tool" as const, status: "pending" as const, timestamp: 0 };
  const created = applyBlockCreated(start, { subtask_id: 2, block });
  if (created === GAP) throw new Error("a gap");
  assertEquals(created.messages[0]?.blocks.length, 2);
  assertEquals(applyBlockCreated(created, { subtask_id: 2, block }), created);
  const done = applyBlockUpdated(created, {
    ...ids,
    block_id: "t",
    status: "done",
    tool_output: "o",
  });
  if (done === GAP) throw new Error("a gap");
  assertEquals(done.messages[0]?.blocks[1], { ...block, status: "done", tool_output: "o" });
});

Deno.test("applyEnd() settles a turn and applyStart() begins the next attempt from nothing", () => {
  const failed = applyEnd(start, 2, { status: "FAILED", error: "e" });
  if (failed === GAP) throw new Error("a gap");
  assertEquals([openTurn(failed), failed.messages[0]?.blocks[0]?.status], [null, "done"]);
  const again = applyStart(failed, { subtask_id: 2, attempt: 2, device_id: "d" });
  if (again === GAP) throw new Error("a gap");
  assertEquals([again.messages[0]?.blocks, again.messages[0]?.error], [[], null]);
  assertEquals(openTurn(again)?.subtask_id, 2);
  assertEquals(applyStart(again, { subtask_id: 2, attempt: 2, device_id: "d" }), again);
});
