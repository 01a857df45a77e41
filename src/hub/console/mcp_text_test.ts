import { assertEquals, assertThrows } from "../../../tests/support/assert.ts";
import { EMPTY_FORM, formOf, parsedJson, serverOf, serverText } from "./mcp_text.ts";

const STDIO = {
  type: "stdio" as const,
  command: "npx",
  args: ["-y", "a b", "--x=1"],
  env: { TOKEN: "a=b", EMPTY: "" },
};
const REMOTE = {
  type: "sse" as const,
  url: "https://x.example/mcp",
  headers: { Authorization: "Bearer a:b" },
};

Deno.test("a server becomes a form and the same server again", () => {
  for (const server of [STDIO, REMOTE]) {
    assertEquals<object>(serverOf(formOf("n", server)), server);
  }
  assertEquals(serverText(STDIO), "npx -y a b --x=1");
  assertEquals(serverText(REMOTE), "https://x.example/mcp");
});

Deno.test("serverOf() takes lines as they are typed and says when one has no name", () => {
  const form = { ...EMPTY_FORM, command: " node ", args: "\n-a\n\n b \n", env: "\n A = 1 \n" };
  assertEquals(serverOf(form), {
    type: "stdio",
    command: "node",
    args: ["-a", " b "],
    env: { A: "1" },
  });
  for (const env of ["A", "=1"]) {
    assertThrows(() => serverOf({ ...form, env }), Error, "NAME=VALUE");
  }
  const remote = { ...EMPTY_FORM, type: "http" as const, headers: "nothing" };
  assertThrows(() => serverOf(remote), Error, "NAME:VALUE");
});

Deno.test("parsedJson() explains what is no server", () => {
  assertEquals(parsedJson('{"a": {}}'), { a: {} });
  assertThrows(() => parsedJson("{a"), Error, "This is no JSON");
  for (const text of ["[]", "5", "null"]) assertThrows(() => parsedJson(text), Error, "an object");
});
