/** A preparation as it runs in earnest: in the host's box, with git in the box of its own. */
import { fromFileUrl, join } from "../../src/platform/std/path.ts";
import type { PrepareJob } from "../../src/workdir/mod.ts";
import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { gitOk, GitServer } from "../support/git_server.ts";
import { allProcesses } from "../support/processes.ts";
import { guardedTest } from "../support/require.ts";
import { SandboxWorld, worldUsers } from "../support/sandbox_world.ts";
import { filesWith } from "../support/workshop.ts";

const ROOT = fromFileUrl(new URL("../../", import.meta.url));
const TOKEN = "glpat-a-token-nobody-may-see-4711";
const FLAGS =
  ("--no-prompt --cached-only --no-check --quiet --allow-read --allow-write --allow-net " +
    "--allow-env --allow-run --allow-sys --allow-ffi").split(" ");

function boxedTest(name: string, fn: (world: SandboxWorld) => Promise<void>) {
  guardedTest({
    name,
    needs: () => Deno.build.os === "linux" ? undefined : `${Deno.build.os} has no Landlock`,
    async fn() {
      // An ordinary user beside root could not read this repository.
      using world = new SandboxWorld(worldUsers()[0]!);
      await fn(world);
    },
  });
}

function jobIn(world: SandboxWorld, url: string, changes: Partial<PrepareJob> = {}): PrepareJob {
  return {
    taskId: 7,
    subtaskId: 101,
    workdir: world.workdir,
    origin: "session",
    firstTurn: true,
    clone: { url, branch: null, into: world.workdir },
    git: { token: null, login: null, id: null, email: null, domain: null },
    attachments: [],
    attachmentsDir: join(world.workdir, ".wegent/attachments/7/101"),
    downloadBase: "",
    authToken: "",
    ownState: true,
    ...changes,
  };
}

/** Runs a preparation in a process in the host's box; git gets the box of `prepare`. */
async function prepare(world: SandboxWorld, job: PrepareJob): Promise<Record<string, unknown>> {
  const policy = world.policy();
  const script = join(ROOT, "tests/support/prepare_main.ts");
  const config = ["--config", join(ROOT, "deno.json"), `--lock=${join(ROOT, "deno.lock")}`];
  const [command = "", ...args] = world.launcher(policy, "host", [
    Deno.execPath(),
    "run",
    ...FLAGS,
    ...config,
    script,
  ]);
  const child = new Deno.Command(command, {
    args,
    cwd: "/",
    clearEnv: true,
    env: { ...world.env, DENO_DIR: denoDir(), DENO_NO_UPDATE_CHECK: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const launch = world.launcher(policy, "prepare", []);
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify({
    job,
    seam: { launch, env: { ...world.env, GIT_CONFIG_NOSYSTEM: "1" } },
  })));
  await writer.close();
  const { stdout, stderr } = await child.output();
  const text = new TextDecoder().decode(stdout);
  assert(text.startsWith("{"), `${text}${new TextDecoder().decode(stderr)}`);
  return JSON.parse(text);
}

function denoDir(): string {
  const cache = Deno.env.get("XDG_CACHE_HOME") ?? join(Deno.env.get("HOME") ?? "", ".cache");
  return Deno.env.get("DENO_DIR") ?? join(cache, "deno");
}

boxedTest(
  "prepareWorkspace() clones in its boxes; the token is in no file and no argv",
  async (world) => {
    await using server = new GitServer();
    await server.add("lib", { files: { "lib.txt": "lib" } });
    await server.add("app", { submodules: { lib: server.url("lib") }, ballast: 300_000 });
    server.login = { user: "mia", password: TOKEN };
    server.fault = { kind: "slow", pieces: 10, ms: 100 };
    const seen = new Set<string>();
    const watch = setInterval(() => {
      for (const { command } of allProcesses()) seen.add(command);
    }, 15);
    const git = { token: TOKEN, login: "mia", id: null, email: "m@x.invalid", domain: "127.0.0.1" };
    let answer: Record<string, unknown>;
    try {
      answer = await prepare(world, jobIn(world, server.url("app"), { git }));
    } finally {
      clearInterval(watch);
    }
    assert(answer["prepared"], JSON.stringify(answer));
    assertEquals(Deno.readTextFileSync(join(world.workdir, "lib/lib.txt")), "lib");
    assertEquals(await gitOk(["-C", world.workdir, "status", "--porcelain"]), "");
    const config = Deno.readTextFileSync(join(world.workdir, ".git/config"));
    assertStringIncludes(config, `url = ${server.url("app")}`);
    assertStringIncludes(config, "name = mia");
    assert([...seen].some((command) => /git.* clone /.test(command)), "the clone was not seen");
    for (const secret of [TOKEN, btoa(`mia:${TOKEN}`)]) {
      assertEquals([...seen].filter((command) => command.includes(secret)), []);
      assertEquals(filesWith(world.home, secret), []);
    }
  },
);

boxedTest(
  "prepareWorkspace() keeps git in its box, whatever the owner's configuration starts",
  async (world) => {
    await using server = new GitServer();
    await server.add("app");
    server.login = { user: "mia", password: "pass" };
    const helper =
      `!f() { touch ${world.outside}/ran ${world.workdir}/../ran ${world.runsDir}/ran; } ; f 2>/dev/null; ` +
      "printf 'username=mia\\\\npassword=pass\\\\n'";
    world.put("home/.gitconfig", `[credential]\n\thelper = "${helper}"\n`);
    const answer = await prepare(world, jobIn(world, server.url("app")));
    assert(answer["prepared"], JSON.stringify(answer));
    assertEquals([...Deno.readDirSync(world.outside)].map(({ name }) => name), ["kept"]);
    assertEquals([...Deno.readDirSync(world.workspace)].map(({ name }) => name), ["7"]);
    // The host itself may write there, its git may not.
    assertEquals([...Deno.readDirSync(world.runsDir)].map(({ name }) => name), ["journal"]);
  },
);

boxedTest("prepareWorkspace() tells a failed login from a failed sandbox", async (world) => {
  await using server = new GitServer();
  await server.add("app");
  server.login = { user: "mia", password: "right" };
  const git = { token: TOKEN, login: "mia", id: null, email: null, domain: null };
  const answer = await prepare(world, jobIn(world, server.url("app"), { git }));
  const error = answer["error"] as { code: string; message: string };
  assertEquals(error.code, "clone_auth");
  assert(!JSON.stringify(answer).includes(TOKEN));
  assertEquals([...Deno.readDirSync(world.workdir)].map(({ name }) => name), []);
});
