import { DatabaseSync } from "node:sqlite";
import { assertEquals, assertThrows } from "../../../tests/support/assert.ts";
import { MIGRATIONS } from "./migrations.ts";
import { openStore, type Store } from "./mod.ts";

const OLD_USER = `INSERT INTO users (id, user_name, password_hash, created_at)
  VALUES (1, 'ann', 'x', ''), (2, 'bob', 'x', ''), (3, 'eve', 'x', '')`;
const OLD_TASK = `INSERT INTO tasks (id, user_id, title, device_id, created_at, updated_at)
  VALUES (7, 1, 'title', 'dev-1', '', '')`;

/** A database as the version with so many steps left it, opened by this version. */
function withOld(steps: number, sql: readonly string[], test: (store: Store) => void): void {
  const dir = Deno.makeTempDirSync();
  try {
    const old = new DatabaseSync(`${dir}/hub.sqlite`);
    for (const step of [...MIGRATIONS.slice(0, steps), ...sql]) old.exec(step);
    old.exec(`PRAGMA user_version = ${steps}`);
    old.close();
    const store = openStore(dir);
    try {
      assertEquals(store.db.get("PRAGMA user_version"), { user_version: MIGRATIONS.length });
      test(store);
    } finally {
      store.db.close();
    }
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

function withFresh(test: (store: Store, userId: number) => void): void {
  const dir = Deno.makeTempDirSync();
  const store = openStore(dir);
  try {
    test(store, store.users.create("ann", "x", false).id);
  } finally {
    store.db.close();
    Deno.removeSync(dir, { recursive: true });
  }
}

Deno.test("a database of the first shape gets what came later and keeps what it holds", () => {
  withOld(1, [OLD_USER, OLD_TASK], ({ tasks, workdirs, permissions }) => {
    assertEquals(tasks.task(1, 7)?.title, "title");
    assertEquals(workdirs.get(7, "dev-1"), undefined);
    workdirs.report(7, "dev-1", { path: "/p", origin: "managed", code: null, notice: null });
    assertEquals(workdirs.get(7, "dev-1")?.path, "/p");
    assertEquals(tasks.task(1, 7)?.permission_mode, "bypass");
    permissions.setMode(7, "ask");
    assertEquals(tasks.task(1, 7)?.permission_mode, "ask");
  });
});

Deno.test("settings of before there were two agents are Claude's, and so are the conversations", () => {
  const settings = `INSERT INTO settings VALUES
    (1, 'key', ' m-1 ', 'https://llm.example', x'0102', '2026-01-01'),
    (2, 'own_login', 'm-2', '', NULL, '2026-01-01'), (3, 'demo', NULL, NULL, x'03', '2026-01-01')`;
  withOld(3, [OLD_USER, OLD_TASK, settings], ({ tasks, settings }) => {
    const task = tasks.task(1, 7);
    assertEquals([task?.agent, task?.model, task?.effort], ["claude", null, null]);
    const row = (id: number) => {
      const { models, api_key_sealed, ...rest } = settings.agent(id, "claude")!;
      assertEquals([models, settings.agent(id, "codex")], [[], undefined]);
      return [...Object.values(rest), api_key_sealed && [...api_key_sealed]];
    };
    assertEquals(row(1), ["key", "m-1", "https://llm.example", [1, 2]]);
    // Without a key the model did not count.
    assertEquals(row(2), ["own_login", null, null, null]);
    assertEquals(row(3), ["demo", null, null, [3]]);
  });
});

Deno.test("the database itself keeps a conversation with its agent", () => {
  withFresh(({ tasks, db }, userId) => {
    const { task } = tasks.addTurn(userId, null, "t", "m", "dev", "codex");
    assertEquals(task.agent, "codex");
    tasks.setModel(task.id, { model: "gpt-5", effort: "high" });
    assertEquals([tasks.task(userId, task.id)?.model, tasks.task(userId, task.id)?.effort], [
      "gpt-5",
      "high",
    ]);
    const set = (sql: string) => () => db.run(`UPDATE tasks SET ${sql} WHERE id = ${task.id}`);
    assertThrows(set("agent = 'claude'"), Error, "stays with its agent");
    for (const wrong of ["agent = 'other'", "model = ''", "effort = 'ultra'"]) {
      assertThrows(set(wrong), Error);
    }
    const claude = tasks.addTurn(userId, null, "t", "m", "dev").task;
    assertThrows(() => tasks.setModel(claude.id, { model: null, effort: "low" }), Error, "CHECK");
  });
});

Deno.test("the database itself refuses settings with which no agent starts", () => {
  withFresh(({ settings }, userId) => {
    const base = { model: null, base_url: null, api_key_sealed: null, models: [] };
    const key = new Uint8Array([1]);
    assertThrows(() => settings.saveAgent(userId, "claude", { ...base, provider: "key" }));
    settings.saveAgent(userId, "claude", { ...base, provider: "key", api_key_sealed: key });
    const codex = { ...base, provider: "key" as const, api_key_sealed: key };
    assertThrows(() => settings.saveAgent(userId, "codex", codex), Error, "CHECK");
    settings.saveAgent(userId, "codex", { ...codex, model: "gpt-5" });
    const many = Array.from({ length: 51 }, (_, i) => `m-${i}`);
    assertThrows(() =>
      settings.saveAgent(userId, "codex", { ...codex, model: "gpt-5", models: many })
    );
  });
});

Deno.test("answers of before there was input in them are kept piece by piece", () => {
  const rows = [
    OLD_USER,
    OLD_TASK,
    `INSERT INTO subtasks (id, task_id, message_id, role, status, created_at, updated_at)
       VALUES (1, 7, 2, 'assistant', 'COMPLETED', '', '')`,
    `INSERT INTO dispatches (id, user_id, device_id, task_id, subtask_id, attempt, created_at)
       VALUES (3, 1, 'dev-1', 7, 1, 1, '')`,
    `INSERT INTO blocks (dispatch_id, idx, block_id, type, status, timestamp, content)
       VALUES (3, 0, '~text-1', 'text', 'done', 5, 'hello ')`,
    `INSERT INTO blocks (dispatch_id, idx, block_id, type, status, timestamp, tool_name, tool_input,
       tool_output, question) VALUES (3, 1, 't', 'tool', 'done', 6, 'Bash', '{"a":1}', 'out', NULL)`,
    "INSERT INTO block_parts (dispatch_id, idx, content) VALUES (3, 0, 'you')",
  ];
  withOld(3, rows, ({ runs }) => {
    assertEquals(runs.load(3).views(), [
      { id: "~text-1", type: "text", status: "done", timestamp: 5, content: "hello you" },
      {
        id: "t",
        type: "tool",
        status: "done",
        timestamp: 6,
        tool_use_id: "t",
        tool_name: "Bash",
        tool_input: { a: 1 },
        tool_output: "out",
      },
    ]);
  });
});

Deno.test("the database itself settles what was said to a turn", () => {
  withFresh(({ tasks, dispatches, inputs, db }, userId) => {
    const { turn } = tasks.addTurn(userId, null, "t", "m", "dev");
    const dispatch = dispatches.add(userId, turn, "dev");
    inputs.add(dispatch.id, "a", "one");
    inputs.add(dispatch.id, "b", "two");
    inputs.read(dispatch.id, "a");
    assertThrows(() => inputs.add(dispatch.id, "a", "again"), Error, "UNIQUE");
    dispatches.end(dispatch, { status: "COMPLETED", content: "" });
    assertEquals(inputs.unread(turn.id).map(({ text, state }) => [text, state]), [[
      "two",
      "unread",
    ]]);
    assertThrows(() => inputs.add(dispatch.id, "c", "late"), Error, "has ended");
    assertThrows(
      () => db.run("UPDATE inputs SET state = 'read' WHERE input_id = 'b'"),
      Error,
      "stays",
    );
  });
});
