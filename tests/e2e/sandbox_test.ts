/** What an agent cannot do, told to do it by the model; and what the device worker cannot do. */
import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { callTool, say, script } from "../support/model.ts";
import { type DeviceFixture, LONG, withDevice } from "./fixture.ts";

/** Lets the agent run `command` and returns what the tool said. */
async function runInAgent(fixture: DeviceFixture, command: string): Promise<string> {
  const { backend, request } = fixture;
  const turn = request(script(callTool("Bash", { command, description: "d" }), say("done")));
  backend.execute(turn);
  const done = await backend.waitTerminal(turn.subtask_id, LONG);
  assertEquals(done.status, "COMPLETED", done.error);
  return [...done.tools.values()][0]?.output ?? "";
}

function isMissing(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return false;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return true;
    throw error;
  }
}

Deno.test("an agent that is told to write outside its directory gets Permission denied", () =>
  withDevice({}, async (fixture) => {
    const { world } = fixture;
    const outside = `${world.root}/outside`;
    Deno.mkdirSync(outside, { mode: 0o777 });
    const output = await runInAgent(
      fixture,
      [
        `echo x > ${outside}/absolute`,
        `ln -s ${outside} link && echo x > link/symlink`,
        `sh -c 'sh -c "echo x > ${outside}/grandchild"'`,
        `setsid sh -c 'echo x > ${outside}/setsid'`,
        `echo x > inside && cat inside`,
      ].join("\n"),
    );
    assertEquals(output.match(/Permission denied/g)?.length, 4, output);
    assertStringIncludes(output, "x");
    assertEquals([...Deno.readDirSync(outside)], []);
  }));

Deno.test("an agent cannot read our configuration, signal the daemon or use our sockets", () =>
  withDevice({}, async (fixture) => {
    const { world, daemon, backend } = fixture;
    const home = world.executorHome;
    const output = await runInAgent(
      fixture,
      [
        `cat ${home}/device-config.json`,
        `cat ${home}/run/control.secret`,
        `cat ${home}/run/hosts/*/secret`,
        `ls ${home}/state/runs/*/ && cat ${home}/state/runs/*/journal.ndjson`,
        `kill -0 ${daemon.pid} && echo SIGNALLED`,
        `tr '\\0' '\\n' < /proc/${daemon.pid}/environ | grep WEGENT_AUTH`,
        `env | grep -i wegent_auth`,
        "grep CapEff /proc/self/status",
        `echo end`,
      ].join("\n"),
    );
    assertStringIncludes(output, "end");
    assertEquals(output.includes("SIGNALLED"), false, output);
    assertEquals(output.includes("wg-stub-token"), false, output);
    assertEquals(output.includes('"s":1'), false, output);
    assertStringIncludes(output, "0000000000000000");
    assert((output.match(/Permission denied/g)?.length ?? 0) >= 4, output);
    assertEquals(daemon.status, undefined);
    assertEquals(backend.device()?.registrations.length, 1);
  }));

Deno.test("the control socket refuses whoever has not the secret", () =>
  withDevice({}, async ({ world, daemon }) => {
    const conn = await Deno.connect({
      transport: "unix",
      path: `${world.executorHome}/run/control.sock`,
    });
    const line = JSON.stringify({ secret: "0".repeat(64), cmd: "stop" }) + "\n";
    await conn.write(new TextEncoder().encode(line));
    const buffer = new Uint8Array(4096);
    const n = await conn.read(buffer) ?? 0;
    conn.close();
    assertStringIncludes(new TextDecoder().decode(buffer.subarray(0, n)), "forbidden");
    await new Promise((resolve) => setTimeout(resolve, 300));
    assertEquals(daemon.status, undefined);
  }));

Deno.test("the live device worker cannot do what a hole in it would try first", () =>
  withDevice({}, async ({ world }) => {
    const { code, stdout, stderr } = await world.run(["selfcheck", "--json"]);
    assertEquals(code, 0, stderr);
    const rows = JSON.parse(stdout) as { attempt: string; outcome: string; detail: string }[];
    assertEquals(Object.fromEntries(rows.map((r) => [r.attempt, r.outcome])), {
      "read config": "NotCapable",
      "write config": "NotCapable",
      "read home": "NotCapable",
      "read /etc/passwd": "NotCapable",
      "read environment": "NotCapable",
      "spawn": "NotCapable",
      "dlopen": "NotCapable",
      "other port": "NotCapable",
      "attach SQLite outside": "NotCapable",
      "write own state": "allowed",
    }, stdout);
    assert(isMissing(`${world.home}/selfcheck-outside.sqlite`));
  }));

Deno.test("permissions shows each fence and whether it is active", () =>
  withDevice({}, async ({ world, backend }) => {
    const { stdout } = await world.run(["permissions", "--json"]);
    const shown = JSON.parse(stdout);
    assertEquals(shown.sandbox.active, true);
    assertEquals(shown.worker.permissions.run, false);
    assertEquals(shown.worker.permissions.net, [new URL(backend.url).host]);
    assertEquals(shown.roots[0], world.workspace);
    assertStringIncludes(
      (await world.run(["permissions"])).stdout,
      "(operating system's sandbox): active",
    );
  }));

Deno.test("sandbox.mode off is said everywhere and really off", () =>
  withDevice({ env: { WEGENT_EXECUTOR_SANDBOX: "off" } }, async (fixture) => {
    const { world, backend } = fixture;
    const path = `${world.root}/unfenced`;
    await runInAgent(fixture, `echo x > ${path}`);
    assertEquals(Deno.readTextFileSync(path), "x\n");
    assertEquals(backend.device()?.registrations[0]?.payload["sandbox"], "none");
    assertStringIncludes((await world.run(["status"])).stdout, "NOT active");
  }));
