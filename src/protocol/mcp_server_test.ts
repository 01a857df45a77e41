import { assertEquals, assertStringIncludes } from "../../tests/support/assert.ts";
import { addMcpServers, MAX_MCP_UNITS, mcpServer } from "./mcp_server.ts";

const STDIO = { type: "stdio", command: "npx", args: ["-y", "server"], env: { TOKEN: "x" } };

Deno.test("addMcpServers takes the usual file, its inner part, and one server with a name", () => {
  const plain = { command: "npx", args: ["-y", "server"], env: { TOKEN: "x" }, timeout: 5 };
  const wanted = { github: { server: STDIO, enabled: true } };
  assertEquals<unknown>(addMcpServers.parse({ mcpServers: { github: plain } }), wanted);
  assertEquals<unknown>(addMcpServers.parse({ github: plain }), wanted);
  assertEquals<unknown>(addMcpServers.parse({ name: "github", ...plain }), wanted);
  const off = addMcpServers.parse({ a: { url: "https://x.example", disabled: true } });
  assertEquals<unknown>(off, {
    a: { server: { type: "http", url: "https://x.example", headers: {} }, enabled: false },
  });
});

Deno.test("mcpServer knows the kinds by their members and by other programs' words", () => {
  const url = "https://mcp.example/mcp";
  assertEquals(mcpServer.parse({ type: "streamable-http", url }).type, "http");
  assertEquals(mcpServer.parse({ transport: "sse", url, headers: null }).type, "sse");
  assertEquals(mcpServer.parse({ command: "x", env: null, args: null }), {
    type: "stdio",
    command: "x",
    args: [],
    env: {},
  });
});

Deno.test("addMcpServers says what is wrong and where", () => {
  const refused = (value: unknown) => {
    const { error } = addMcpServers.safeParse(value);
    return error ? `${error.issues[0]?.path.join(".")} ${error.issues[0]?.message}` : "taken";
  };
  assertStringIncludes(refused({ "a b": STDIO }), "a name has");
  assertStringIncludes(refused({ ["x".repeat(65)]: STDIO }), "a name has");
  assertStringIncludes(refused({}), "no server");
  assertStringIncludes(refused([]), "");
  assertStringIncludes(refused({ a: {} }), "a.url");
  assertStringIncludes(refused({ a: { type: "carrier" } }), "needs a command, or");
  assertStringIncludes(refused({ a: { command: " " } }), "a.command must not be blank");
  assertStringIncludes(refused({ a: { command: 5 } }), "a.command");
  assertStringIncludes(refused({ a: { command: "x", args: [5] } }), "a.args.0");
  assertStringIncludes(refused({ a: { command: "x", env: { "1A": "" } } }), "name of a variable");
  assertStringIncludes(refused({ a: { command: "x\0" } }), "NUL");
  assertStringIncludes(refused({ a: { url: "file:///etc" } }), "http(s) URL");
  assertStringIncludes(refused({ a: { url: "https://x", headers: { "a b": "" } } }), "header");
  assertStringIncludes(refused({ a: { url: "https://x", headers: { a: "b\r\nc" } } }), "one line");
  const args = Array(3).fill("x".repeat(MAX_MCP_UNITS / 3));
  assertStringIncludes(refused({ a: { command: "x", args } }), "longer than");
});
