/** Repositories, attachments and worktrees of sessions, through a device with the real Claude CLI. */
import { exists } from "../../src/platform/mod.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { gitOk, GitServer } from "../support/git_server.ts";
import { type DeviceFixture, LONG, until, withDevice, workdirOf } from "./fixture.ts";
import { running, turnIn } from "./workdir_turn.ts";

const TOKEN = "glpat-0123456789abcdefghij";

async function withRepository(
  test: (fixture: DeviceFixture, server: GitServer) => Promise<void>,
  env: Record<string, string> = {},
): Promise<void> {
  await using server = new GitServer();
  await server.add("team/app", {
    files: { "README.md": "app\n" },
    branches: { dev: { dev: "d" } },
  });
  await withDevice({
    env: { LOCAL_WORKDIR_ALLOWED_ROOTS: "~/Projects", NO_PROXY: "127.0.0.1", ...env },
  }, async (fixture) => {
    Deno.mkdirSync(`${fixture.world.home}/Projects`, { recursive: true });
    await test(fixture, server);
  });
}

/** Every file below `dir` whose bytes hold `text`. */
function filesWith(dir: string, text: string): string[] {
  const found: string[] = [];
  const walk = (path: string) => {
    for (const entry of Deno.readDirSync(path)) {
      const inner = `${path}/${entry.name}`;
      if (entry.isDirectory) walk(inner);
      else if (entry.isFile) {
        const bytes = Deno.readFileSync(inner);
        if (new TextDecoder("latin1").decode(bytes).includes(text)) found.push(inner);
      }
    }
  };
  walk(dir);
  return found;
}

Deno.test("a repository is cloned into the directory of its session and reused by the next task", () =>
  withRepository(async (fixture, server) => {
    server.login = { user: "token", password: TOKEN };
    const dir = `${fixture.world.home}/Projects/app`;
    const bound = {
      workdir_policy: "repo_bound",
      workdir: "~/Projects/app",
      git_url: server.url("team/app"),
      branch_name: "dev",
      user: {
        id: 1,
        name: "tester",
        git_token: TOKEN,
        git_login: "token",
        git_email: "t@example.com",
      },
    };
    const look = running(
      "git branch --show-current; ls; git status --porcelain; git config user.email",
    );
    const first = await turnIn(fixture, bound, { prompt: look });
    assertEquals(first.status, "COMPLETED", first.error);
    assertEquals(first.output, "dev\nREADME.md\ndev\nt@example.com");
    assertEquals(first.where?.["path"], dir);
    assert(exists(`${dir}/.wegent/session/${first.task_id}`));
    assertEquals(filesWith(dir, TOKEN), [], "the token is on no disk");
    assertEquals(filesWith(`${fixture.world.executorHome}/state`, TOKEN), []);

    Deno.writeTextFileSync(`${dir}/mine`, "uncommitted");
    const { workdir: _, ...again } = bound;
    const second = await turnIn(fixture, again, { prompt: running("pwd -P; cat mine") });
    assertEquals(second.output, `${dir}\nuncommitted`, second.error);
    const fetched = await turnIn(fixture, again, {
      task_id: second.task_id,
      prompt: running("git fetch 2>&1 && echo fetched"),
    });
    assertStringIncludes(fetched.output, "fetched", "the agent's own git can log in");
  }));

Deno.test("another repository or a dirty tree is never overwritten, and the turn says so", () =>
  withRepository(async (fixture, server) => {
    await server.add("team/other", { files: { other: "o" } });
    const dir = `${fixture.world.home}/Projects/mine`;
    await gitOk(["clone", "-q", server.url("team/other"), dir]);
    Deno.writeTextFileSync(`${dir}/other`, "changed");
    const before = Deno.readTextFileSync(`${dir}/other`);
    const wrong = await turnIn(fixture, { workdir: dir, git_url: server.url("team/app") });
    assertEquals(wrong.status, "FAILED");
    assertStringIncludes(wrong.error, "team/other");
    const dirty = await turnIn(fixture, {
      workdir: dir,
      git_url: server.url("team/other"),
      branch_name: "elsewhere",
    });
    assertEquals(dirty.status, "FAILED");
    assertMatch(dirty.error, /elsewhere/);
    assertEquals(Deno.readTextFileSync(`${dir}/other`), before);
    const code = fixture.backend.eventsOf(dirty.subtask_id).at(-1)?.data?.["code"];
    assertEquals(code, "pre_execute_error");
  }));

Deno.test("a managed task works in its checkout; a clone that fails leaves nothing and can be retried", () =>
  withRepository(async (fixture, server) => {
    await server.add("team/big", { files: { "README.md": "big\n" }, ballast: 2_000_000 });
    const git = { git_url: server.url("team/big"), branch_name: "main" };
    server.fault = { kind: "cut", afterBytes: 100_000 };
    const failed = await turnIn(fixture, git);
    assertEquals(failed.status, "FAILED");
    const dir = `${workdirOf(fixture.world, failed.task_id)}/big`;
    assertEquals([...Deno.readDirSync(dir)].map((e) => e.name).filter((n) => n !== ".wegent"), []);
    server.fault = null;
    const done = await turnIn(fixture, git, { task_id: failed.task_id });
    assertEquals([done.output, done.where?.["origin"]], [dir, "clone"], done.error);
    assert(exists(`${dir}/README.md`));
  }));

Deno.test("a cancelled clone ends at once, leaves nothing, and the turn is cancelled", () =>
  withRepository(async (fixture, server) => {
    server.fault = { kind: "hang" };
    const { backend, request } = fixture;
    const turn = {
      ...request("x"),
      workdir_policy: "repo_bound",
      workdir: "~/Projects/hung",
      git_url: server.url("team/app"),
    };
    backend.execute(turn);
    await until(() => server.requests.length > 0, "git's first request");
    backend.cancel({ taskId: turn.task_id, subtaskId: turn.subtask_id });
    const done = await backend.waitTerminal(turn.subtask_id, LONG);
    assertEquals(done.terminals.map((t) => t.event), ["response.incomplete"]);
    const left = [...Deno.readDirSync(`${fixture.world.home}/Projects/hung`)].map((e) => e.name);
    assertEquals(left.filter((name) => name !== ".wegent"), []);
  }));

Deno.test("an agent commits in a linked worktree without rights on the rest of the main repository", () =>
  withRepository(async (fixture, server) => {
    const projects = `${fixture.world.home}/Projects`;
    await gitOk(["clone", "-q", server.url("team/app"), `${projects}/app`]);
    await gitOk([
      "-C",
      `${projects}/app`,
      "worktree",
      "add",
      "-q",
      "-b",
      "task-7",
      `${projects}/tree`,
    ]);
    const commit = running(
      "echo x > new && git add new && git -c user.name=a -c user.email=a@b commit -qm new && git log --oneline | wc -l; " +
        `echo evil > ${projects}/app/.git/hooks/post-checkout; echo evil >> ${projects}/app/.git/config; echo evil > ${projects}/app/README.md`,
    );
    const turn = await turnIn(fixture, {
      workspace_source: "git_worktree",
      project_id: 7,
      project_workspace_path: `${projects}/tree`,
      git_url: server.url("team/app"),
    }, { prompt: commit });
    assertMatch(turn.output, /^2$/m, turn.error);
    assertEquals(exists(`${projects}/app/.git/hooks/post-checkout`), false);
    assertEquals(Deno.readTextFileSync(`${projects}/app/.git/config`).includes("evil"), false);
    assertEquals(Deno.readTextFileSync(`${projects}/app/README.md`), "app\n");
    const status = await gitOk(["-C", `${projects}/tree`, "status", "--porcelain"]);
    assertEquals(status.trim(), "", ".wegent is excluded in a worktree too");
  }));

Deno.test("attachments land in the session's corner and the agent reads them", async () => {
  const seen: string[] = [];
  const http = (path: string, headers: Readonly<Record<string, unknown>>) => {
    seen.push(`${path} ${headers["authorization"]}`);
    return path.includes("/5/") ? { status: 200, body: "the notes" } : null;
  };
  const env = { LOCAL_WORKDIR_ALLOWED_ROOTS: "~/Projects" };
  await withDevice({ env, stub: { http } }, async (fixture) => {
    Deno.mkdirSync(`${fixture.world.home}/Projects/A`, { recursive: true });
    const turn = await turnIn(fixture, {
      workdir: "~/Projects/A",
      auth_token: "task-token",
      attachments: [
        { id: 5, original_filename: "../no tes.txt", mime_type: "text/plain", subtask_id: 44 },
        { id: 6, original_filename: "gone.txt", mime_type: "text/plain", subtask_id: 44 },
      ],
    }, { prompt: `[attachment:5] ${running("cat .wegent/attachments/*/44/*")}` });
    assertEquals(turn.output, "the notes", turn.error);
    const path = `${fixture.world.home}/Projects/A/.wegent/attachments/${turn.task_id}/44`;
    const [name] = [...Deno.readDirSync(path)].map((e) => e.name);
    const sent = JSON.stringify(fixture.model.scripted().at(-1)?.body);
    assertStringIncludes(sent, `${path}/${name}`, "the prompt names the file");
    assertStringIncludes(sent, "gone.txt", "and what could not be had");
    const asked = seen.find((line) => line.includes("/5/"));
    assertEquals(asked, "/api/attachments/5/executor-download Bearer task-token");
  });
});
