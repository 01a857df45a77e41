/** Start, stop, locks and the command line of the daemon. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { callTool, say, script, startModel } from "../support/model.ts";
import { executionRequest, startStubBackend, STUB_TOKEN } from "../support/stub_backend.ts";
import { createWorld } from "../support/world.ts";
import { LONG, markedPids, until, withDevice, workdirOf } from "./fixture.ts";

Deno.test("SIGTERM of an idle device leaves no process and removes its socket", () =>
  withDevice({}, async ({ daemon, world }) => {
    daemon.signal("SIGTERM");
    assertEquals((await daemon.exited(LONG)).code, 0);
    assertEquals(world.processes(), []);
    const left = [...Deno.readDirSync(`${world.executorHome}/run`)].map((e) => e.name).sort();
    assertEquals(left, ["daemon.lock", "directories.db", "hosts", "requests.key"]);
  }));

Deno.test("SIGTERM with an idle agent and with a running one leaves no process and one terminal event", () =>
  withDevice({}, async ({ backend, daemon, request, world }) => {
    Deno.mkdirSync(world.executorHome, { recursive: true });
    const idle = request(script(say("ready")));
    backend.execute(idle);
    await backend.waitTerminal(idle.subtask_id, LONG);
    const busy = request(
      script(callTool("Bash", { command: "touch started; sleep 300", description: "d" })),
    );
    backend.execute(busy);
    await until(() => {
      try {
        return Deno.statSync(`${workdirOf(world, busy.task_id)}/started`).isFile;
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return false;
        throw error;
      }
    }, "the tool's start");
    daemon.signal("SIGTERM");
    await daemon.waitForLine("Stopping", LONG);
    // The second signal ends the grace of ten seconds.
    daemon.signal("SIGTERM");
    assertEquals((await daemon.exited(8000)).code, 0);
    const turn = backend.turns.get(busy.subtask_id)!;
    assertEquals(turn.terminals.map((t) => t.event), ["error"]);
    assertMatch(turn.error, /device was stopped/);
    await until(() => world.processes().length === 0, "no process of ours");
    assertEquals(markedPids(world), []);
  }));

Deno.test("a second daemon on the same home refuses and names the first one's pid", () =>
  withDevice({}, async ({ daemon, backend, world }) => {
    const second = await world.run(["start"], {
      WEGENT_BACKEND_URL: backend.url,
      WEGENT_AUTH_TOKEN: "x",
    });
    assertEquals(second.code, 75);
    assertStringIncludes(second.stderr, `pid ${daemon.pid}`);
    assertEquals(daemon.status, undefined);
  }));

Deno.test("a stale lock whose pid belongs to another process by now is recovered", () =>
  withDevice({}, async ({ daemon, startDaemon, world }) => {
    daemon.signal("SIGKILL");
    await daemon.exited(LONG);
    // Our own pid: a live process that is no daemon.
    Deno.writeTextFileSync(`${world.executorHome}/run/daemon.lock`, `${Deno.pid}\n`);
    const next = await startDaemon();
    assertStringIncludes(
      Deno.readTextFileSync(`${world.executorHome}/run/daemon.lock`),
      String(next.pid),
    );
  }));

Deno.test("status, stop and config talk about the running device", () =>
  withDevice({}, async ({ daemon, world, backend }) => {
    const status = await world.run(["status"]);
    assertEquals(status.code, 0, status.stderr);
    assertStringIncludes(status.stdout, "🟢 registered");
    assertStringIncludes(status.stdout, "0/5 slots in use");
    const json = JSON.parse((await world.run(["status", "--json"])).stdout);
    assertEquals([json.pid, json.server], [daemon.pid, backend.url]);
    const config = await world.run(["config", "get", "connection.auth_token"]);
    assertEquals(config.stdout, "***\n");
    const file = JSON.parse(Deno.readTextFileSync(`${world.executorHome}/device-config.json`));
    assertEquals(file.connection.backend_url, backend.url);
    assertEquals(
      (Deno.statSync(`${world.executorHome}/device-config.json`).mode ?? 0) & 0o777,
      0o600,
    );
    const stop = await world.run(["stop"]);
    assertEquals(stop.code, 0, stop.stderr);
    assertEquals((await daemon.exited(LONG)).code, 0);
    assertEquals((await world.run(["status"])).code, 1);
    assertEquals(world.processes(), []);
  }));

Deno.test("restart keeps the pid, registers again and reads the configuration anew", () =>
  withDevice({}, async ({ daemon, backend, world }) => {
    await world.run(["config", "set", "max_concurrent_tasks", "2"]);
    const restart = await world.run(["restart"]);
    assertEquals(restart.code, 0, restart.stderr);
    await backend.waitDevice(LONG, 2);
    const json = JSON.parse((await world.run(["status", "--json"])).stdout);
    assertEquals([json.pid, json.worker.slots.max], [daemon.pid, 2]);
    assertEquals(daemon.status, undefined);
  }));

Deno.test("the command line refuses what it does not know, with a suggestion", async () => {
  await using world = await createWorld({ claude: false });
  const flag = await world.run(["--modde", "local"]);
  assertEquals(flag.code, 2);
  assertStringIncludes(flag.stderr, 'Did you mean "--mode"');
  const command = await world.run(["statsu"]);
  assertEquals(command.code, 2);
  assertStringIncludes(command.stderr, 'Did you mean "status"');
  assertEquals((await world.run(["--mode", "docker"])).code, 2);
});

Deno.test("each command answers --help, example first", async () => {
  await using world = await createWorld({ claude: false });
  const commands = [
    "start",
    "hub",
    "up",
    "try",
    "status",
    "stop",
    "restart",
    "permissions",
    "config",
  ];
  for (const command of [...commands, "version"]) {
    const { code, stdout } = await world.run([command, "--help"]);
    assertEquals(code, 0, command);
    assert(/^ {2}.*wegent-executor/.test(stdout), `${command}: ${stdout.slice(0, 80)}`);
  }
  assertMatch((await world.run(["--version"])).stdout, /^\d+\.\d+\.\d+\n$/);
});

Deno.test("a first start without a server is exit 78 and names three ways to give one", async () => {
  await using world = await createWorld({ claude: false });
  const { code, stderr } = await world.run(["start"]);
  assertEquals(code, 78);
  for (const way of ["WEGENT_BACKEND_URL", "config path", "wegent-executor up"]) {
    assertStringIncludes(stderr, way);
  }
  assert(Deno.statSync(`${world.executorHome}/device-config.json`).isFile);
});

Deno.test("--token takes the credential for one run, warns about argv and is never written", () =>
  withDevice({}, async ({ daemon, backend, world }) => {
    daemon.signal("SIGTERM");
    await daemon.exited(LONG);
    const program = world.start(["--mode", "local", "--token", "Bearer wg-stub-token"], {
      WEGENT_BACKEND_URL: backend.url,
      WEGENT_AUTH_TOKEN: "wrong-token-in-environment",
    });
    await backend.waitDevice(LONG, 2);
    assertMatch(program.output("stderr"), /can be read by others/);
    // It is carried over a restart, still without being written.
    assertEquals((await world.run(["restart"])).code, 0);
    await backend.waitDevice(LONG, 3);
    const file = Deno.readTextFileSync(`${world.executorHome}/device-config.json`);
    assertEquals(file.match(/stub-token/g)?.length, 1, "the first start's environment only");
  }));

Deno.test("a home whose path is too long for a socket works, and leaves nothing behind", async () => {
  await using model = await startModel();
  await using backend = await startStubBackend({ syncCapabilities: false });
  await using world = await createWorld();
  const home = `${world.home}/${"long".repeat(30)}`;
  const before = shortDirs();
  const program = world.start(["start"], {
    WEGENT_EXECUTOR_HOME: home,
    WEGENT_BACKEND_URL: backend.url,
    WEGENT_AUTH_TOKEN: STUB_TOKEN,
  });
  await backend.waitDevice(LONG);
  const turn = executionRequest({ prompt: script(say("far")), model: { baseUrl: model.url } });
  backend.execute(turn);
  const done = await backend.waitTerminal(turn.subtask_id, LONG);
  assertEquals([done.status, done.finalText], ["COMPLETED", "far"], done.error);
  assertEquals((await world.run(["status"], { WEGENT_EXECUTOR_HOME: home })).code, 0);
  program.signal("SIGTERM");
  assertEquals((await program.exited(LONG)).code, 0);
  assertEquals(shortDirs().filter((name) => !before.includes(name)), []);
});

/** Directories for sockets of homes with long paths. */
function shortDirs(): string[] {
  return [...Deno.readDirSync("/tmp")].map((e) => e.name).filter((n) => /^wegent-\d+-/.test(n));
}
