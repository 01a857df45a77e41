import { DatabaseSync } from "node:sqlite";
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

/** Takes back the steps after the first shape. */
const FIRST_SHAPE = `
DROP TABLE task_workdirs;
DROP TABLE task_permissions;
ALTER TABLE tasks DROP COLUMN permission_mode;
ALTER TABLE blocks DROP COLUMN question;
ALTER TABLE dispatches DROP COLUMN open_questions;
PRAGMA user_version = 1`;

Deno.test("a database of the first shape gets what came later and keeps what it holds", () => {
  withDirectory((dir) => {
    const { store, userId, taskId } = opened(dir);
    store.db.close();
    const old = new DatabaseSync(`${dir}/hub.sqlite`);
    old.exec(FIRST_SHAPE);
    old.close();
    const again = openStore(dir);
    try {
      assertEquals(again.tasks.task(userId, taskId)?.title, "title");
      assertEquals(again.workdirs.get(taskId, "dev-1"), undefined);
      again.workdirs.report(taskId, "dev-1", {
        path: "/p",
        origin: "managed",
        code: null,
        notice: null,
      });
      assertEquals(again.workdirs.get(taskId, "dev-1")?.path, "/p");
      assertEquals(again.tasks.task(userId, taskId)?.permission_mode, "bypass");
      again.permissions.setMode(taskId, "ask");
      assertEquals(again.tasks.task(userId, taskId)?.permission_mode, "ask");
      assertEquals(again.db.get("PRAGMA user_version"), { user_version: 3 });
    } finally {
      again.db.close();
    }
  });
});

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
