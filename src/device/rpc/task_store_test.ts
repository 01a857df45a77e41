import { assert, assertEquals } from "../../../tests/support/assert.ts";
import { seal, unseal } from "../seal.ts";
import { type TaskRow, TaskStore } from "./task_store.ts";

function withStore(test: (store: TaskStore, path: string) => void): void {
  const dir = Deno.makeTempDirSync({ prefix: "wx-" });
  const store = new TaskStore(`${dir}/tasks.db`);
  try {
    test(store, `${dir}/tasks.db`);
  } finally {
    store.close();
    Deno.removeSync(dir, { recursive: true });
  }
}

const task = (n: number, updatedAt = n): TaskRow => ({
  localId: `t${n}`,
  taskId: n,
  session: "b1",
  runtime: "claude_code",
  path: `/p${n}`,
  askedPath: null,
  title: `title ${n}`,
  createdAt: n,
  updatedAt,
  archived: false,
});

const turn = (subtaskId: number, runId: string, text = "hi") => ({
  subtaskId,
  runId,
  at: 5,
  text,
  attachments: null,
  source: null,
});

Deno.test("TaskStore lists the newest first and the archived only when asked", () =>
  withStore((store) => {
    for (const n of [1, 2, 3]) store.add(task(n));
    store.setArchived("t2", true);
    store.touch("t1", 10);
    assertEquals(store.list(false, 10).map((t) => t.localId), ["t1", "t3"]);
    assertEquals(store.list(true, 10).map((t) => t.localId), ["t1", "t3", "t2"]);
    assertEquals(store.find(3, "b1"), task(3));
    assertEquals([store.find(3, "b2"), store.get("t9")], [null, null]);
  }));

Deno.test("TaskStore lets a retry take the place of the attempt before, whose late answer is dropped", () =>
  withStore((store) => {
    store.add(task(1));
    store.beginTurn("t1", turn(7, "first"));
    store.beginTurn("t1", turn(8, "other"));
    store.endTurn("first", { content: "bad", status: "failed", blocks: [] });
    store.beginTurn("t1", turn(7, "second", "again"));
    store.endTurn("first", { content: "late", status: "done", blocks: [] });
    assertEquals(store.turns("t1").map((t) => [t.subtaskId, t.runId, t.status, t.content]), [
      [7, "second", "streaming", ""],
      [8, "other", "streaming", ""],
    ]);
    assertEquals([store.taskOfRun("second"), store.taskOfRun("first")], ["t1", null]);
    assertEquals([store.lastSubtask("t1"), store.lastSubtask("t2")], [8, 0]);
  }));

Deno.test("TaskStore forgets tasks nobody used for half a year, with their turns", () =>
  withStore((store) => {
    const now = Date.now();
    store.add(task(1, now - 200 * 86_400_000));
    store.add(task(2, now));
    store.beginTurn("t1", turn(7, "run"));
    store.prune(now);
    assertEquals(store.list(true, 10).map((t) => t.localId), ["t2"]);
    assertEquals(store.taskOfRun("run"), null);
  }));

Deno.test("TaskStore forgets the oldest turns when all of them are too much", () =>
  withStore((store) => {
    store.add(task(1, Date.now()));
    for (let n = 1; n <= 600; n++) {
      store.beginTurn("t1", turn(n, `run${n}`));
      store.endTurn(`run${n}`, { content: "x".repeat(10_000), status: "done", blocks: [] });
    }
    store.prune(Date.now(), 4_000_000);
    const left = store.turns("t1").map((t) => t.subtaskId);
    assertEquals([left[0], left.at(-1)], [401, 600]);
    store.prune(Date.now(), 4_000_000);
    assertEquals(store.turns("t1").length, left.length);
  }));

Deno.test("TaskStore puts a broken file aside and starts anew", () => {
  const dir = Deno.makeTempDirSync({ prefix: "wx-" });
  try {
    Deno.writeTextFileSync(`${dir}/tasks.db`, "not a database, ".repeat(100));
    const faults: string[] = [];
    const store = new TaskStore(`${dir}/tasks.db`, (text) => faults.push(text));
    assertEquals([store.list(true, 1), faults.length], [[], 1]);
    store.close();
    assertEquals(Deno.statSync(`${dir}/tasks.db`).mode! & 0o777, 0o600);
    assert(Deno.statSync(`${dir}/tasks.db.broken`).isFile);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("seal() hides a text from everybody without the key, and notices a change", () => {
  const key = crypto.getRandomValues(new Uint8Array(32));
  const sealed = seal("secret-ü", key);
  assert(!new TextDecoder("latin1").decode(sealed).includes("secret"));
  assertEquals(unseal(sealed, key), "secret-ü");
  assertEquals(unseal(sealed, crypto.getRandomValues(new Uint8Array(32))), null);
  const changed = sealed.slice();
  changed[changed.length - 1]! ^= 1;
  assertEquals([unseal(changed, key), unseal(new Uint8Array(5), key)], [null, null]);
  assert(seal("secret-ü", key).join() !== sealed.join(), "each time another one");
});
