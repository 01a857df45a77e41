import { assert, assertEquals } from "../../../tests/support/assert.ts";
import { type LocalTask, MAX_FRAME_UNITS, taskMessage } from "../../protocol/mod.ts";
import { fitMessages, fitTasks } from "./fit.ts";

const message = (n: number, content = "", output = "") => ({
  id: `m${n}`,
  role: "assistant" as const,
  content,
  ...(output && {
    blocks: [{
      id: "b",
      type: "thinking" as const,
      content: output,
      status: "done" as const,
      timestamp: 1,
    }],
  }),
});

Deno.test("fitMessages() keeps the newest whole, and says how many are left out", () => {
  const all = Array.from({ length: 200 }, (_, n) => message(n, "\n".repeat(10_000)));
  const kept = fitMessages("t", all);
  const [note, ...rest] = kept;
  assertEquals(note?.role, "system");
  assertEquals(note?.content.startsWith(`${200 - rest.length} earlier messages`), true);
  assertEquals(rest, all.slice(-rest.length));
  assert(rest.length > 20, `${rest.length}`);
  assert(JSON.stringify(kept).length < MAX_FRAME_UNITS);
  for (const one of kept) taskMessage.parse(one);
  assertEquals(fitMessages("t", all.slice(0, 3)), all.slice(0, 3));
});

Deno.test("fitMessages() takes the blocks of a message before it takes the message", () => {
  const all = [message(1, "first", "x".repeat(3000)), message(2, "second", "y".repeat(3000))];
  const kept = fitMessages("t", all, 4200);
  assertEquals(kept.map((m) => [m.content, m.blocks !== undefined]), [
    ["first", false],
    ["second", true],
  ]);
});

Deno.test("fitTasks() keeps the first tasks that fit", () => {
  const task = (n: number): LocalTask => ({
    localTaskId: `t${n}`,
    workspacePath: `/${"d".repeat(4000)}${n}`,
    title: "t",
    runtime: "codex",
    createdAt: "2026-01-01T00:00:00.000Z",
    updatedAt: "2026-01-01T00:00:00.000Z",
    running: false,
    status: "active",
    parent: null,
    children: [],
  });
  const all = Array.from({ length: 500 }, (_, n) => task(n));
  const kept = fitTasks(all);
  assertEquals(kept, all.slice(0, kept.length));
  assert(kept.length > 50 && kept.length < 150, `${kept.length}`);
  assertEquals(fitTasks(all.slice(0, 3)).length, 3);
});
