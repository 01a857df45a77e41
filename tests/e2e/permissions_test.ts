/** What `permissions` says, and that its flags hold: for `deno run`, and baked into an executable. */
import { dirname, join } from "../../src/platform/std/path.ts";
import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { claudeBinary } from "../support/claude_cli.ts";
import { callTool, say, script, startModel } from "../support/model.ts";
import { executionRequest, startStubBackend, STUB_TOKEN } from "../support/stub_backend.ts";
import { createWorld, PROJECT, type World } from "../support/world.ts";
import { LONG } from "./fixture.ts";

/** A world with a second root beside the workspace, in `LOCAL_WORKDIR_ALLOWED_ROOTS`. */
async function rootedWorld(name = "Projects"): Promise<{ world: World; root: string }> {
  const world = await createWorld();
  const root = join(world.home, name);
  await Deno.mkdir(root);
  return { world, root };
}

Deno.test("permissions lists what agents and commands really may do on this device", async () => {
  const { world, root } = await rootedWorld();
  await using _ = world;
  await Deno.mkdir(join(world.home, ".cache"));
  await Deno.mkdir(world.executorHome);
  await Deno.writeTextFile(
    join(world.executorHome, "device-config.json"),
    JSON.stringify({ sandbox: { preset: "strict", deny_read: ["~/private"], write: ["~/extra"] } }),
  );
  await Deno.mkdir(join(world.home, "extra"));
  const env = { LOCAL_WORKDIR_ALLOWED_ROOTS: `${root},relative` };
  const { stdout, code } = await world.run(["permissions", "--json"], env);
  assertEquals(code, 0);
  const shown = JSON.parse(stdout);
  const { agent, command } = shown.sandbox;
  const [workspace, sessions] = [world.workspace, join(world.executorHome, "state/sessions")];
  const shared = [join(world.home, "extra"), join(world.home, ".cache")];
  assertEquals(agent.write, [`${workspace}/<task>`, `${sessions}/<task>`, ...shared]);
  assertEquals(
    command.write.toSorted(),
    [
      root,
      ...shared,
      `${sessions}/<task>/tmp`,
    ].toSorted(),
  );
  for (const path of [world.executorHome, join(world.home, "private"), join(world.home, ".ssh")]) {
    assert(agent.unreadable.includes(path), path);
  }
  assert(agent.but_readable.includes(workspace));
  assertEquals(shown.refused_roots.map(({ root }: { root: string }) => root), ["relative"]);
  assertEquals([shown.deno.kind, shown.deno.enforced], ["none", false]);
  assertEquals(shown.resolver.projects, "home");

  const text = (await world.run(["permissions"], env)).stdout;
  for (const path of [...agent.write, world.executorHome, root]) assertStringIncludes(text, path);
  assertStringIncludes(text, "does not stop: The network is open");
  assertStringIncludes(text, "not used: relative");
});

/** Starts our program from source with these words before `main.ts`, through a shell. */
async function shell(world: World, line: string, env: Record<string, string>) {
  const program = world.spawn(["sh", "-c", line], env);
  const { code } = await program.exited(LONG);
  return { code, stdout: program.output("stdout"), stderr: program.output("stderr") };
}

for (const [name, wrap] of [["Projects", ""], ["it's with blanks", "eval"]] as const) {
  Deno.test(`permissions --deno-flags is a line that deno run takes ("${name}")`, async () => {
    const { world, root } = await rootedWorld(name);
    await using _ = world;
    await Deno.mkdir(world.executorHome);
    await Deno.writeTextFile(
      join(world.executorHome, "device-config.json"),
      JSON.stringify({ workdir_allowed_roots: [root] }),
    );
    const { stdout: flags } = await world.run(["permissions", "--deno-flags"]);
    assertEquals(flags.trim().split("\n").length, 1);
    const lock = `--lock=${PROJECT}/deno.lock --config=${PROJECT}/deno.json --quiet`;
    const main = `${PROJECT}/main.ts permissions --json`;
    const line = wrap === "eval"
      ? `eval "${Deno.execPath()} run ${lock} $FLAGS ${main}"`
      : `${Deno.execPath()} run ${lock} $FLAGS ${main}`;
    const { stdout, stderr } = await shell(world, line, { FLAGS: flags.trim() });
    const shown = JSON.parse(stdout || JSON.stringify(stderr));
    assertEquals([shown.deno?.kind, shown.deno?.outside], ["given", []], stdout + stderr);
    assert(shown.roots.includes(root));
  });
}

/** Compiles an executable with roots; with the tool that brings Deno's base, where there is one. */
async function compileImage(world: World, args: readonly string[]): Promise<string> {
  const output = join(world.root, "image");
  const tool = join(PROJECT, "../shared/tools/denort");
  const here = await Deno.stat(tool).then(() => true, () => false);
  // The home of the image is the world's; the caches stay where they are.
  const npmCache = Deno.env.get("npm_config_cache") ?? join(Deno.env.get("HOME") ?? "/", ".npm");
  const env: Record<string, string> = {
    DENO_TLS_CA_STORE: "system,mozilla",
    HOME: world.home,
    DENO_DIR: world.denoDir,
    npm_config_cache: npmCache,
  };
  let command = [Deno.execPath()];
  if (here) {
    const base = await new Deno.Command(tool, { stderr: "inherit" }).output();
    env["DENORT_BIN"] = new TextDecoder().decode(base.stdout).trim();
    command = ["npx", "--yes", "deno@2.6.8"];
  }
  const [program = "", ...words] = [...command, "task", "compile", ...args, "--output", output];
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: words,
    cwd: PROJECT,
    env,
  })
    .output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assertEquals(code, 0, text(stdout) + text(stderr));
  return output;
}

Deno.test("an executable with roots baked in registers, works in them, and says so", async () => {
  await using model = await startModel();
  await using backend = await startStubBackend({ syncCapabilities: false });
  // Gone first, so that the device lets go of the server before that ends.
  const { world, root } = await rootedWorld();
  await using _ = world;
  const image = await compileImage(world, [
    "--roots",
    root,
    "--home",
    world.executorHome,
    "--read",
    dirname(await claudeBinary()),
  ]);
  // The roots come with the executable: nothing in the environment names them.
  const bare = { WEGENT_EXECUTOR_HOME: "", LOCAL_WORKDIR_ALLOWED_ROOTS: "" };

  const run = async (args: string[]) => {
    const program = world.spawn([image, ...args], bare);
    assertEquals((await program.exited(LONG)).code, 0, program.output("stderr"));
    return program.output("stdout");
  };
  assertEquals((await run(["version"])).trim(), (await world.run(["version"])).stdout.trim());
  const shown = JSON.parse(await run(["permissions", "--json"]));
  assertEquals([shown.deno.kind, shown.deno.outside], ["baked", []]);
  assert(shown.roots.includes(root) && shown.roots.includes(world.workspace));
  assertStringIncludes(await run(["permissions"]), "baked into this executable");

  const daemon = world.spawn([image, "start", "--verbose"], {
    ...bare,
    WEGENT_BACKEND_URL: backend.url,
    WEGENT_AUTH_TOKEN: STUB_TOKEN,
    CLAUDE_BINARY: await claudeBinary(),
  });
  await backend.waitDevice(LONG);
  const workdir = join(root, "p");
  await Deno.mkdir(workdir);
  const command = `pwd; echo x > inside; echo x > ${world.home}/outside`;
  const turn = executionRequest({
    prompt: script(callTool("Bash", { command, description: "d" }), say("done")),
    model: { baseUrl: model.url },
    fields: { workdir, workdir_policy: "existing" },
  });
  backend.execute(turn);
  const done = await backend.waitTerminal(turn.subtask_id, LONG);
  assertEquals(done.status, "COMPLETED", done.error + daemon.output("stderr"));
  const said = [...done.tools.values()][0]?.output ?? "";
  assertStringIncludes(said, workdir);
  assertStringIncludes(said, "Permission denied");
  assertEquals(Deno.readTextFileSync(join(workdir, "inside")), "x\n");

  // What the flags leave out, the executable refuses by itself.
  const wider = { ...bare, LOCAL_WORKDIR_ALLOWED_ROOTS: `${root},/srv` };
  const other = world.spawn([image, "permissions", "--json"], wider);
  await other.exited(LONG);
  assertEquals(JSON.parse(other.output("stdout")).deno.outside, ["/srv"]);
});
