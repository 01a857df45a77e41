import { assert, assertEquals } from "../../tests/support/assert.ts";
import { openAllOfLibc } from "../platform/libc.ts";
import { decideWorkdir, type WorkdirContext, type WorkdirRequest, workdirSeam } from "./decide.ts";

openAllOfLibc();

interface World {
  readonly top: string;
  readonly context: WorkdirContext;
  /** `path`, or the code of the fallback. */
  ask(workdir: string | null, more?: Partial<WorkdirRequest>): Promise<string | null>;
}

async function withWorld(test: (world: World) => Promise<void> | void): Promise<void> {
  const top = Deno.realPathSync(Deno.makeTempDirSync());
  const home = `${top}/home`;
  for (
    const dir of [
      "home/.wegent-executor/workspace/7/sub",
      "home/.wegent-executor/workspace/8",
      "home/.wegent-executor/workspace/attachments/7",
      "home/.wegent-executor/workspace/projects/p",
      "home/.wegent-executor/state",
      "home/.ssh",
      "home/Projects/a/deep",
      "home/Projects-other",
      "home/Projects/a/.wegent/session",
      "outside",
      "system/inner",
    ]
  ) Deno.mkdirSync(`${top}/${dir}`, { recursive: true });
  Deno.writeTextFileSync(`${home}/Projects/file`, "");
  Deno.symlinkSync(`${top}/outside`, `${home}/Projects/escape`);
  Deno.symlinkSync(`${home}/Projects/a`, `${home}/Projects/alias`);
  Deno.symlinkSync(`${home}/Projects/a`, `${top}/way-in`);
  Deno.symlinkSync(`${home}/.ssh`, `${home}/Projects/keys`);
  Deno.symlinkSync("loop", `${home}/Projects/loop`);
  Deno.symlinkSync(`${home}/Projects/nothing`, `${home}/Projects/dangling`);
  const context: WorkdirContext = {
    workspaceRoot: `${home}/.wegent-executor/workspace`,
    allowedRoots: [`${home}/.wegent-executor/workspace`, `${home}/Projects`, `${home}/missing`],
    userHome: home,
    executorHome: `${home}/.wegent-executor`,
    deviceId: "here",
  };
  try {
    await test({
      top,
      context,
      async ask(workdir, more = {}) {
        const decision = await decideWorkdir(
          { taskId: 7, deviceId: null, workdir, policy: null, ...more },
          context,
        );
        return decision.kind === "directory" ? decision.path : decision.code;
      },
    });
  } finally {
    Deno.removeSync(top, { recursive: true });
  }
}

Deno.test("decideWorkdir() takes directories inside the roots, links resolved", () =>
  withWorld(async ({ top, ask }) => {
    const a = `${top}/home/Projects/a`;
    for (
      const workdir of [
        a,
        `${a}/`,
        `${a}/.`,
        `${a}//deep/..`,
        "~/Projects/a",
        `${top}/home/Projects/alias`,
        `${top}/home/Projects/alias/deep/..`,
        `${top}/way-in`,
      ]
    ) assertEquals(await ask(workdir), a, workdir);
    assertEquals(await ask("~/Projects"), `${top}/home/Projects`, "a listed root itself");
    const project = `${top}/home/.wegent-executor/workspace/projects/p`;
    assertEquals(await ask(project), project);
  }));

Deno.test("decideWorkdir() falls back with the reason", () =>
  withWorld(async ({ top, ask }) => {
    const cases: [string | null, string][] = [
      ["~/Projects-other", "workdir_outside_allowed_roots"],
      [`${top}/outside`, "workdir_outside_allowed_roots"],
      ["/", "workdir_outside_allowed_roots"],
      ["~", "workdir_outside_allowed_roots"],
      ["~/Projects/../..", "workdir_outside_allowed_roots"],
      ["~/Projects/escape", "workdir_symlink_escape"],
      ["~/Projects/keys", "workdir_symlink_escape"],
      ["~/Projects/gone", "workdir_not_found"],
      ["~/missing", "workdir_not_found"],
      ["~/Projects/dangling", "workdir_not_found"],
      ["~/Projects/loop", "workdir_not_found"],
      ["~/Projects/file", "workdir_not_directory"],
      ["~/Projects/file/x", "workdir_not_directory"],
      ["/dev/null", "workdir_not_directory"],
      ["/proc/self/root", "workdir_sensitive"],
      ["/proc/self/cwd", "workdir_sensitive"],
      ["~/.wegent-executor/workspace", "workdir_sensitive"],
      ["~/.wegent-executor/workspace/8", "workdir_sensitive"],
      ["~/.wegent-executor/workspace/attachments/7", "workdir_sensitive"],
      ["~/.wegent-executor/state", "workdir_outside_allowed_roots"],
      ["~/Projects/a/.wegent/session", "workdir_sensitive"],
      ["relative", "workdir_not_absolute"],
      ["~root", "workdir_invalid"],
      ["~/Projects/a\0", "workdir_invalid"],
    ];
    for (const [workdir, code] of cases) assertEquals(await ask(workdir), code, String(workdir));
  }));

Deno.test("decideWorkdir() takes the task's own managed directory for what it is", () =>
  withWorld(async ({ ask }) => {
    assertEquals(await ask("~/.wegent-executor/workspace/7"), null);
  }));

Deno.test("decideWorkdir() keeps out of protected places even where a root holds them", () =>
  withWorld(async ({ top, context }) => {
    const wide: WorkdirContext = { ...context, allowedRoots: [`${top}/home`, top, "/etc", "/usr"] };
    for (
      const workdir of [
        "~",
        top,
        "/etc",
        "/usr/lib",
        "/proc/self",
        "~/.ssh",
        "~/.wegent-executor/state",
        "~/Projects/keys",
      ]
    ) {
      const request = { taskId: 7, deviceId: null, workdir, policy: "existing" };
      const decision = await decideWorkdir(request, wide);
      assertEquals(decision.kind === "managed" && decision.code, "workdir_sensitive", workdir);
    }
    const fine = await decideWorkdir(
      { taskId: 7, deviceId: null, workdir: "~/Projects-other", policy: "existing" },
      wide,
    );
    assertEquals(fine.kind, "directory");
  }));

Deno.test("decideWorkdir() follows the policy", () =>
  withWorld(async ({ top, ask }) => {
    const a = `${top}/home/Projects/a`;
    assertEquals(await ask(a, { policy: "managed" }), null);
    assertEquals(await ask(null), null);
    assertEquals(await ask(null, { policy: "existing" }), "workdir_missing");
    assertEquals(await ask(a, { policy: "shared" }), "workdir_policy_unsupported");
    assertEquals(await ask(a, { deviceId: "elsewhere" }), "workdir_device_mismatch");
    assertEquals(await ask(a, { deviceId: "here" }), a);
  }));

Deno.test("decideWorkdir() lets only repo_bound name a directory that is still to be made", () =>
  withWorld(async ({ top, ask }) => {
    const fresh = "~/Projects/new/checkout";
    assertEquals(await ask(fresh), "workdir_not_found");
    assertEquals(await ask(fresh, { policy: "repo_bound" }), `${top}/home/Projects/new/checkout`);
    assertEquals(
      await ask("~/Projects/alias/x", { policy: "repo_bound" }),
      `${top}/home/Projects/a/x`,
    );
    for (
      const [workdir, code] of [
        ["~/Projects/escape/x", "workdir_symlink_escape"],
        ["~/Projects/dangling", "workdir_not_found"],
        ["~/Projects/dangling/x", "workdir_not_found"],
        ["~/Projects/nothing/../../../outside/x", "workdir_outside_allowed_roots"],
        ["~/Projects/file/x", "workdir_not_directory"],
        ["~/gone/x", "workdir_outside_allowed_roots"],
      ]
    ) assertEquals(await ask(workdir!, { policy: "repo_bound" }), code!, workdir!);
  }));

Deno.test("decideWorkdir() knows a directory by what it is where names differ", () =>
  withWorld(async ({ top, context }) => {
    // A volume that ignores letter case, played by a seam: realpath keeps the case it was given.
    const lower = (path: string) => path.replace("PROJECTS", "Projects");
    const seam = {
      ...workdirSeam,
      realPath: async (path: string) => {
        await workdirSeam.realPath(lower(path));
        return path;
      },
      stat: (path: string) => workdirSeam.stat(lower(path)),
      usable: (path: string) => workdirSeam.usable(lower(path)),
    };
    const workdir = `${top}/home/PROJECTS/a`;
    const decision = await decideWorkdir(
      { taskId: 7, deviceId: null, workdir, policy: "existing" },
      context,
      seam,
    );
    assertEquals(decision, { kind: "directory", path: `${top}/home/Projects/a`, exists: true });
  }));

Deno.test("decideWorkdir() refuses what an agent could not change", () =>
  withWorld(async ({ top, ask }) => {
    Deno.chmodSync(`${top}/home/Projects/a`, 0o500);
    assertEquals(await ask("~/Projects/a"), "workdir_not_accessible");
    Deno.chmodSync(`${top}/home/Projects/a`, 0o700);
    assert(await ask("~/Projects/a") !== "workdir_not_accessible");
  }));

Deno.test("decideWorkdir() allows nothing but managed directories without a usable root", () =>
  withWorld(async ({ context }) => {
    const decision = await decideWorkdir(
      { taskId: 7, deviceId: null, workdir: "~/Projects/a", policy: "existing" },
      { ...context, allowedRoots: [] },
    );
    assertEquals(decision.kind === "managed" && decision.code, "workdir_outside_allowed_roots");
  }));

Deno.test("decideWorkdir() holds nothing of a root that goes through a link in another root", () =>
  withWorld(async ({ top, context }) => {
    // `escape` in the root ~/Projects leads outside; whoever works in that root may have made it.
    const allowedRoots = [...context.allowedRoots, `${top}/home/Projects/escape`];
    const decision = await decideWorkdir(
      { taskId: 7, deviceId: null, workdir: `${top}/outside`, policy: "existing" },
      { ...context, allowedRoots },
    );
    assertEquals(decision.kind === "managed" && decision.code, "workdir_outside_allowed_roots");
  }));
