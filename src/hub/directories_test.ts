import { assert, assertEquals, assertMatch } from "../../tests/support/assert.ts";
import {
  HubFixture,
  type Peer,
  runningTurn,
  StubDevice,
  StubRun,
  until,
  type Wire,
} from "../../tests/support/hub_fixture.ts";
import type { WorkdirFacts } from "../protocol/mod.ts";
import { chatDirectory, effectiveDirectory } from "./directories.ts";

const NOBODY_CHOSE = {
  workdir: null,
  workdir_policy: null,
  git_url: null,
  branch_name: null,
  project_id: null,
  standalone_chat_workspace: false,
  workspace_source: null,
  project_workspace_path: null,
};

const FACTS: WorkdirFacts = {
  home: "/home/ann",
  workspace_root: "/home/ann/.wegent-executor/workspace",
  roots: ["~/Projects"],
  recent: [{ path: "/home/ann/Projects/A", used_at: 1 }],
  repos: [{ git_url: "https://git.example/a.git", branch: null, path: "/home/ann/Projects/a" }],
  open_directory: true,
};

/** The members of a request that say where it works. */
function where(request: Wire): Wire {
  return Object.fromEntries(Object.keys(NOBODY_CHOSE).map((key) => [key, request[key]]));
}

/** Sends a message and gives the device's request; the turn is completed with `response` added. */
async function turn(
  page: Peer,
  device: StubDevice,
  message: object,
  say: (run: StubRun) => Promise<unknown> = () => Promise.resolve(),
  response: object = {},
): Promise<{ request: Wire; taskId: number }> {
  device.events.length = 0;
  const sent = await page.ask("chat:send", { message: "go", device_id: device.id, ...message });
  assertEquals(sent.error, undefined);
  const request = await device.event("task:execute");
  const run = new StubRun(device, request);
  await say(run);
  const ack = await run.send("response.completed", { response: { output: [], ...response } });
  assertEquals(ack.success, true);
  return { request, taskId: sent.task_id };
}

async function beat(device: StubDevice, extra: object): Promise<Wire> {
  return await device.ask("device:heartbeat", {
    device_id: device.id,
    running_task_ids: [],
    queued_task_ids: [],
    slot_max: 5,
    ...extra,
  });
}

async function started(hub: HubFixture) {
  const { token, key } = await hub.user("ann");
  const device = await hub.device(key, "dev-1");
  const page = await hub.browser(token);
  const view = async (taskId: number) =>
    (await hub.call("GET", `/api/tasks/${taskId}`, token)).body.task.workdir;
  return { token, key, device, page, view };
}

Deno.test("a chosen directory is stored, dispatched, and shown as the device found it", async () => {
  await using hub = await HubFixture.start();
  const { device, page, view, token } = await started(hub);
  const choice = {
    workdir: "~/Projects/A",
    workdir_policy: "existing",
    git_url: "https://git.example/a.git",
    branch_name: "main",
  };
  const effective = {
    path: "/home/ann/Projects/A",
    origin: "session",
    code: null,
    notice: null,
    something_new: { a: 1 },
  };
  const { request, taskId } = await turn(page, device, choice, async (run) => {
    assertEquals(await view(run.request.task_id), {
      policy: "existing",
      workdir: "~/Projects/A",
      git_url: "https://git.example/a.git",
      branch_name: "main",
      path: null,
      origin: null,
      code: null,
      notice: null,
    });
    assertEquals(await run.send("response.workdir", effective), { success: true, seq: 1 });
  });
  assertEquals(where(request), { ...NOBODY_CHOSE, ...choice });
  assertEquals(request.device_id, "dev-1");
  const shown = await view(taskId);
  assertEquals([shown.policy, shown.path, shown.origin, shown.code, shown.notice], [
    "existing",
    "/home/ann/Projects/A",
    "session",
    null,
    null,
  ]);
  const told = await page.event("task:workdir", (e) => e.workdir.path !== null);
  assertEquals(told, { task_id: taskId, device_id: "dev-1", workdir: shown });
  // Tomorrow, after a restart: the message names no directory and goes to the same place.
  await hub.restart();
  const { key } = await hub.user("ann");
  const again = await hub.device(key, "dev-1");
  const next = await turn(await hub.browser(token), again, { task_id: taskId });
  assertEquals(where(next.request), { ...NOBODY_CHOSE, ...choice });
});

Deno.test("two conversations on one device keep their own directories", async () => {
  await using hub = await HubFixture.start();
  const { device, page } = await started(hub);
  const a = await turn(page, device, { workdir: "/p/A", workdir_policy: "existing" });
  const b = await turn(page, device, { workdir: "/p/B" });
  assertEquals([b.request.workdir, b.request.workdir_policy], ["/p/B", "existing"]);
  const again = await turn(page, device, { task_id: a.taskId });
  assertEquals([again.request.task_id, again.request.workdir], [a.taskId, "/p/A"]);
});

Deno.test("nobody chose: the request is the one of any server, and the device's directory is shown", async () => {
  await using hub = await HubFixture.start();
  const { device, page, view } = await started(hub);
  const path = "/home/ann/.wegent-executor/workspace/1";
  const { request, taskId } = await turn(page, device, {}, async (run) => {
    assertEquals(await view(run.request.task_id), null);
    await run.send("response.workdir", { path, origin: "managed", code: null, notice: null });
  }, { standalone_chat_workspace_path: "/chats/nobody/asked/for" });
  assertEquals(where(request), NOBODY_CHOSE);
  const shown = await view(taskId);
  assertEquals([shown.policy, shown.path, shown.origin], [null, path, "managed"]);
  const next = await turn(page, device, { task_id: taskId });
  assertEquals(where(next.request), NOBODY_CHOSE);
});

Deno.test("a fallback's reason is stored and told, and goes when the device takes it back", async () => {
  await using hub = await HubFixture.start();
  const { device, page, view } = await started(hub);
  const fallback = {
    path: "/ws/1",
    origin: "managed",
    code: "workdir_outside_allowed_roots",
    notice: "The directory is outside the allowed roots\0\ud800",
  };
  const { taskId } = await turn(
    page,
    device,
    { workdir: "/etc", workdir_policy: "existing" },
    (run) => run.send("response.workdir", fallback),
  );
  const shown = await view(taskId);
  assertEquals([shown.code, shown.notice, shown.workdir], [
    "workdir_outside_allowed_roots",
    "The directory is outside the allowed roots\ufffd",
    "/etc",
  ]);
  await turn(
    page,
    device,
    { task_id: taskId },
    (run) =>
      run.send("response.workdir", { path: "/etc", origin: "session", code: null, notice: null }),
  );
  const later = await view(taskId);
  assertEquals([later.code, later.notice, later.path], [null, null, "/etc"]);
});

Deno.test("another directory for a conversation: stored, dispatched, and the old one's facts are gone", async () => {
  await using hub = await HubFixture.start();
  const { device, page, view } = await started(hub);
  const { taskId } = await turn(
    page,
    device,
    { workdir: "/p/A" },
    (run) =>
      run.send("response.workdir", {
        path: "/p/A",
        origin: "session",
        code: "workdir_changed",
        notice: "n",
      }),
  );
  const changed = await turn(page, device, { task_id: taskId, workdir: "/p/B" }, async (run) => {
    const now = await view(run.request.task_id);
    assertEquals([now.workdir, now.path, now.code, now.notice], ["/p/B", null, null, null]);
  });
  assertEquals(changed.request.workdir, "/p/B");
  const managed = await turn(page, device, { task_id: taskId, workdir_policy: "managed" });
  assertEquals(where(managed.request), { ...NOBODY_CHOSE, workdir_policy: "managed" });
  const repo = { workdir_policy: "repo_bound", git_url: "git@git.example:a/b.git" };
  const bound = await turn(page, device, { task_id: taskId, ...repo });
  assertEquals(where(bound.request), { ...NOBODY_CHOSE, ...repo });
});

Deno.test("on another device a conversation starts without its directory and says so; back home it has it", async () => {
  await using hub = await HubFixture.start();
  const { device, page, view, key, token } = await started(hub);
  const other = await hub.device(key, "dev-2");
  const { taskId } = await turn(page, device, { workdir: "~/Projects/A" });
  await hub.call("PUT", "/api/devices/dev-1/alias", token, { alias: "My box" });
  const managed = { path: "/ws/1", origin: "managed", code: null, notice: null };
  const moved = await turn(
    page,
    other,
    { task_id: taskId },
    (run) => run.send("response.workdir", managed),
  );
  assertEquals(where(moved.request), NOBODY_CHOSE);
  const there = await view(taskId);
  assertEquals([there.policy, there.path, there.code], [null, "/ws/1", "workdir_device_mismatch"]);
  assertMatch(there.notice, /"~\/Projects\/A".*"My box".*managed directory/);
  // The device's own word counts more.
  await turn(
    page,
    other,
    { task_id: taskId },
    (run) => run.send("response.workdir", { ...managed, code: "workdir_invalid", notice: "mine" }),
  );
  assertEquals((await view(taskId)).notice, "mine");
  const home = await turn(page, device, { task_id: taskId });
  assertEquals([home.request.workdir, home.request.workdir_policy], ["~/Projects/A", "existing"]);
  // A choice made for the other device is the other device's own.
  await turn(page, other, { task_id: taskId, workdir: "/srv/b" });
  assertEquals((await turn(page, device, { task_id: taskId })).request.workdir, "~/Projects/A");
  assertEquals((await turn(page, other, { task_id: taskId })).request.workdir, "/srv/b");
});

Deno.test("a retry on another device starts without the directory, too", async () => {
  await using hub = await HubFixture.start();
  const { device, page, view, key } = await started(hub);
  const other = await hub.device(key, "dev-2");
  const sent = await page.ask("chat:send", {
    message: "go",
    device_id: device.id,
    workdir: "/p/A",
  });
  const run = new StubRun(device, await device.event("task:execute"));
  await run.send("error", { message: "no" });
  const ids = { task_id: sent.task_id, subtask_id: sent.assistant_subtask_id };
  await page.ask("chat:retry", { ...ids, device_id: other.id });
  assertEquals(where(await other.event("task:execute")), NOBODY_CHOSE);
  assertEquals((await view(sent.task_id)).code, "workdir_device_mismatch");
  await page.event("task:workdir", (e) => e.device_id === other.id);
});

Deno.test("a dated folder: its path comes back and goes with each later turn", async () => {
  await using hub = await HubFixture.start();
  const { device, page } = await started(hub);
  const chat = { ...NOBODY_CHOSE, project_id: 0, standalone_chat_workspace: true };
  const path = "/home/ann/Documents/wegent/2026-01-02/go";
  const first = await turn(
    page,
    device,
    { workdir_policy: "chat" },
    undefined,
    { standalone_chat_workspace_path: path },
  );
  assertEquals(where(first.request), chat);
  const task_id = first.taskId;
  const later = { ...chat, project_workspace_path: path };
  assertEquals(where((await turn(page, device, { task_id })).request), later);
  const same = { task_id, workdir_policy: "chat" };
  assertEquals(where((await turn(page, device, same)).request), later);
  // Another choice and back again: a new folder.
  await turn(page, device, { task_id, workdir: "/p" }, undefined, {
    standalone_chat_workspace_path: path,
  });
  assertEquals(where((await turn(page, device, same)).request), chat);
});

Deno.test("a dated folder is kept although its first turn failed", async () => {
  await using hub = await HubFixture.start();
  const { device, page } = await started(hub);
  const sent = await page.ask("chat:send", { message: "go", workdir_policy: "chat" });
  const run = new StubRun(device, await device.event("task:execute"));
  const path = "/chats/2026-01-02/go";
  await run.send("response.workdir", { path, origin: "chat", code: null, notice: null });
  await run.send("error", { message: "no" });
  device.events.length = 0;
  await page.ask("chat:retry", { task_id: sent.task_id, subtask_id: sent.assistant_subtask_id });
  assertEquals((await device.event("task:execute")).project_workspace_path, path);
});

Deno.test("chat:send refuses choices that do not fit together", async () => {
  await using hub = await HubFixture.start();
  const { device, page } = await started(hub);
  const refusal = async (message: object) =>
    (await page.ask("chat:send", { message: "go", device_id: device.id, ...message })).error ?? "";
  const url = "https://git.example/a.git";
  for (
    const [message, expected] of [
      [{ workdir_policy: "existing" }, /"workdir": is needed with the policy existing/],
      [{ workdir_policy: "repo_bound", workdir: "/p" }, /"git_url": is needed .* repo_bound/],
      [{ workdir_policy: "managed", workdir: "/p" }, /"workdir": does not go with .* managed/],
      [{ workdir_policy: "chat", workdir: "/p" }, /"workdir": does not go with .* chat/],
      [{ workdir_policy: "chat", git_url: url }, /"git_url": does not go with .* chat/],
      [{ branch_name: "main" }, /"branch_name": needs a git_url/],
      [{ workdir: "/p", branch_name: "main" }, /"branch_name": needs a git_url/],
      [{ workdir_policy: "other" }, /"workdir_policy"/],
      [{ workdir: "/p\0" }, /"workdir": must not contain NUL/],
      [{ workdir: " " }, /"workdir": must not be blank/],
      [{ workdir: "/" + "x".repeat(4096) }, /"workdir"/],
      [{ git_url: "https://ann:secret@git.example/a.git" }, /must not contain a password/],
      [{ git_url: "x".repeat(2049) }, /"git_url"/],
    ] as const
  ) assertMatch(await refusal(message), expected);
  assertEquals(device.named("task:execute"), []);
});

Deno.test("wrong data of response.workdir is refused and changes nothing", async () => {
  await using hub = await HubFixture.start();
  const { run, token, taskId, page } = await runningTurn(hub);
  const good = { path: "/p", origin: "session", code: null, notice: null };
  for (const field of Object.keys(good)) {
    for (const wrong of [undefined, 5, true, [], {}, "x".repeat(5000), { __proto__: null }]) {
      const { [field as keyof typeof good]: _, ...rest } = good;
      const data = wrong === undefined ? rest : { ...rest, [field]: wrong };
      const ack = await run.send("response.workdir", data);
      assertEquals([ack.success, ack.seq], [false, run.seq], `${field} ${typeof wrong}`);
    }
  }
  for (const path of ["", "\0\0"]) {
    assertEquals((await run.send("response.workdir", { ...good, path })).success, false);
  }
  assertEquals(page.named("task:workdir").map((e) => e.workdir), [null]);
  const task = async () => (await hub.call("GET", `/api/tasks/${taskId}`, token)).body.task;
  assertEquals((await task()).workdir, null);
  assertEquals((await run.send("response.workdir", good)).success, true);
  // The same event again, as after a lost acknowledgement.
  await run.send("response.workdir", { ...good, path: "/other" }, run.seq);
  assertEquals((await task()).workdir.path, "/p");
  await run.text("fine");
  await run.complete("fine");
  // A closed turn's device has nothing to say any more.
  await run.send("response.workdir", { ...good, path: "/late" });
  assertEquals((await task()).workdir.path, "/p");
});

Deno.test("only the device that was given the turn says where it works", async () => {
  await using hub = await HubFixture.start();
  const { request, token, taskId } = await runningTurn(hub);
  const bob = await hub.user("bob");
  const foreign = new StubRun(await hub.device(bob.key, "dev-1"), request);
  const ack = await foreign.send("response.workdir", {
    path: "/evil",
    origin: "session",
    code: null,
    notice: null,
  });
  assertEquals(ack.success, false);
  const { body } = await hub.call("GET", `/api/tasks/${taskId}`, token);
  assertEquals(body.task.workdir, null);
});

Deno.test("chatDirectory() and effectiveDirectory() take what they know and nothing else", () => {
  const chat = (path: unknown) =>
    chatDirectory({ response: { standalone_chat_workspace_path: path } });
  assertEquals(["/a", "\0", "", 5, null, "x".repeat(4097)].map(chat), [
    "/a",
    null,
    null,
    null,
    null,
    null,
  ]);
  assertEquals([undefined, null, 5, {}, { response: null }].map(chatDirectory), [
    null,
    null,
    null,
    null,
    null,
  ]);
  const data = { type: "x", path: "/a", origin: "session", code: null, notice: null, more: 1 };
  assertEquals(effectiveDirectory(data), {
    path: "/a",
    origin: "session",
    code: null,
    notice: null,
  });
});

Deno.test("a device's directories: shown while known, told when they change, unknown members left out", async () => {
  await using hub = await HubFixture.start();
  const { device, page, token } = await started(hub);
  const shown = async () => (await hub.call("GET", "/api/devices", token)).body.items[0].workdirs;
  assertEquals(await shown(), null);
  const recent = FACTS.recent.map((r) => ({ ...r, more: 1 }));
  assertEquals(await beat(device, { workdirs: { ...FACTS, recent, more: { a: 1 } } }), {
    success: true,
  });
  assertEquals(await shown(), FACTS);
  await page.event("device:status", (e) => e.status === "workdirs");
  page.events.length = 0;
  await beat(device, {});
  await beat(device, { workdirs: FACTS });
  assertEquals(await shown(), FACTS);
  assertEquals(page.named("device:status"), []);
  await beat(device, { workdirs: { ...FACTS, roots: [] } });
  assertEquals((await shown()).roots, []);
  assertEquals(page.named("device:status").length, 1);
  for (const wrong of [5, "x", [], {}, { ...FACTS, home: 5 }, { ...FACTS, recent: [{}] }]) {
    assertMatch((await beat(device, { workdirs: wrong })).error, /Invalid payload/);
  }
  assertEquals((await shown()).roots, []);
  // A new connection keeps them until the device speaks.
  device.cut();
  const { key } = await hub.user("ann");
  const again = await hub.device(key, "dev-1");
  assertEquals((await shown()).home, "/home/ann");
  again.socket.disconnect();
});

Deno.test("open-directory: for the owner, when offered, with the device's own words", async () => {
  await using hub = await HubFixture.start({ timings: { openDirectoryMs: 150 } });
  const { device, token } = await started(hub);
  const bob = await hub.user("bob");
  const open = async (bearer: string, body: unknown = { path: "/home/ann/Projects/A" }) => {
    const { status, body: answer } = await hub.call(
      "POST",
      "/api/devices/dev-1/open-directory",
      bearer,
      body,
    );
    return [status, answer.detail ?? answer.message];
  };
  const notOffered = [404, "This device does not open directories on its desktop"];
  assertEquals(await open(token), notOffered);
  await beat(device, { workdirs: { ...FACTS, open_directory: false } });
  assertEquals(await open(token), notOffered);
  await beat(device, { workdirs: FACTS });
  assertEquals(await open(bob.token), [404, "Device 'dev-1' not found"]);
  assertEquals((await open(token, { path: "" }))[0], 422);
  assertEquals((await open(token, {}))[0], 422);
  assertEquals(device.named("device:open_directory"), []);
  assertEquals(await open(token), [502, "The device did not answer"]);
  const answers: unknown[] = [
    { success: true },
    { success: false, error: 'Directory "/x" is outside the allowed roots' },
    { success: false },
    { success: "yes" },
  ];
  device.socket.on("device:open_directory", (_request, ack) => ack(answers.shift()));
  assertEquals((await open(token))[0], 200);
  assertEquals(await open(token), [409, 'Directory "/x" is outside the allowed roots']);
  assertEquals(await open(token), [409, "The device did not open the directory"]);
  assertEquals(await open(token), [502, "The device did not answer"]);
  assertEquals(device.named("device:open_directory").at(-1), { path: "/home/ann/Projects/A" });
  device.socket.disconnect();
  await until(async () => (await open(token))[0] === 400, "the device to be offline");
  assert((await open(token))[1].includes("offline"));
});
