/** Tools of the real Codex CLI that come from outside, and what it asks before it uses one. */
import { join } from "../../src/platform/std/path.ts";
import type { PersonAnswer, PersonQuestion } from "../../src/runtimes/runtime.ts";
import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { CodexHarness, golden } from "../support/codex_harness.ts";
import { HttpMcpServer, stdioServer } from "../support/mcp_server.ts";
import { processInfo } from "../support/processes.ts";
import { ResponsesModel, script } from "../support/responses_model.ts";

const bot = (servers: Record<string, unknown>) => ({ bot: [{ id: 1, mcp_servers: servers }] });
const call = (name: string, text: string, namespace = "mcp__test") => ({
  name,
  namespace,
  input: { text },
});
const TOOL = (id: string, name: string, output: string, status = "completed") => [
  ["output_item.added", id, name, null],
  ["function_call_arguments.delta", id],
  ["function_call_arguments.done", id],
  ["function_call_arguments.done", id],
  ["output_item.done", id, status, output],
];

Deno.test("a turn of Codex: tools of an MCP server over a pipe", async () => {
  await using model = await ResponsesModel.start();
  const request = bot({ test: stdioServer() });
  await using harness = await CodexHarness.create({ modelUrl: model.url, request });
  await harness.start();
  const turn = harness.turn(script(
    { tools: [call("echo", "a")] },
    { tools: [call("fail", "b")] },
    { text: "Done." },
  ));
  const outcome = await turn.outcome();
  assertEquals(outcome.kind, "completed");
  assertEquals(golden(turn.events), [
    ...TOOL("call_0_0", "mcp__test__echo", "echo a"),
    ...TOOL("call_1_0", "mcp__test__fail", "no b", "failed"),
    ["output_text.delta", "Done."],
  ]);
});

Deno.test("a turn of Codex says which MCP server did not start", async () => {
  await using model = await ResponsesModel.start();
  const request = bot({ broken: { command: "/nowhere/server" } });
  await using harness = await CodexHarness.create({ modelUrl: model.url, request });
  await harness.start();
  const turn = harness.turn(script({ text: "Done." }));
  assertEquals((await turn.outcome()).kind, "completed");
  const [name, said] = golden(turn.events)[0] ?? [];
  assertEquals(name, "reasoning_summary_text.delta");
  assertMatch(String(said), /^The MCP server "broken" did not start: /);
});

Deno.test("a turn of Codex: tools of an MCP server over HTTP, with its headers, none of them in ps", async () => {
  await using model = await ResponsesModel.start();
  await using server = new HttpMcpServer();
  const secret = "Bearer planted-0123456789abcdef";
  const request = bot({
    test: { type: "streamable-http", base_url: server.url, headers: { Authorization: secret } },
  });
  await using harness = await CodexHarness.create({ modelUrl: model.url, request });
  const { pid } = await harness.start();
  const turn = harness.turn(script({ tools: [call("echo", "a")] }, { text: "Done." }));
  await turn.outcome();
  assertEquals(golden(turn.events), [
    ...TOOL("call_0_0", "mcp__test__echo", "echo a"),
    ["output_text.delta", "Done."],
  ]);
  assert(server.headers.length > 0);
  assertEquals(server.headers.every((h) => h.get("authorization") === secret), true);
  const shown = processInfo(pid)?.command ?? "";
  assert(shown.includes("app-server") && !shown.includes("planted") && !shown.includes("sk-test"));
  assert((await harness.plan()).secrets.includes("planted-0123456789abcdef"));
});

Deno.test("a person who wants to be asked is asked; who does not is not", async () => {
  await using model = await ResponsesModel.start();
  await using harness = await CodexHarness.create({ modelUrl: model.url });
  await harness.start();
  const asked: PersonQuestion[] = [];
  const before: string[] = [];
  const more = (decision: PersonAnswer["decision"]) => ({
    ask: (question: PersonQuestion) => {
      asked.push(question);
      return Promise.resolve({ decision, message: "", answers: [] });
    },
    beforeTool: ({ name }: { name: string }) => {
      before.push(name);
      return Promise.resolve();
    },
  });
  const run = async (decision: PersonAnswer["decision"], request: Record<string, unknown>) => {
    const path = join(harness.workdir, crypto.randomUUID());
    const cmd = `touch ${path}`;
    const turn = harness.turn(
      script({ tools: [{ name: "exec_command", input: { cmd } }] }, { text: "Done." }),
      more(decision),
      request,
    );
    assertEquals((await turn.outcome()).kind, "completed");
    const made = await Deno.stat(path).then(() => true, () => false);
    const end = golden(turn.events).find(([name]) => name === "output_item.done");
    return { made, status: end?.[2] };
  };
  const ask = { permission_mode: "ask" };
  const free = await run("deny", {});
  assertEquals([free.made, free.status, asked.length], [true, "completed", 0]);
  const denied = await run("deny", ask);
  assertEquals([denied.made, denied.status], [false, "failed"]);
  assertEquals(asked.length, 1);
  assert(String(asked[0]?.tool.input["command"]).includes("touch"));
  assertEquals(before, []);
  const allowed = await run("allow", ask);
  assertEquals([allowed.made, allowed.status], [true, "completed"]);
  assertEquals([asked.length, before], [2, ["bash"]]);
});
