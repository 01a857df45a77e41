/** The MCP servers a repository brings along are started only where its owner trusts the directory. */
import { exists } from "../../src/platform/mod.ts";
import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { stdioServer } from "../support/mcp_server.ts";
import { say, script } from "../support/model.ts";
import { type DeviceFixture, withDevice } from "./fixture.ts";
import { turnIn } from "./workdir_turn.ts";

async function withRepository(
  test: (fixture: DeviceFixture, dir: string) => Promise<void>,
): Promise<void> {
  await withDevice({ env: { LOCAL_WORKDIR_ALLOWED_ROOTS: "~/Projects" } }, async (fixture) => {
    const dir = `${fixture.world.home}/Projects/app`;
    Deno.mkdirSync(dir, { recursive: true });
    // What starts it has left a trace.
    const server = stdioServer();
    const start = `touch "${dir}/started"; exec "$@"`;
    const command = ["-c", start, "sh", server.command, ...server.args];
    Deno.writeTextFileSync(
      `${dir}/.mcp.json`,
      JSON.stringify({ mcpServers: { own: { command: "sh", args: command, env: server.env } } }),
    );
    await test(fixture, dir);
  });
}

const CALL = script(
  { tools: [{ name: "mcp__own__echo", input: { text: "hello" } }] },
  say("done"),
);

Deno.test("an .mcp.json is started only in a directory that is trusted", () =>
  withRepository(async (fixture, dir) => {
    const { world } = fixture;
    const before = await turnIn(fixture, { workdir: dir }, { prompt: CALL });
    assertStringIncludes(before.output, "No such tool available");
    assert(!exists(`${dir}/started`));
    const trusted = await world.run(["roots", "trust", "~/Projects/app"]);
    assertEquals(trusted.code, 0, trusted.stderr);
    assertStringIncludes((await world.run(["roots", "list"])).stdout, "trusted");
    const after = await turnIn(fixture, { workdir: dir }, { prompt: CALL });
    assertEquals([after.output, after.notices], ["echo hello", ""], after.error);
    assert(exists(`${dir}/started`));
    Deno.removeSync(`${dir}/started`);
    assertEquals((await world.run(["roots", "untrust", dir])).code, 0);
    const again = await turnIn(fixture, { workdir: dir }, { prompt: CALL });
    assertStringIncludes(again.output, "No such tool available");
    assertEquals((await world.run(["roots", "untrust", dir])).code, 1);
  }));

Deno.test("a trusted .mcp.json that cannot be read is told and hinders nothing", () =>
  withRepository(async (fixture, dir) => {
    await fixture.world.run(["roots", "trust", dir]);
    Deno.writeTextFileSync(`${dir}/.mcp.json`, '{"mcpServers": []}');
    const turn = await turnIn(fixture, { workdir: dir }, { prompt: script(say("done")) });
    assertEquals(turn.status, "COMPLETED", turn.error);
    assertStringIncludes(turn.notices, "The MCP servers of .mcp.json are left out");
  }));
