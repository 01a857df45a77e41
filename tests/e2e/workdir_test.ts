/** Sessions in directories their users chose, on a device with the real Claude CLI. */
import { exists } from "../../src/platform/mod.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { say, script } from "../support/model.ts";
import { agentPids, type DeviceFixture, LONG, until, withDevice, workdirOf } from "./fixture.ts";
import { running, turnIn, WHERE } from "./workdir_turn.ts";

/** Everything about a tree that a write would change. */
function snapshot(dir: string): string {
  const rows: string[] = [];
  const walk = (path: string) => {
    const info = Deno.lstatSync(path);
    rows.push([path, info.mode, info.size, info.mtime?.getTime(), info.ctime?.getTime()].join(" "));
    if (!info.isDirectory) return;
    for (const name of [...Deno.readDirSync(path)].map((e) => e.name).sort()) {
      walk(`${path}/${name}`);
    }
  };
  walk(dir);
  return rows.join("\n");
}

/** A device that allows `~/Projects`. */
async function withProjects(
  test: (fixture: DeviceFixture, projects: string) => Promise<void>,
  env: Record<string, string> = {},
): Promise<void> {
  await withDevice(
    { env: { LOCAL_WORKDIR_ALLOWED_ROOTS: "~/Projects", ...env } },
    async (fixture) => {
      const projects = `${fixture.world.home}/Projects`;
      for (const name of ["A", "B"]) Deno.mkdirSync(`${projects}/${name}`, { recursive: true });
      await test(fixture, projects);
    },
  );
}

Deno.test("two tasks work in two directories, each agent's own pwd says so", () =>
  withProjects(async (fixture, projects) => {
    const [a, b] = await Promise.all([
      turnIn(fixture, { workdir: "~/Projects/A", workdir_policy: "existing" }),
      turnIn(fixture, { workdir: `${projects}/B`, workdir_policy: "existing" }),
    ]);
    assertEquals([a.status, a.output], ["COMPLETED", `${projects}/A`], a.error);
    assertEquals([b.status, b.output], ["COMPLETED", `${projects}/B`], b.error);
    assertEquals(Deno.readTextFileSync(`${projects}/A/here.txt`).trim(), `${projects}/A`);
    assertEquals([a.where?.["path"], a.where?.["origin"], a.where?.["notice"]], [
      `${projects}/A`,
      "session",
      null,
    ]);
    // What the session keeps lies in its own corner of the directory.
    assert(Deno.statSync(`${projects}/A/.wegent/.claude`).isDirectory);
    assert(Deno.statSync(`${projects}/A/.wegent/session/${a.task_id}`).isDirectory);
    assertEquals(exists(`${projects}/A/.claude`), false);
  }));

Deno.test("a directory outside the roots is untouched, the work is done in a managed one, and the reason is said", () =>
  withProjects(async (fixture) => {
    const outside = `${fixture.world.home}/Outside`;
    Deno.mkdirSync(`${outside}/deep`, { recursive: true });
    Deno.writeTextFileSync(`${outside}/deep/file`, "mine");
    const before = snapshot(outside);
    const turn = await turnIn(fixture, { workdir: outside, workdir_policy: "existing" });
    assertEquals(turn.status, "COMPLETED", turn.error);
    const managed = workdirOf(fixture.world, turn.task_id);
    assertEquals(turn.output, managed);
    assertStringIncludes(turn.notices, `instead of "${outside}"`);
    assertStringIncludes(turn.notices, "outside the allowed roots");
    assertEquals([turn.where?.["code"], turn.where?.["origin"]], [
      "workdir_outside_allowed_roots",
      "managed",
    ]);
    assertEquals(snapshot(outside), before);
  }));

Deno.test("a request without directory fields behaves as ever", () =>
  withProjects(async (fixture) => {
    const turn = await turnIn(fixture, {});
    const managed = workdirOf(fixture.world, turn.task_id);
    assertEquals([turn.status, turn.output, turn.notices], ["COMPLETED", managed, ""]);
    assert(Deno.statSync(`${managed}/.claude`).isDirectory);
    assertEquals(exists(`${managed}/.wegent`), false);
  }));

Deno.test("a follow-up stays where its conversation is, also over a restart; a change says so and starts a new agent", () =>
  withProjects(async (fixture, projects) => {
    const first = await turnIn(fixture, { workdir: "~/Projects/A", workdir_policy: "existing" });
    const [agent] = agentPids(fixture.world);
    const { task_id } = first;
    const second = await turnIn(fixture, {}, { task_id });
    assertEquals([second.output, second.notices], [`${projects}/A`, ""]);
    assertEquals(agentPids(fixture.world), [agent], "the live agent goes on");

    fixture.daemon.signal("SIGTERM");
    await fixture.daemon.exited(LONG);
    await fixture.startDaemon();
    const third = await turnIn(fixture, {}, { task_id });
    assertEquals([third.output, third.notices], [`${projects}/A`, ""], third.error);

    const [old] = agentPids(fixture.world);
    const moved = await turnIn(
      fixture,
      { workdir: "~/Projects/B", workdir_policy: "existing" },
      { task_id },
    );
    assertEquals(moved.output, `${projects}/B`, moved.error);
    assertMatch(
      moved.notices,
      /has changed from \S+\/A to \S+\/B; a new session of the agent starts/,
    );
    await until(() => !agentPids(fixture.world).includes(old!), "the end of the old agent");
    assertEquals(agentPids(fixture.world).length, 1);
  }));

Deno.test("roots add takes effect for new sessions and leaves running ones alone", () =>
  withDevice({}, async (fixture) => {
    const { world, backend, request } = fixture;
    const dir = `${world.home}/Later`;
    Deno.mkdirSync(dir);
    const slow = request(script(say("x".repeat(200), { chunks: 200, gapMs: 50 })));
    backend.execute(slow);
    await backend.waitText(slow.subtask_id, 3, LONG);
    const refused = await turnIn(fixture, { workdir: dir });
    assertEquals(refused.where?.["code"], "workdir_outside_allowed_roots");
    const added = await world.run(["roots", "add", "~/Later"]);
    assertEquals(added.code, 0, added.stderr);
    assertStringIncludes(added.stderr, "running device uses this");
    const accepted = await turnIn(fixture, { workdir: dir });
    assertEquals([accepted.output, accepted.notices], [dir, ""], accepted.error);
    const listed = await world.run(["roots", "list"]);
    assertMatch(listed.stdout, /Later +yours/);
    const done = await backend.waitTerminal(slow.subtask_id, LONG);
    assertEquals([done.status, done.finalText.length], ["COMPLETED", 200], "nothing was lost");
    assertEquals((await world.run(["roots", "remove", dir])).code, 0);
    const after = await turnIn(fixture, { workdir: dir });
    assertEquals(after.where?.["code"], "workdir_outside_allowed_roots");
    const system = await world.run(["roots", "add", "/etc"]);
    assertEquals(system.code, 2);
    assertStringIncludes(system.stderr, "protected");
  }));

Deno.test("status names the directory of a running task and why it fell back", () =>
  withProjects(async ({ backend, request, world }) => {
    const turn = {
      ...request(script(say("x".repeat(200), { chunks: 200, gapMs: 50 }))),
      workdir: "/nowhere/at/all",
    };
    backend.execute(turn);
    await backend.waitText(turn.subtask_id, 3, LONG);
    const { stdout } = await world.run(["status"]);
    assertStringIncludes(stdout, workdirOf(world, turn.task_id));
    assertStringIncludes(stdout, 'instead of "/nowhere/at/all": it does not exist');
    backend.cancel({ taskId: turn.task_id, subtaskId: turn.subtask_id });
    await backend.waitTerminal(turn.subtask_id, LONG);
  }));

Deno.test("projects, worktrees and bots name directories too, in their order", () =>
  withProjects(async (fixture, projects) => {
    const local = { workspace_source: "local_path", project_id: 3 };
    const made = `${fixture.world.home}/work/new`;
    const project = await turnIn(fixture, { ...local, project_workspace_path: "~/work/new" });
    assertEquals([project.output, project.where?.["origin"]], [made, "project"], project.error);
    const both = await turnIn(fixture, {
      ...local,
      project_workspace_path: made,
      workdir: "~/Projects/A",
    });
    assertEquals(both.output, `${projects}/A`, "the session's workdir comes first");
    const outside = await turnIn(fixture, { ...local, project_workspace_path: "/srv/elsewhere" });
    assertEquals(outside.status, "FAILED");
    assertStringIncludes(outside.error, "wegent-executor roots add /srv/elsewhere");
    const gone = await turnIn(fixture, {
      workspace_source: "git_worktree",
      project_workspace_path: "~/work/worktrees/9/app",
    });
    assertEquals(gone.status, "FAILED");
    assertStringIncludes(gone.error, "is gone");
    const bot = fixture.request(WHERE)["bot"] as Record<string, unknown>[];
    const byBot = await turnIn(fixture, { bot: [{ ...bot[0], cwd: "~/Projects/B" }] });
    assertEquals([byBot.output, byBot.where?.["origin"]], [`${projects}/B`, "bot"], byBot.error);
  }));

Deno.test("a project is writable for its own sessions only", () =>
  withProjects(async (fixture, projects) => {
    const made = `${fixture.world.home}/work/own`;
    Deno.mkdirSync(made, { recursive: true });
    const write = running(`echo x > ${made}/by-another; echo $?`);
    const other = await turnIn(fixture, { workdir: `${projects}/A` }, { prompt: write });
    assertEquals(exists(`${made}/by-another`), false, other.output);
    const own = await turnIn(fixture, {
      workspace_source: "local_path",
      project_id: 3,
      project_workspace_path: made,
    }, { prompt: write });
    assertEquals(exists(`${made}/by-another`), true, own.output);
  }));

Deno.test("a standalone chat gets a directory of its own, reports it, and goes on in it", () =>
  withDevice({ env: { WEGENT_EXECUTOR_CHATS_DIR: "~/chats" } }, async (fixture) => {
    const chat = { standalone_chat_workspace: true, project_id: 0 };
    const first = await turnIn(fixture, chat, { prompt: `你好 world! ${WHERE}` });
    assertMatch(first.output, /\/chats\/\d{4}-\d\d-\d\d\/你好-world-/, first.error);
    const completed = fixture.backend.eventsOf(first.subtask_id)
      .find((e) => e.event === "response.completed");
    const response = completed?.data?.["response"] as Record<string, unknown>;
    assertEquals(response["standalone_chat_workspace_path"], first.output);
    const next = await turnIn(
      fixture,
      { ...chat, project_workspace_path: first.output },
      { task_id: first.task_id },
    );
    assertEquals([next.output, next.notices], [first.output, ""], next.error);
    const twin = await turnIn(fixture, chat, { prompt: `你好 world! ${WHERE}` });
    assert(
      twin.output !== first.output && twin.output.startsWith(first.output.slice(0, -3)),
      twin.output,
    );
  }));
