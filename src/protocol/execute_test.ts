import { assertEquals } from "../../tests/support/assert.ts";
import { executeRequest, isGlobalTask, projectIdOf } from "./mod.ts";

Deno.test("executeRequest takes any workdir and leaves it to the resolver", () => {
  const ids = { task_id: 1, subtask_id: 2 };
  const workdir = (value: unknown) => executeRequest.parse({ ...ids, workdir: value }).workdir;
  assertEquals([workdir("/a"), workdir(null), workdir(7), workdir(["/a"])], [
    "/a",
    null,
    "\0",
    "\0",
  ]);
  assertEquals(executeRequest.parse(ids).workdir ?? null, null);
  assertEquals(workdir("x".repeat(20_000))?.length, 8192);
});

Deno.test("projectIdOf() looks where servers put it; a standalone chat is project 0", () => {
  const project = (fields: Record<string, unknown>) =>
    projectIdOf(executeRequest.parse({ task_id: 1, subtask_id: 2, ...fields }));
  assertEquals(project({}), null);
  assertEquals(project({ project_id: 0 }), null);
  assertEquals(project({ project_id: 0, standalone_chat_workspace: true }), "0");
  assertEquals(project({ project_id: 3, workspace: { project: { project_id: 4 } } }), "3");
  assertEquals(project({ workspace: { project: { project_id: "4" } } }), "4");
  assertEquals(project({ workspace: { metadata: { project: { project_id: 5 } } } }), "5");
  assertEquals(project({ task_data: { project_id: " 6 " } }), "6");
  assertEquals(project({ workspace: "x", task_data: null }), null);
  const global = (fields: Record<string, unknown>) =>
    isGlobalTask(executeRequest.parse({ task_id: 1, subtask_id: 2, ...fields }));
  assertEquals(
    [global({}), global({ project_id: 3 }), global({ standalone_chat_workspace: true })],
    [
      false,
      true,
      true,
    ],
  );
});
