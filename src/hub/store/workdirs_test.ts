import { assert, assertEquals, assertThrows } from "../../../tests/support/assert.ts";
import { openStore, type Store } from "./mod.ts";

function withDirectory(test: (dir: string) => void): void {
  const dir = Deno.makeTempDirSync();
  try {
    test(dir);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

/** A store with one task, whose id is given. */
function opened(dir: string): { store: Store; userId: number; taskId: number } {
  const store = openStore(dir);
  const userId = store.users.create("ann", "x", false).id;
  const { task } = store.tasks.addTurn(userId, null, "title", "message", "dev-1");
  return { store, userId, taskId: task.id };
}

Deno.test("the database itself refuses a binding that means nothing", () => {
  withDirectory((dir) => {
    const { store: { db, workdirs }, taskId } = opened(dir);
    const insert = (columns: string, values: string) => () =>
      db.run(
        `INSERT INTO task_workdirs (task_id, device_id, updated_at, ${columns})
           VALUES (${taskId}, 'd', '', ${values})`,
      );
    for (
      const [columns, values] of [
        ["policy, chosen_at", "'other', ''"],
        ["policy, chosen_at", "'existing', ''"],
        ["policy, chosen_at", "'repo_bound', ''"],
        ["policy, chosen_at, workdir", "'managed', '', '/p'"],
        ["policy, chosen_at, workdir", "'chat', '', '/p'"],
        ["policy", "'managed'"],
        ["workdir", "'/p'"],
        ["chat_path", "'/p'"],
      ] as const
    ) assertThrows(insert(columns, values), Error, "constraint failed");
    insert("policy, chosen_at, workdir", "'existing', '', '/p'")();
    assert(workdirs.get(taskId, "d"));
    assertThrows(() =>
      workdirs.report(9999, "d", { path: "/p", origin: "", code: null, notice: null })
    );
    db.close();
  });
});

Deno.test("lastChosen() names the device somebody chose for last, however it went there", async () => {
  const dir = Deno.makeTempDirSync();
  const { store: { db, workdirs }, taskId } = opened(dir);
  try {
    const choice = { policy: "existing", git_url: null, branch_name: null } as const;
    workdirs.choose(taskId, "dev-1", { ...choice, workdir: "/a" });
    await new Promise((resolve) => setTimeout(resolve, 5));
    workdirs.choose(taskId, "dev-2", { ...choice, workdir: "/b" });
    await new Promise((resolve) => setTimeout(resolve, 5));
    const report = { path: "/a", origin: "session", code: null, notice: null };
    workdirs.report(taskId, "dev-1", report);
    workdirs.report(taskId, "dev-3", report);
    assertEquals(workdirs.lastChosen(taskId)?.device_id, "dev-2");
  } finally {
    db.close();
    Deno.removeSync(dir, { recursive: true });
  }
});
