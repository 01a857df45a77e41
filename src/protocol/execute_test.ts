import { assertEquals } from "../../tests/support/assert.ts";
import { codexUsesOwnLogin, executeRequest, requestedRuntime } from "./mod.ts";

Deno.test("requestedRuntime() is Codex for OpenAI's Responses API only", () => {
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
    assertEquals(requestedRuntime({ model_config }), runtime, JSON.stringify(model_config));
  }
});

Deno.test("codexUsesOwnLogin() follows the request alone", () => {
  const own = (codex: unknown) =>
    codexUsesOwnLogin({ model_config: { runtime_config: { codex } } });
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
  assertEquals(codexUsesOwnLogin({ model_config: other }), true);
});

Deno.test("executeRequest takes any workdir and leaves it to the resolver", () => {
  const ids = { task_id: 1, subtask_id: 2 };
  const workdir = (value: unknown) => executeRequest.parse({ ...ids, workdir: value }).workdir;
  assertEquals([workdir("/a"), workdir(null), workdir(7), workdir(["/a"])], [
    "/a",
    null,
    "\0",
    "\0",
  ]);
  assertEquals(executeRequest.parse(ids).workdir ?? null, null);
  assertEquals(workdir("x".repeat(20_000))?.length, 8192);
});
