import { assert, assertEquals } from "../../../tests/support/assert.ts";
import { executeRequest } from "../../protocol/mod.ts";
import { buildPlan, planArguments } from "./arguments.ts";

const FACTS = {
  configDir: "/w/.claude",
  tempDir: "/s/tmp",
  mark: "h1",
  workdir: "/w",
  stateDir: "/s",
  variables: {},
};

function plan(bot: Record<string, unknown> = {}, more: Record<string, unknown> = {}) {
  const request = executeRequest.parse({ task_id: 1, subtask_id: 2, bot: [bot], ...more });
  return buildPlan(request, FACTS, { PATH: "/bin" });
}

Deno.test("buildPlan() always closes the workspace's own MCP servers and asks through the pipe", async () => {
  const { args } = await plan();
  const line = args.join(" ");
  for (
    const part of [
      "--input-format stream-json --output-format stream-json --verbose",
      "--permission-prompt-tool stdio --permission-mode default",
      "--strict-mcp-config",
      "--disallowedTools AskUserQuestion",
    ]
  ) assert(line.includes(part), part);
  assertEquals(args.some((a) => a.startsWith("--system-prompt")), false);
});

Deno.test("planArguments() names the session and always the model", async () => {
  const id = "0f973735-007f-4313-bff9-3f06f2b1140f";
  const given = await plan({ model: "opus" });
  assertEquals(planArguments(given, { kind: "fresh", id }).slice(-4), [
    "--model",
    "opus",
    "--session-id",
    id,
  ]);
  const none = await plan();
  assertEquals(
    planArguments(none, { kind: "resume", id, defaultModel: "m[1m]" }).slice(-4),
    ["--model", "m[1m]", "--resume", id],
  );
  assertEquals(
    planArguments(none, { kind: "resume", id, defaultModel: null }).slice(-4),
    ["--model", "default", "--resume", id],
  );
});

Deno.test("buildPlan() lets no value become an option", async () => {
  const { args, model } = await plan(
    { model: "--dangerously-skip-permissions", allowed_tools: ["Read", "--x"] },
    { system_prompt: "--help" },
  );
  assertEquals(model, null);
  assert(args.includes("--system-prompt=--help"));
  assertEquals(args[args.indexOf("--allowedTools") + 1], "Read");
});

Deno.test("buildPlan() writes long system prompts and MCP servers to files", async () => {
  const long = "x".repeat(200_000);
  const { args, files } = await plan({
    mcp_servers: {
      a: {
        type: "streamable-http",
        url: "https://h/mcp",
        headers: { A: "Bearer ${{auth_token}}" },
      },
      b: { command: "node", args: ["s.mjs"], other: 1 },
      c: { type: "http" },
    },
  }, { system_prompt: long, auth_token: "tok" });
  assertEquals(files.map(({ path }) => path), ["/s/mcp.json", "/s/system-prompt.txt"]);
  assertEquals(JSON.parse(files[0]!.text), {
    mcpServers: {
      a: { type: "http", url: "https://h/mcp", headers: { A: "Bearer tok" } },
      b: { type: "stdio", command: "node", args: ["s.mjs"] },
    },
  });
  assertEquals(files[1]?.text, long);
  assertEquals(args[args.indexOf("--system-prompt-file") + 1], "/s/system-prompt.txt");
  assertEquals(args.some((a) => a.includes("tok") || a.length > 1000), false);
});

Deno.test("buildPlan() gives equal fingerprints to equal requests only", async () => {
  const [a, b] = [await plan({ model: "m" }), await plan({ model: "m" }, { prompt: "other" })];
  assertEquals(a.fingerprint, b.fingerprint);
  const changed = [
    await plan({ model: "n" }),
    await plan({ model: "m" }, { system_prompt: "s" }),
    await plan({ model: "m", mcp_servers: { a: { command: "x" } } }),
    await plan({ model: "m", agent_config: { env: { ANTHROPIC_API_KEY: "k" } } }),
  ];
  for (const other of changed) assert(other.fingerprint !== a.fingerprint);
});
