import { assertEquals, assertThrows } from "../../../tests/support/assert.ts";
import { openStore, type Store } from "./mod.ts";

function withStore(test: (store: Store, userId: number) => void): void {
  const dir = Deno.makeTempDirSync();
  const store = openStore(dir);
  try {
    test(store, store.users.create("ann", "x", false).id);
  } finally {
    store.db.close();
    Deno.removeSync(dir, { recursive: true });
  }
}

Deno.test("the database itself refuses to take a turn out of its final state", () => {
  withStore(({ tasks, dispatches, db }, userId) => {
    const { turn } = tasks.addTurn(userId, null, "t", "m", "dev");
    const dispatch = dispatches.add(userId, turn, "dev");
    tasks.setRunning(turn.id);
    assertEquals(dispatches.end(dispatch, { status: "COMPLETED", content: "a" }), true);
    assertEquals(dispatches.end(dispatch, { status: "FAILED", content: "b" }), false);
    assertEquals(tasks.subtask(turn.id)?.content, "a");
    for (const status of ["PENDING", "RUNNING", "FAILED", "CANCELLED"]) {
      assertThrows(
        () => db.run("UPDATE subtasks SET status = ? WHERE id = ?", status, turn.id),
        Error,
        "final state",
      );
    }
    assertThrows(() => db.run("UPDATE subtasks SET status = 'DONE' WHERE id = ?", turn.id));
    assertThrows(() => db.run("UPDATE dispatches SET state = 'open' WHERE id = ?", dispatch.id));
    assertThrows(() =>
      db.run("UPDATE dispatches SET last_seq = last_seq - 1 WHERE id = ?", dispatch.id)
    );
  });
});

Deno.test("dispatches.add() makes a failed turn pending again, a completed one never", () => {
  withStore(({ tasks, dispatches }, userId) => {
    const { turn } = tasks.addTurn(userId, null, "t", "m", "dev");
    const first = dispatches.add(userId, turn, "dev");
    dispatches.end(first, { status: "FAILED", content: "", error: "e" });
    const second = dispatches.add(userId, tasks.subtask(turn.id)!, "dev");
    assertEquals([second.attempt, tasks.subtask(turn.id)?.status], [2, "PENDING"]);
    dispatches.end(second, { status: "COMPLETED", content: "ok" });
    assertThrows(() => dispatches.add(userId, tasks.subtask(turn.id)!, "dev"));
    assertEquals(tasks.subtask(turn.id)?.content, "ok");
  });
});

Deno.test("addTurn() refuses a second open turn of a task", () => {
  withStore(({ tasks }, userId) => {
    const { task } = tasks.addTurn(userId, null, "t", "m", "dev");
    assertThrows(() => tasks.addTurn(userId, task.id, "t", "m", "dev"), Error, "still running");
  });
});
