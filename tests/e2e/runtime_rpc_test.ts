/** Sessions over the wire: `runtime:rpc` on a device with the real Claude CLI. */
import * as z from "zod";
import {
  type LocalTask,
  RPC_REPLIES,
  rpcFailure,
  type RpcMethod,
  tasksUpdated,
} from "../../src/protocol/mod.ts";
import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { callTool, say, script } from "../support/model.ts";
import { freshId } from "../support/execution_request.ts";
import { agentPids, type DeviceFixture, LONG, until, withDevice, workdirOf } from "./fixture.ts";

/** Calls a method and checks the answer strictly: a success by the method's schema. */
async function call<M extends RpcMethod>(
  { backend }: DeviceFixture,
  method: M,
  payload: Record<string, unknown> = {},
): Promise<z.output<typeof RPC_REPLIES[M]>> {
  const answer = await backend.call("runtime:rpc", { method, payload }, LONG);
  const parsed = RPC_REPLIES[method].safeParse(answer);
  if (!parsed.success) {
    throw new Error(`${method}: ${z.prettifyError(parsed.error)} in ${JSON.stringify(answer)}`);
  }
  return parsed.data as z.output<typeof RPC_REPLIES[M]>;
}

/** Calls a method that must be refused; returns `code: error`. */
async function refusal(
  { backend }: DeviceFixture,
  method: string,
  payload: unknown = {},
): Promise<string> {
  const answer = await backend.call("runtime:rpc", { method, payload }, LONG);
  const { code, error } = rpcFailure.parse(answer);
  return `${code}: ${error}`;
}

async function tasksOf(fixture: DeviceFixture, payload = {}): Promise<LocalTask[]> {
  const { workspaces } = await call(fixture, "runtime.tasks.list", payload);
  return workspaces.flatMap(({ localTasks }) => localTasks);
}

/** Waits until no task has a turn that runs. */
async function idle(fixture: DeviceFixture): Promise<void> {
  const deadline = Date.now() + LONG;
  while ((await tasksOf(fixture, { includeArchived: true })).some((task) => task.running)) {
    if (Date.now() > deadline) throw new Error("A task is running still");
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

/** The envelopes of a turn's events as they came. */
function envelopes({ backend }: DeviceFixture, subtaskId: number): Record<string, unknown>[] {
  return backend.eventsOf(subtaskId).map(({ payload }) => payload as Record<string, unknown>);
}

const IM = {
  source: "im",
  external_id: "x-1",
  channel_type: "dingtalk",
  channel_id: 7,
  conversation_id: "c-9",
  sender_id: "s-2",
};

/** The request of a `create`, with ids as servers give them. */
function newTask(fixture: DeviceFixture, workspacePath: string, message: string) {
  const task_id = 10 ** 13 + freshId() * 2;
  const executionRequest = fixture.request("ignored", { task_id, subtask_id: task_id + 1 });
  return {
    subtask: task_id + 1,
    payload: { runtime: "claude_code", workspacePath, message, title: "A title", executionRequest },
  };
}

Deno.test("runtime.tasks.list shows the session of an ordinary task, its transcript validates, send goes on with it", () =>
  withDevice({}, async (fixture) => {
    const { backend, model, request, world } = fixture;
    const turn = request(
      script(
        callTool("Bash", { command: "echo tool-said", description: "d" }, { thinking: "Let me" }),
        say("first answer"),
      ),
    );
    assertEquals(await tasksOf(fixture), []);
    backend.execute(turn);
    await backend.waitTerminal(turn.subtask_id, LONG);
    await idle(fixture);
    const [task, ...others] = await tasksOf(fixture);
    assertEquals(others, []);
    assert(task);
    assertEquals([task.title, task.runtime, task.running, task.status, task.workspacePath], [
      "A task",
      "claude_code",
      false,
      "active",
      workdirOf(world, turn.task_id),
    ]);
    const { localTaskId, workspacePath } = task;
    const before = await call(fixture, "runtime.tasks.transcript", { localTaskId, workspacePath });
    assertEquals(before.messages.map(({ role, status }) => [role, status]), [
      ["user", "done"],
      ["assistant", "done"],
    ]);
    const [asked, answered] = before.messages;
    assertEquals(asked?.content, turn["prompt"]);
    assertEquals([answered?.content, answered?.subtaskId], ["first answer", turn.subtask_id]);
    const tool = answered?.blocks?.find((block) => block.type === "tool");
    assertEquals([tool?.tool_name, tool?.tool_output, tool?.status], ["Bash", "tool-said", "done"]);
    assertEquals(tool?.tool_input["command"], "echo tool-said");

    const [agent] = agentPids(world);
    const message = script(say("second answer", { chunks: 5, gapMs: 5 }));
    const sent = await call(fixture, "runtime.tasks.send", {
      deviceId: "whatever",
      localTaskId,
      workspacePath,
      message,
      source: IM,
    });
    assertEquals(sent, {
      success: true,
      accepted: true,
      localTaskId,
      workspacePath,
      runtime: "claude_code",
    });
    const created = await backend.waitFor(
      (e) => e.event === "response.created",
      LONG,
      "response.created",
    );
    const subtask = created.subtaskId!;
    assert(subtask > 10 ** 13, "a subtask of the server's own is never used");
    const done = await backend.waitTerminal(subtask, LONG);
    assertEquals([done.status, done.finalText], ["COMPLETED", "second answer"]);
    const events = backend.eventsOf(subtask).map(({ event }) => event);
    assertEquals(events.slice(0, 2), ["response.created", "response.in_progress"]);
    assert(events.filter((event) => event === "response.output_text.delta").length >= 3);
    for (const envelope of envelopes(fixture, subtask)) {
      assertEquals(
        [envelope["local_task_id"], envelope["runtime"], envelope["source"], envelope["task_id"]],
        [localTaskId, "claude_code", IM, turn.task_id],
      );
    }
    assertEquals(envelopes(fixture, subtask)[0]?.["data"] instanceof Object, true);
    assertEquals(agentPids(world), [agent], "the live conversation goes on");
    assert(JSON.stringify(model.scripted().at(-1)?.body).includes("first answer"));
    assertEquals(envelopes(fixture, turn.subtask_id)[0]?.["local_task_id"], undefined);

    await idle(fixture);
    // The journals go after some days; the transcript stays.
    const journals = `${world.executorHome}/state/done`;
    await until(() => [...Deno.readDirSync(journals)].length === 2, "both journals put away");
    for (const { name } of Deno.readDirSync(journals)) {
      Deno.removeSync(`${journals}/${name}`, { recursive: true });
    }
    const after = await call(fixture, "runtime.tasks.transcript", { localTaskId });
    assertEquals(after.messages.map((m) => m.content), [
      turn["prompt"],
      "first answer",
      message,
      "second answer",
    ]);
    assertEquals(after.messages[2]?.source, IM);
    const updates = backend.events.filter((e) => e.event === "runtime.tasks.updated")
      .map((e) => tasksUpdated.parse(e.payload));
    assertEquals(updates.map(({ status }) => status), ["running", "active", "running", "active"]);
  }));

Deno.test("runtime.tasks.create starts a session in a project, send resumes its real conversation after a restart", () =>
  withDevice({}, async (fixture) => {
    const { backend, model, world } = fixture;
    const project = `${world.home}/work/app`;
    const { payload, subtask } = newTask(fixture, "~/work/app/", script(say("begun")));
    const created = await call(fixture, "runtime.tasks.create", payload);
    assertMatch(created.localTaskId, /^runtime-[0-9a-f-]{36}$/);
    assertEquals([created.workspacePath, created.runtime], [project, "claude_code"]);
    const first = await backend.waitTerminal(subtask, LONG);
    assertEquals([first.status, first.finalText], ["COMPLETED", "begun"], first.error);
    assertEquals(envelopes(fixture, subtask)[0], {
      ...envelopes(fixture, subtask)[0],
      event_type: "response.created",
      local_task_id: created.localTaskId,
      runtime: "claude_code",
    });
    await idle(fixture);
    const { localTaskId } = created;

    fixture.daemon.signal("SIGTERM");
    await fixture.daemon.exited(LONG);
    const daemon = await fixture.startDaemon();
    const { task } = await call(fixture, "runtime.tasks.status", { localTaskId });
    assertEquals([task.title, task.running, task.workspacePath], ["A title", false, project]);
    await call(fixture, "runtime.tasks.send", { localTaskId, content: script(say("resumed")) });
    const next = await backend.waitTerminal(subtask + 1, LONG);
    assertEquals([next.status, next.finalText], ["COMPLETED", "resumed"], next.error);
    assert(JSON.stringify(model.scripted().at(-1)?.body).includes("begun"), "it was resumed");
    const { messages } = await call(fixture, "runtime.tasks.transcript", { localTaskId });
    assertEquals(messages.filter((m) => m.role === "assistant").map((m) => m.content), [
      "begun",
      "resumed",
    ]);
    daemon.signal("SIGTERM");
    await daemon.exited(LONG);
  }));

Deno.test("runtime.tasks.transcript shows a running turn, send refuses it, cancel ends it once", () =>
  withDevice({}, async (fixture) => {
    const { backend, world } = fixture;
    const { payload, subtask } = newTask(
      fixture,
      `${world.home}/slow`,
      script(say("y".repeat(400), { chunks: 400, gapMs: 50 })),
    );
    const { localTaskId } = await call(fixture, "runtime.tasks.create", {
      ...payload,
      localTaskId: "chosen-by-server",
    });
    assertEquals(localTaskId, "chosen-by-server");
    assertMatch(
      await refusal(fixture, "runtime.tasks.create", { ...payload, localTaskId }),
      /^bad_request: Local task already exists/,
    );
    await backend.waitText(subtask, 5, LONG);
    const running = await call(fixture, "runtime.tasks.transcript", { localTaskId });
    const answer = running.messages.at(-1);
    assertEquals([answer?.role, answer?.status, answer?.subtaskId], [
      "assistant",
      "streaming",
      subtask,
    ]);
    assertMatch(answer?.content ?? "", /^y{5,}$/);
    assertEquals((await tasksOf(fixture))[0]?.running, true);
    assertEquals(
      await refusal(fixture, "runtime.tasks.send", { localTaskId, message: "more" }),
      "bad_request: runtime task is already running",
    );
    await call(fixture, "runtime.tasks.cancel", { localTaskId });
    const done = await backend.waitTerminal(subtask, LONG);
    assertEquals(done.terminals.map((t) => t.event), ["response.incomplete"]);
    await idle(fixture);
    assertEquals(
      await refusal(fixture, "runtime.tasks.cancel", { localTaskId }),
      "bad_request: runtime task is not running",
    );
    const { messages } = await call(fixture, "runtime.tasks.transcript", { localTaskId });
    assertEquals([messages.length, messages.at(-1)?.status], [2, "cancelled"]);
    await call(fixture, "runtime.tasks.send", { localTaskId, message: script(say("on")) });
    assertEquals((await backend.waitTerminal(subtask + 1, LONG)).finalText, "on");
  }));

Deno.test("a local task's turn outlives its daemon: its events keep their envelope, its transcript is whole", () =>
  withDevice({}, async (fixture) => {
    const { backend, world } = fixture;
    const text = "z".repeat(200);
    const { payload, subtask } = newTask(
      fixture,
      `${world.home}/long`,
      script(say(text, { chunks: 200, gapMs: 40 })),
    );
    const { localTaskId } = await call(fixture, "runtime.tasks.create", payload);
    await backend.waitText(subtask, 10, LONG);
    fixture.daemon.signal("SIGKILL");
    await fixture.daemon.exited(LONG);
    const daemon = await fixture.startDaemon();
    const [again] = await tasksOf(fixture);
    assertEquals([again?.localTaskId, again?.running], [localTaskId, true]);
    assertMatch(
      await refusal(fixture, "runtime.tasks.send", { localTaskId, message: "x" }),
      /already/,
    );
    const done = await backend.waitTerminal(subtask, LONG);
    assertEquals([done.terminals.length, done.finalText], [1, text], done.error);
    const ids = envelopes(fixture, subtask).map((envelope) => envelope["local_task_id"]);
    assertEquals([...new Set(ids)], [localTaskId]);
    await idle(fixture);
    const { messages } = await call(fixture, "runtime.tasks.transcript", { localTaskId });
    assertEquals(messages.map((m) => [m.role, m.status, m.content]), [
      ["user", "done", payload.message],
      ["assistant", "done", text],
    ]);
    daemon.signal("SIGTERM");
    await daemon.exited(LONG);
  }));

Deno.test("runtime.tasks.archive is remembered over a restart and undone by a new turn", () =>
  withDevice({}, async (fixture) => {
    const { backend, request } = fixture;
    const turn = request(script(say("done")));
    backend.execute(turn);
    await backend.waitTerminal(turn.subtask_id, LONG);
    await idle(fixture);
    const [{ localTaskId, workspacePath }] = await tasksOf(fixture) as [LocalTask];
    assertEquals(await call(fixture, "runtime.tasks.archive", { localTaskId }), {
      success: true,
      accepted: true,
      localTaskId,
      workspacePath,
    });
    assertEquals(await tasksOf(fixture), []);
    fixture.daemon.signal("SIGKILL");
    await fixture.daemon.exited(LONG);
    const daemon = await fixture.startDaemon();
    assertEquals(await tasksOf(fixture), []);
    const [archived] = await tasksOf(fixture, { includeArchived: true });
    assertEquals([archived?.localTaskId, archived?.status], [localTaskId, "archived"]);
    await call(fixture, "runtime.tasks.send", { localTaskId, message: script(say("again")) });
    await until(
      () => backend.events.some((e) => e.event === "response.completed" && e.subtaskId! > 10 ** 13),
      "the end of the turn",
    );
    assertEquals((await tasksOf(fixture)).map((task) => task.status), ["active"]);
    daemon.signal("SIGTERM");
    await daemon.exited(LONG);
  }));

Deno.test("runtime.tasks.list groups by directory, filters, and tells what is checked out", () =>
  withDevice({}, async (fixture) => {
    const { backend, world } = fixture;
    const app = `${world.workspace}/projects/app`;
    Deno.mkdirSync(`${app}/.git/refs/heads`, { recursive: true });
    Deno.writeTextFileSync(`${app}/.git/HEAD`, "ref: refs/heads/main\n");
    Deno.writeTextFileSync(`${app}/.git/refs/heads/main`, `${"a1".repeat(20)}\n`);
    Deno.writeTextFileSync(
      `${app}/.git/config`,
      '[remote "other"]\n\turl = no\n[remote "origin"]\n\turl = https://u:secret@git.example/a.git\n',
    );
    const tasks = [
      newTask(fixture, app, script(say("1"))),
      newTask(fixture, app, script(say("2"))),
    ];
    tasks.push(newTask(fixture, `${world.home}/elsewhere`, script(say("3"))));
    for (const { payload, subtask } of tasks) {
      await call(fixture, "runtime.tasks.create", payload);
      await backend.waitTerminal(subtask, LONG);
    }
    const { workspaces } = await call(fixture, "runtime.tasks.list");
    assertEquals(workspaces.map((w) => [w.workspacePath, w.localTasks.length]), [
      [`${world.home}/elsewhere`, 1],
      [app, 2],
    ]);
    assertEquals(workspaces[1]?.localTasks[0]?.gitInfo, {
      branch: "main",
      originUrl: "https://git.example/a.git",
      sha: "a1".repeat(20),
    });
    assertEquals(workspaces[0]?.localTasks[0]?.gitInfo, undefined);
    assertEquals((await tasksOf(fixture, { workspacePath: app })).length, 2);
  }));

Deno.test("runtime:rpc refuses what it cannot do, in the documented words, and answers every call", () =>
  withDevice({}, async (fixture) => {
    const { payload } = newTask(fixture, "~/x", "hello");
    const rows: [string, unknown, string][] = [
      ["runtime.tasks.fly", {}, "runtime_error: Unsupported runtime RPC method: runtime.tasks.fly"],
      ["runtime.tasks.send", {}, "bad_request: localTaskId is required"],
      [
        "runtime.tasks.send",
        { localTaskId: "no", message: "x" },
        "not_found: Local task not found: no",
      ],
      ["runtime.tasks.transcript", { localTaskId: 7 }, "bad_request: localTaskId is required"],
      ["runtime.tasks.archive", { localTaskId: "no" }, "not_found: Local task not found: no"],
      [
        "runtime.tasks.create",
        { ...payload, workspacePath: " " },
        "bad_request: workspacePath is required",
      ],
      ["runtime.tasks.create", { ...payload, message: "" }, "bad_request: message is required"],
      [
        "runtime.tasks.create",
        { ...payload, executionRequest: null },
        "bad_request: executionRequest is required",
      ],
      [
        "runtime.tasks.create",
        { ...payload, runtime: "gemini" },
        "unsupported_runtime: Unsupported runtime: gemini",
      ],
    ];
    for (const method of ["prepare_fork_transfer", "import_fork", "push_fork_transfer"]) {
      const name = `runtime.tasks.${method}`;
      rows.push([name, {}, `unsupported_runtime: Unsupported runtime RPC method: ${name}`]);
    }
    for (const [method, given, wanted] of rows) {
      assertEquals(await refusal(fixture, method, given), wanted);
    }
    assertMatch(
      await refusal(fixture, "runtime.tasks.create", {
        ...payload,
        executionRequest: { task_id: 0 },
      }),
      /^bad_request: Invalid payload for executionRequest at "task_id"/,
    );
    for (const odd of [null, "text", 7, [], { method: 5 }, { method: "" }]) {
      const answer = await fixture.backend.call("runtime:rpc", odd, LONG);
      assertEquals(rpcFailure.parse(answer).code, "bad_request");
    }
    assertEquals(await tasksOf(fixture), [], "nothing was made of it");
  }));

Deno.test("runtime.tasks.create names a path the owner does not allow in its turn's error", () =>
  withDevice({}, async (fixture) => {
    const { payload, subtask } = newTask(fixture, "/srv/foreign", "hello");
    await call(fixture, "runtime.tasks.create", payload);
    const done = await fixture.backend.waitTerminal(subtask, LONG);
    assertEquals(done.terminals.map((t) => t.event), ["error"]);
    assertMatch(done.error, /roots add \/srv\/foreign/);
    await idle(fixture);
    const [{ localTaskId }] = await tasksOf(fixture) as [LocalTask];
    const { messages } = await call(fixture, "runtime.tasks.transcript", { localTaskId });
    assertEquals([messages[1]?.status, messages[1]?.content], ["failed", done.error]);
  }));

Deno.test("runtime.tasks.transcript stays within a frame, however long the conversation", () =>
  withDevice({}, async (fixture) => {
    const { backend, world } = fixture;
    const text = `"${"long\n".repeat(30_000)}`;
    const { payload, subtask } = newTask(fixture, `${world.home}/big`, script(say(text)));
    const { localTaskId } = await call(fixture, "runtime.tasks.create", payload);
    await backend.waitTerminal(subtask, LONG);
    for (const n of [1, 2, 3]) {
      await idle(fixture);
      await call(fixture, "runtime.tasks.send", { localTaskId, message: script(say(text)) });
      await backend.waitTerminal(subtask + n, LONG);
    }
    await idle(fixture);
    backend.resetStats();
    const { messages } = await call(fixture, "runtime.tasks.transcript", { localTaskId });
    assert(backend.stats.longestFrame > 300_000, `${backend.stats.longestFrame}`);
    assert(backend.stats.longestFrame < 950_000, `${backend.stats.longestFrame}`);
    assertEquals([backend.stats.oversized, messages[0]?.role], [0, "system"]);
    assertEquals([messages.at(-1)?.content, messages.at(-1)?.subtaskId], [text, subtask + 3]);
  }));

Deno.test("what is kept of a task's request is encrypted, and nobody but its owner reads the file", () =>
  withDevice({}, async (fixture) => {
    const { backend, world } = fixture;
    const { payload, subtask } = newTask(fixture, `${world.home}/p`, script(say("ok")));
    const executionRequest = JSON.parse(
      JSON.stringify(payload.executionRequest).replaceAll("test-key", "sk-planted-0123456789"),
    );
    await call(fixture, "runtime.tasks.create", { ...payload, executionRequest });
    await backend.waitTerminal(subtask, LONG);
    await idle(fixture);
    const file = `${world.executorHome}/state/tasks.db`;
    assertEquals(Deno.statSync(file).mode! & 0o077, 0);
    for (const path of [file, `${file}-wal`]) {
      const bytes = new TextDecoder("latin1").decode(Deno.readFileSync(path));
      assert(!bytes.includes("sk-planted"), path);
      assert(bytes.includes("A title") || path === file, "the file is the right one");
    }
  }));

Deno.test("events of later versions are answered once, in the shape their senders read", () =>
  withDevice({}, async ({ backend }) => {
    const ask = async (event: string, payload: unknown = {}) =>
      await backend.call(event, payload, LONG) as Record<string, unknown>;
    const command = await ask("device:execute_command", { command: "ls" });
    // The schema of the sender: these must be there, with these types.
    z.object({
      success: z.literal(false),
      duration: z.number(),
      stdout: z.string(),
      stderr: z.string(),
      error: z.string().min(1),
    }).parse(command);
    z.object({
      success: z.literal(false),
      skills: z.array(z.object({})),
      plugins: z.array(z.object({})),
      mcps: z.array(z.object({})),
      errors: z.array(z.object({ error: z.string() })).min(1),
      error: z.string().min(1),
    }).parse(await ask("device:sync_capabilities", { mode: "replace" }));
    for (const event of ["device:start_terminal_session", "device:start_code_server_session"]) {
      const answer = await ask(event, { session_id: "s", type: "terminal" });
      assertEquals([answer["success"], typeof answer["error"]], [false, "string"]);
    }
    assertEquals(await ask("terminal:input", { session_id: "s", data: "x" }), {
      success: false,
      error: "Terminal session not found",
    });
    assertEquals(await ask("device:dance"), {
      success: false,
      error: "Unsupported event: device:dance",
    });
    backend.emit("device:upgrade", { force: false });
    const status = await backend.waitFor((e) => e.event === "device:upgrade_status", LONG);
    z.object({
      device_id: z.literal(backend.device()!.deviceId),
      status: z.literal("error"),
      message: z.string().startsWith("Upgrade failed: "),
      error: z.string(),
    }).parse(status.payload);
  }));
