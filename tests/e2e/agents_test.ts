/** `wegent-executor agents`: what is found, what is used, and why not. */
import { claudePackage } from "../../src/runtimes/claude/release.ts";
import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { CLAUDE_VERSION, claudeBinary } from "../support/claude_cli.ts";
import { CODEX_VERSION, codexBinary } from "../support/codex_cli.ts";
import { say, script } from "../support/model.ts";
import { createWorld, type World } from "../support/world.ts";
import { LONG, withDevice } from "./fixture.ts";

/** PATH of a service: what the test machine has installed does not count. */
const SHORT_PATH = { PATH: "/usr/bin:/bin", SHELL: "" };

interface Listed {
  agents: {
    name: string;
    minimum: string;
    used: string | null;
    error: string | null;
    remedy: string | null;
    found: { path: string; source: string; version: string | null; not_used: string | null }[];
  }[];
}

async function claudeIn(world: World, env: Record<string, string> = {}) {
  const { code, stdout, stderr } = await world.run(["agents", "--json"], { ...SHORT_PATH, ...env });
  assertEquals(code, 0, stderr);
  const claude = (JSON.parse(stdout) as Listed).agents.find(({ name }) => name === "claude");
  assert(claude);
  return claude;
}

/** A program that says `text` when it is asked for its version. */
function fakeCli(dir: string, text: string, name = "claude"): string {
  Deno.mkdirSync(dir, { recursive: true });
  const path = `${dir}/${name}`;
  Deno.writeTextFileSync(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  return path;
}

Deno.test("agents lists every CLI in the order of its place and says why one is not used", async () => {
  await using world = await createWorld({ claude: false });
  const none = await claudeIn(world);
  assertEquals([none.used, none.found], [null, []]);
  assertStringIncludes(none.remedy ?? "", "wegent-executor agents install claude");
  const text = await world.run(["agents"], SHORT_PATH);
  assertStringIncludes(text.stderr, `No Claude Code CLI of version ${none.minimum} or newer`);

  const known = fakeCli(`${world.home}/.local/bin`, "echo 2.1.150");
  const old = fakeCli(`${world.root}/old`, "echo 2.0.1 '(Claude Code)'");
  const dead = fakeCli(`${world.root}/dead`, "exit 3");
  const env = { PATH: `${world.root}/old:${world.root}/dead:/usr/bin:/bin` };
  const some = await claudeIn(world, env);
  assertEquals(some.used, known);
  assertEquals(
    some.found.map(({ path, source, version, not_used }) => [path, source, version, not_used]),
    [
      [old, "path", "2.0.1", `it is older than ${some.minimum}`],
      [dead, "path", null, "it does not run"],
      [known, "known place", "2.1.150", null],
    ],
  );

  const installed = fakeCli(
    `${world.executorHome}/agents/claude/${CLAUDE_VERSION}`,
    "echo 2.1.197",
  );
  const shown = await world.run(["agents"], { ...SHORT_PATH, ...env });
  assertStringIncludes(shown.stdout, "in use");
  const more = await claudeIn(world, env);
  assertEquals(more.used, installed);
  assertEquals(
    more.found.find(({ path }) => path === known)?.not_used,
    "another one comes before it",
  );

  const refused = await claudeIn(world, { ...env, CLAUDE_BINARY: old });
  assertEquals([refused.used, refused.found[0]?.source], [null, "explicit path"]);
  assertStringIncludes(refused.error ?? "", `is version 2.0.1; ${refused.minimum} is needed`);
  const real = await claudeBinary();
  assertEquals((await claudeIn(world, { ...env, CLAUDE_BINARY: real })).used, real);
});

Deno.test("agents shows Codex where it lies and uses the program behind the link", async () => {
  await using world = await createWorld({ claude: false });
  const real = await Deno.realPath(await codexBinary());
  Deno.mkdirSync(`${world.home}/.local/bin`, { recursive: true });
  Deno.symlinkSync(real, `${world.home}/.local/bin/codex`);
  const old = fakeCli(`${world.root}/old`, "echo codex-cli 0.100.0", "codex");
  const { stdout } = await world.run(["agents", "--json"], {
    ...SHORT_PATH,
    PATH: `${world.root}/old:/usr/bin:/bin`,
  });
  const codex = (JSON.parse(stdout) as Listed).agents.find(({ name }) => name === "codex");
  assert(codex);
  assertEquals(codex.used, real);
  assertEquals(codex.found.map(({ path, version, not_used }) => [path, version, not_used]), [
    [old, "0.100.0", `it is older than ${codex.minimum}`],
    [`${world.home}/.local/bin/codex`, CODEX_VERSION, null],
  ]);
});

Deno.test("agents asks the login shell for its PATH, and waits three seconds for one that hangs", async () => {
  await using world = await createWorld({ claude: false });
  const managed = fakeCli(`${world.root}/managed`, "echo 2.1.160");
  const shell = fakeCli(
    world.root,
    `echo noise; PATH="${world.root}/managed:$PATH"; export PATH\n[ "$1" = -lc ] && exec sh -c "$2"`,
    "shell",
  );
  const found = await claudeIn(world, { SHELL: shell });
  assertEquals(found.found.map(({ path, source }) => [path, source]), [[managed, "login shell"]]);
  assertEquals(found.used, managed);

  const hanging = fakeCli(world.root, "exec sleep 60", "hanging");
  const started = performance.now();
  assertEquals((await claudeIn(world, { SHELL: hanging })).found, []);
  assert(performance.now() - started < 20_000, "bounded");
});

Deno.test("agents install refuses a package with another hash and leaves nothing behind", async () => {
  await using world = await createWorld({ claude: false });
  const integrity = claudePackage()?.integrity;
  await using registry = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => {
      if (new URL(request.url).pathname === "/package.tgz") return new Response("not the package");
      const { origin } = new URL(request.url);
      return Response.json({ dist: { tarball: `${origin}/package.tgz`, integrity } });
    },
  );
  // Not NPM_CONFIG_REGISTRY: when the program runs from source that is Deno's registry as well.
  fakeCli(world.bin, `echo http://127.0.0.1:${registry.addr.port}`, "npm");
  const env = { ...SHORT_PATH, PATH: `${world.bin}:/usr/bin:/bin`, NPM_CONFIG_REGISTRY: "" };
  const { code, stderr } = await world.run(["agents", "install", "claude"], env);
  assertEquals(code, 1);
  assertStringIncludes(stderr, "the download has another hash");
  const left = [...Deno.readDirSync(`${world.executorHome}/agents/claude`)].map((e) => e.name);
  assertEquals(left.filter((name) => name !== "install.lock"), []);

  const unknown = await world.run(["agents", "install", "gemini"], env);
  assertEquals(unknown.code, 2);
  assertStringIncludes(unknown.stderr, "the agents are claude, codex");
});

Deno.test("a turn whose agent is missing tells how its installation comes on, and why it failed", async () => {
  const integrity = claudePackage()?.integrity;
  const piece = new Uint8Array(100_000);
  await using registry = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => {
      const { origin, pathname } = new URL(request.url);
      if (pathname !== "/package.tgz") {
        return Response.json({ dist: { tarball: `${origin}/package.tgz`, integrity } });
      }
      const body = new ReadableStream({
        async start(controller) {
          for (let i = 0; i < 10; i++) {
            controller.enqueue(piece);
            await new Promise((resolve) => setTimeout(resolve, 50));
          }
          controller.close();
        },
      });
      return new Response(body, { headers: { "content-length": String(10 * piece.length) } });
    },
  );
  const env = { ...SHORT_PATH, CLAUDE_BINARY: "", NPM_CONFIG_REGISTRY: "" };
  await withDevice({ env }, async ({ world, backend, request, startDaemon, daemon }) => {
    daemon.signal("SIGTERM");
    await daemon.exited(LONG);
    // The program's own `npm` tells the registry; Deno's is set up by a variable we leave alone.
    fakeCli(world.bin, `echo http://127.0.0.1:${registry.addr.port}`, "npm");
    await Deno.remove(`${world.bin}/claude`);
    await startDaemon({ PATH: `${world.bin}:/usr/bin:/bin` });
    const turn = request(script(say("never")));
    backend.execute(turn);
    const done = await backend.waitTerminal(turn.subtask_id, LONG);
    assertStringIncludes(done.error ?? "", "the download has another hash");
    const notes = backend.eventsOf(turn.subtask_id)
      .filter(({ event }) => event === "response.reasoning_summary_text.delta")
      .map(({ data }) => String(data?.["delta"]));
    const percents = notes.map((note) =>
      Number(/^Installing the Claude Code CLI \(1 MB\): (\d+) %\n$/.exec(note)?.[1])
    );
    assert(percents.length > 2, notes.join(""));
    assertEquals(percents, percents.toSorted((a, b) => a - b));
    assertEquals(percents.at(-1), 100);
  });
});
