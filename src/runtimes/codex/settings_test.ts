import { assertEquals, assertThrows } from "../../../tests/support/assert.ts";
import { AppError } from "../../platform/mod.ts";
import { executeRequest } from "../../protocol/mod.ts";
import { turnSettings } from "./settings.ts";

const settings = (config: Record<string, unknown>) =>
  turnSettings(executeRequest.parse({
    task_id: 1,
    subtask_id: 2,
    model_config: { model_id: "gpt", ...config },
  }));

Deno.test("turnSettings() understands every word for an effort", () => {
  const cases: readonly (readonly [unknown, string])[] = [
    ["minimal", "minimal"],
    ["LOW ", "low"],
    ["低", "low"],
    ["中等", "medium"],
    ["高", "high"],
    ["超高", "xhigh"],
    ["x-high", "xhigh"],
    ["ultra", "xhigh"],
    ["关闭", "medium"],
    ["off", "medium"],
    ["constructor", "medium"],
    [undefined, "medium"],
    [7, "medium"],
    [{ effort: "high" }, "high"],
    [{ reasoning: "low" }, "low"],
    [{ effort: { reasoning: "xhigh" } }, "xhigh"],
  ];
  for (const [reasoning, effort] of cases) {
    assertEquals(settings({ reasoning }).effort, effort, JSON.stringify(reasoning));
  }
});

Deno.test("turnSettings() takes summary and tier where they mean something", () => {
  assertEquals(settings({ reasoning: { summary: "Concise" } }).summary, "concise");
  assertEquals(settings({ reasoning: { summary: "loud" } }).summary, null);
  for (const tier of ["fast", "快速", { speed: "priority" }, { value: "fast" }]) {
    assertEquals(settings({ service_tier: tier }).serviceTier, "priority");
  }
  assertEquals(settings({ service_tier: "标准" }).serviceTier, "default");
  assertEquals(settings({ service_tier: "toString" }).serviceTier, null);
});

Deno.test("turnSettings() wants a model unless the owner's configuration has one", () => {
  assertEquals(assertThrows(() => settings({ model_id: " " }), AppError).code, "codex_model");
  const own = { model_id: "", runtime_config: { codex: { use_user_config: true } } };
  assertEquals(settings(own).model, null);
});
