/** MCP servers in the settings: kept, shown without secrets, sent to the device. */
import { assert, assertEquals } from "../../tests/support/assert.ts";
import { HubFixture, StubRun, type Wire } from "../../tests/support/hub_fixture.ts";
import { maskedServer, unmaskedServer } from "./mcp_mask.ts";

const STDIO = {
  command: "npx",
  args: ["-y", "server-x", "--api-key", "sk-arg-4711", "--token=tok-4712", "--level", "debug"],
  env: { GITHUB_TOKEN: "ghp-secret-4713", LEVEL: "debug", EMPTY: "" },
};
const REMOTE = {
  type: "http" as const,
  url: "https://ann:pw-4714@mcp.example/mcp?key=q-4715&x=",
  headers: { Authorization: "Bearer h-4716" },
};

async function world(hub: HubFixture) {
  const { token, key } = await hub.user("ann");
  const device = await hub.device(key, "dev-1");
  const page = await hub.browser(token);
  const call = (method: string, path = "", body?: unknown) =>
    hub.call(method, `/api/mcp-servers${path}`, token, body);
  return { token, device, page, call };
}

Deno.test("MCP servers are added from the usual file, listed without secrets, and sent to both agents", async () => {
  await using hub = await HubFixture.start();
  const { device, page, call } = await world(hub);
  const added = await call("POST", "", {
    mcpServers: { github: STDIO, docs: REMOTE, off: { ...REMOTE, disabled: true } },
  });
  assertEquals(added.status, 201);
  const shown = await call("GET");
  assertEquals(shown.body, { items: added.body.items, total: 3 });
  assertEquals(shown.body.items, [
    {
      name: "github",
      enabled: true,
      server: {
        type: "stdio",
        command: "npx",
        args: ["-y", "server-x", "--api-key", "***", "--token=***", "--level", "debug"],
        env: { GITHUB_TOKEN: "***", LEVEL: "***", EMPTY: "" },
      },
    },
    {
      name: "docs",
      enabled: true,
      server: {
        type: "http",
        url: "https://***@mcp.example/mcp?key=***&x=",
        headers: { Authorization: "***" },
      },
    },
    { ...shown.body.items[1], name: "off", enabled: false },
  ]);
  assert(
    !JSON.stringify(hub.server.core.store.db.all("SELECT * FROM mcp_servers")).includes("471"),
  );
  const wanted = [{ name: "github", type: "stdio", ...STDIO }, { name: "docs", ...REMOTE }];
  for (const agent of ["claude", "codex"]) {
    await page.ask("chat:send", { message: agent, agent });
    const request = await device.event("task:execute", (r) => r.prompt === agent);
    assertEquals(request.bot[0].mcp_servers, wanted);
    await new StubRun(device, request).complete("ok");
  }
});

Deno.test("an edited MCP server keeps the secrets it was not shown with", async () => {
  await using hub = await HubFixture.start();
  const { call } = await world(hub);
  await call("POST", "", { name: "github", ...STDIO });
  const stored = () => {
    const [server] = hub.server.core.mcpServers.forRequest(2);
    return server as Wire;
  };
  const { server } = (await call("GET")).body.items[0];
  // Moved, renamed and changed; what is shown as hidden stays.
  const args = ["--verbose", ...server.args.slice(0, 4), "--token=***", "--level", "info"];
  const env = { ...server.env, LEVEL: "info", MORE: "x" };
  const put = await call("PUT", "/github", { name: "hub", server: { ...server, args, env } });
  assertEquals(put.status, 200);
  assertEquals([stored().name, stored().args, stored().env], [
    "hub",
    [
      "--verbose",
      "-y",
      "server-x",
      "--api-key",
      "sk-arg-4711",
      "--token=tok-4712",
      "--level",
      "info",
    ],
    { GITHUB_TOKEN: "ghp-secret-4713", LEVEL: "info", EMPTY: "", MORE: "x" },
  ]);
  const before = stored();
  for (
    const hidden of [
      { ...server, env: { OTHER: "***" } },
      { ...server, args: ["--token=***", "--token=***"] },
      { type: "http", url: "https://***@other.example" },
      { type: "http", url: "https://other.example", headers: { Authorization: "***" } },
    ]
  ) {
    const refused = await call("PUT", "/hub", { server: hidden });
    assertEquals(refused.status, 400, JSON.stringify(hidden));
    assert(refused.body.detail.includes("again: it is hidden here"), refused.body.detail);
  }
  assertEquals(stored(), before);
});

Deno.test("an MCP server is switched off and on, removed, and is its owner's alone", async () => {
  await using hub = await HubFixture.start();
  const { call, device, page } = await world(hub);
  await call("POST", "", { name: "a", ...REMOTE });
  const off = await call("PUT", "/a/enabled", { enabled: false });
  assertEquals(off.body.items[0].enabled, false);
  await page.ask("chat:send", { message: "x" });
  assertEquals((await device.event("task:execute")).bot[0].mcp_servers, []);
  assertEquals((await call("PUT", "/a/enabled", { enabled: true })).body.items[0].enabled, true);
  const taken = await call("POST", "", { a: REMOTE, b: REMOTE });
  assertEquals([taken.status, taken.body.detail], [409, 'There is an MCP server "a" already']);
  assertEquals((await call("GET")).body.total, 1);
  const bob = (await hub.user("bob")).token;
  assertEquals((await hub.call("GET", "/api/mcp-servers", bob)).body.total, 0);
  for (const [method, path] of [["DELETE", "/a"], ["PUT", "/a/enabled"]] as const) {
    const answer = await hub.call(method, `/api/mcp-servers${path}`, bob, { enabled: false });
    assertEquals([answer.status, answer.body.detail], [404, 'MCP server "a" not found']);
  }
  assertEquals((await hub.call("POST", "/api/mcp-servers", bob, { a: REMOTE })).status, 201);
  assertEquals((await call("DELETE", "/a")).status, 204);
  assertEquals((await call("DELETE", "/a")).status, 404);
  assertEquals((await call("GET")).body.total, 0);
});

Deno.test("MCP servers are bounded in number and size, and checked", async () => {
  await using hub = await HubFixture.start();
  const { call } = await world(hub);
  const many = Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`s${i}`, REMOTE]));
  const refused = await call("POST", "", many);
  assertEquals([refused.status, refused.body.detail], [409, "There can be at most 32 servers"]);
  assertEquals((await call("GET")).body.total, 0);
  const { s0: _, ...fits } = many;
  assertEquals((await call("POST", "", fits)).status, 201);
  const { db } = hub.server.core.store;
  const insert =
    "INSERT INTO mcp_servers (user_id, name, enabled, server_sealed, updated_at) VALUES ";
  let fault = "";
  try {
    db.run(`${insert} (2, 'z', 1, x'00', '')`);
  } catch (error) {
    fault = String(error);
  }
  assert(fault.includes("at most 32"), fault);
  const wrong = await call("PUT", "/s1", { server: { type: "stdio" } });
  assertEquals([wrong.status, wrong.body.errors[0].loc.at(-1)], [422, "command"]);
  assertEquals((await call("POST", "", { "a b": REMOTE })).status, 422);
});

Deno.test("a server that cannot be read any more is listed, replaced, and fails the turn in plain words", async () => {
  await using hub = await HubFixture.start();
  const { call, page } = await world(hub);
  await call("POST", "", { name: "a", ...REMOTE });
  hub.server.core.store.db.run("UPDATE mcp_servers SET server_sealed = x'00112233'");
  assertEquals((await call("GET")).body.items, [{ name: "a", enabled: true, server: null }]);
  await page.ask("chat:send", { message: "x" });
  assert((await page.event("chat:error")).error.includes("cannot be read"));
  assertEquals((await call("PUT", "/a", { server: REMOTE })).body.items[0].server.type, "http");
});

Deno.test("maskedServer() hides keys in arguments wherever they stand and leaves the rest readable", () => {
  const shown = (...args: string[]) => {
    const server = maskedServer({ type: "stdio", command: "x", args, env: {} });
    return server.type === "stdio" ? server.args : [];
  };
  assertEquals(shown("@scope/server-name", "/srv/data", "--port", "8080"), [
    "@scope/server-name",
    "/srv/data",
    "--port",
    "8080",
  ]);
  assertEquals(shown("postgres://u:pw@db/x?sslkey=abc"), ["postgres://***@db/x?sslkey=***"]);
  assertEquals(shown("--url=https://u:pw@x", "sk-proj-0123456789abcdefgh"), [
    "--url=https://***@x",
    "***",
  ]);
  const two = {
    type: "stdio" as const,
    command: "x",
    args: ["--a-key", "1", "--b-key", "2"],
    env: {},
  };
  assertEquals(unmaskedServer(maskedServer(two), two), two);
});
