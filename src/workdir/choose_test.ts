import { assert, assertEquals, assertRejects } from "../../tests/support/assert.ts";
import { openAllOfLibc } from "../platform/libc.ts";
import { AppError } from "../platform/mod.ts";
import {
  chooseDirectory,
  type DirectoryContext,
  type DirectoryRequest,
  type KnownDirectories,
} from "./choose.ts";

openAllOfLibc();

interface World {
  readonly top: string;
  readonly ws: string;
  readonly context: DirectoryContext;
  choose(
    request: Partial<DirectoryRequest>,
    known?: Partial<KnownDirectories>,
    context?: Partial<DirectoryContext>,
  ): ReturnType<typeof chooseDirectory>;
}

const NOTHING: DirectoryRequest = {
  taskId: 7,
  deviceId: null,
  workdir: null,
  policy: null,
  gitUrl: null,
  branch: null,
  skipClone: false,
  projectId: null,
  workspaceSource: null,
  projectPath: null,
  botCwd: null,
  standaloneChat: false,
};
const GIT = "https://git.example.com/team/app.git";

async function withWorld(test: (world: World) => Promise<void>): Promise<void> {
  const top = Deno.realPathSync(Deno.makeTempDirSync());
  const ws = `${top}/home/eh/ws`;
  for (
    const dir of ["home/eh/ws", "home/A", "home/B", "home/work/x", "home/.ssh", "else/where"]
  ) {
    Deno.mkdirSync(`${top}/${dir}`, { recursive: true });
  }
  Deno.writeTextFileSync(`${top}/home/B/file`, "");
  const context: DirectoryContext = {
    workspaceRoot: ws,
    allowedRoots: [ws, `${top}/home/A`, `${top}/home/chats`],
    userHome: `${top}/home`,
    executorHome: `${top}/home/eh`,
    deviceId: "d",
    projects: "home",
    chatsDir: `${top}/home/chats`,
    standaloneChats: true,
  };
  try {
    await test({
      top,
      ws,
      context,
      choose: (request, known = {}, changed = {}) =>
        chooseDirectory({ ...NOTHING, ...request }, { ...context, ...changed }, {
          bound: null,
          repo: () => null,
          ...known,
        }),
    });
  } finally {
    Deno.removeSync(top, { recursive: true });
  }
}

Deno.test("chooseDirectory() without any field takes the managed directory", () =>
  withWorld(async ({ ws, choose }) => {
    assertEquals(await choose({}), {
      path: `${ws}/7`,
      origin: "managed",
      make: true,
      clone: null,
      code: null,
      notice: null,
      asked: null,
    });
    const cloned = await choose({ gitUrl: GIT, branch: "main" });
    assertEquals([cloned.path, cloned.origin, cloned.clone], [
      `${ws}/7/app`,
      "clone",
      { url: GIT, branch: "main" },
    ]);
    assertEquals((await choose({ gitUrl: GIT, skipClone: true })).clone, null);
  }));

Deno.test("chooseDirectory() puts the session's workdir first, then project, bot, chat, managed", () =>
  withWorld(async ({ top, ws, choose }) => {
    Deno.mkdirSync(`${top}/home/A/bot`);
    const all: Partial<DirectoryRequest> = {
      workdir: "~/A",
      workspaceSource: "local_path",
      projectPath: "~/work/x",
      botCwd: "~/A/bot",
      standaloneChat: true,
      projectId: 0,
    };
    const picked = async (left: Partial<DirectoryRequest>) => {
      const { origin, path } = await choose(left);
      return [origin, path];
    };
    assertEquals(await picked(all), ["session", `${top}/home/A`]);
    const { workdir: _w, ...noSession } = all;
    assertEquals(await picked(noSession), ["project", `${top}/home/work/x`]);
    const { workspaceSource: _s, projectPath: _p, ...noProject } = noSession;
    assertEquals(await picked(noProject), ["bot", `${top}/home/A/bot`]);
    const { botCwd: _b, ...chat } = noProject;
    assertEquals(await picked(chat), ["chat", null]);
    assertEquals(await picked({ ...chat, projectId: null }), ["managed", `${ws}/7`]);
    const off = await choose(chat, {}, { standaloneChats: false });
    assertEquals([off.origin, off.path], ["managed", `${ws}/7`]);
  }));

Deno.test("chooseDirectory() falls back to the managed directory and says why", () =>
  withWorld(async ({ ws, choose }) => {
    const refused = await choose({ workdir: "~/B\u202e", policy: "existing" });
    assertEquals([refused.path, refused.origin, refused.code], [
      `${ws}/7`,
      "managed",
      "workdir_invalid",
    ]);
    const { notice } = await choose({ workdir: "~/B" });
    assertEquals(
      notice,
      `Working in the managed directory ${ws}/7 instead of "~/B": it is outside the allowed roots of this device. ` +
        "Its owner can allow it with: wegent-executor roots add ~/B",
    );
    const bot = await choose({ botCwd: "~/B" });
    assertEquals([bot.origin, bot.code], ["managed", "workdir_outside_allowed_roots"]);
    assert(bot.notice?.includes("The bot's directory"));
  }));

Deno.test("chooseDirectory() goes on in the directory the conversation is bound to", () =>
  withWorld(async ({ top, ws, choose }) => {
    const bound = { workdir: "~/A", policy: "existing", path: `${top}/home/A`, origin: "session" };
    const next = await choose({}, { bound });
    assertEquals([next.path, next.origin], [`${top}/home/A`, "session"]);
    const back = await choose({ policy: "managed" }, { bound });
    assertEquals([back.path, back.origin], [`${ws}/7`, "managed"]);
    const gone = await choose({}, { bound: { ...bound, workdir: "~/B" } });
    assertEquals([gone.origin, gone.code], ["managed", "workdir_outside_allowed_roots"]);
  }));

Deno.test("chooseDirectory() binds a repository to a directory", () =>
  withWorld(async ({ top, ws, choose }) => {
    const repo = { policy: "repo_bound", gitUrl: GIT, branch: "main" };
    const asked = await choose({ ...repo, workdir: "~/A/new/app" });
    assertEquals([asked.path, asked.make, asked.clone], [
      `${top}/home/A/new/app`,
      true,
      { url: GIT, branch: "main" },
    ]);
    const known = await choose(repo, {
      repo: (remote, branch) =>
        remote.includes("team/app") && branch === "main" ? "~/A/known" : null,
    });
    assertEquals(known.path, `${top}/home/A/known`);
    const fresh = await choose(repo);
    assert(fresh.path?.startsWith(`${ws}/repos/git.example.com/team/app/main`), fresh.path ?? "");
    const tricky = await choose({ ...repo, branch: "../../../x" });
    assert(
      tricky.path?.startsWith(`${ws}/repos/`) && !tricky.path.split("/").includes(".."),
      tricky.path ?? "",
    );
    const without = await choose({ policy: "repo_bound", workdir: "~/A" });
    assertEquals([without.origin, without.code], ["managed", "workdir_no_repository"]);
  }));

Deno.test("chooseDirectory() takes projects where the owner allows them", () =>
  withWorld(async ({ top, ws, choose }) => {
    const local = (projectPath: string) => ({ workspaceSource: "local_path", projectPath });
    const place = async (path: string, projects: DirectoryContext["projects"]) =>
      (await choose(local(path), {}, { projects })).path;
    const refused = async (path: string, projects: DirectoryContext["projects"]) => {
      const error = await assertRejects(() => place(path, projects), AppError) as AppError;
      return `${error.code} ${error.remedy?.match(/`[^`]+`/)?.[0] ?? ""}`.trim();
    };
    assertEquals(await place("~/work/x", "home"), `${top}/home/work/x`);
    assertEquals(await place("~/work/made/new", "home"), `${top}/home/work/made/new`);
    assertEquals(await place("projects/3/app", "home"), `${ws}/projects/3/app`);
    assertEquals(await place("~/A/x", "roots"), `${top}/home/A/x`);
    assertEquals(await place(`${top}/else/where`, "any"), `${top}/else/where`);
    const command = `\`wegent-executor roots add ${top}/else/where\``;
    assertEquals(await refused(`${top}/else/where`, "home"), `project_outside_roots ${command}`);
    assertEquals(
      await refused("~/work/x", "roots"),
      `project_outside_roots \`wegent-executor roots add ${top}/home/work/x\``,
    );
    for (const projects of ["home", "any"] as const) {
      for (const path of ["~", "~/.ssh", "~/.ssh/x", "~/eh", "~/eh/state", "../../.."]) {
        assert((await refused(path, projects)).startsWith("project_"), path);
      }
    }
    assertEquals(await refused("/etc", "any"), "project_protected");
    assertEquals(await refused("~/B/file", "home"), "project_not_accessible");
    assertEquals(await refused("~root", "home"), "project_invalid");
  }));

Deno.test("chooseDirectory() never replaces a worktree or checkout that is gone", () =>
  withWorld(async ({ top, choose }) => {
    const gone = "~/work/worktrees/7/app";
    for (const workspaceSource of ["git", "git_worktree"]) {
      await assertRejects(
        () => choose({ workspaceSource, projectPath: gone }),
        AppError,
        "is gone",
      );
    }
    await assertRejects(
      () => choose({ workspaceSource: "git_worktree", projectPath: gone, gitUrl: GIT }),
      AppError,
      "is gone",
    );
    const made = await choose({ workspaceSource: "git", projectPath: gone, gitUrl: GIT });
    assertEquals([made.path, made.make, made.clone?.url], [
      `${top}/home/work/worktrees/7/app`,
      true,
      GIT,
    ]);
    const there = await choose({ workspaceSource: "git", projectPath: "~/B", gitUrl: GIT });
    assertEquals(there.clone, null, "what is there is the server's");
  }));

Deno.test("chooseDirectory() reuses the directory of a standalone chat", () =>
  withWorld(async ({ top, choose }) => {
    const chat = { standaloneChat: true, projectId: 0 };
    const path = `${top}/home/chats/2026-01-01/hello`;
    const sent = await choose({ ...chat, projectPath: path });
    assertEquals([sent.origin, sent.path, sent.make], ["chat", path, true]);
    const remembered = await choose(chat, {
      bound: { workdir: null, policy: null, path, origin: "chat" },
    });
    assertEquals([remembered.origin, remembered.path], ["chat", path]);
  }));
