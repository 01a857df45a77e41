import { assertEquals } from "../../tests/support/assert.ts";
import { agentOf, AGENTS, requestedAgent, RUNTIMES } from "./agents.ts";
import { usesOwnLogin } from "./codex/agent.ts";

Deno.test("requestedAgent() is Codex for OpenAI's Responses API only", () => {
  const cases: [Record<string, unknown> | null, string][] = [
    [null, "claude"],
    [{}, "claude"],
    [{ model: "openai" }, "claude"],
    [{ model: "OpenAI", api_format: "Responses" }, "codex"],
    [{ model: "openai", apiFormat: "responses" }, "codex"],
    [{ model: "openai", protocol: "openai-responses" }, "codex"],
    [{ model: "openai", wire_api: "responses" }, "codex"],
    [{ model: "openai", api_format: "chat", protocol: "openai" }, "claude"],
    [{ model: "claude", wire_api: "responses" }, "claude"],
    [{ model: 7, wire_api: "responses" }, "claude"],
  ];
  for (const [model_config, runtime] of cases) {
    assertEquals(requestedAgent({ model_config }).name, runtime, JSON.stringify(model_config));
  }
});

Deno.test("Codex: usesOwnLogin() follows the request alone", () => {
  const own = (codex: unknown) => usesOwnLogin({ model_config: { runtime_config: { codex } } });
  assertEquals([own({ use_user_config: true }), own({ use_user_config: true, configured: true })], [
    true,
    true,
  ]);
  assertEquals([own({ use_user_config: true, configured: false }), own({}), own(null), own("x")], [
    false,
    false,
    false,
    false,
  ]);
  const other = { runtimeConfig: { codex: { use_user_config: 1 } } };
  assertEquals(usesOwnLogin({ model_config: other }), true);
});

Deno.test("AGENTS have names, words and places of their own", () => {
  assertEquals(AGENTS.map(({ name }) => name).toSorted(), [...RUNTIMES].toSorted());
  const own = [
    AGENTS.map(({ wire }) => wire.taskRuntime),
    AGENTS.map(({ configDir }) => configDir),
    AGENTS.flatMap(({ wire }) => wire.sessionAgents),
    AGENTS.flatMap(({ program }) => [program.setting, ...program.variables]),
  ];
  for (const words of own) assertEquals(words.length, new Set(words).size, words.join());
  for (const { name } of AGENTS) assertEquals(agentOf(name).program.name, name);
});
