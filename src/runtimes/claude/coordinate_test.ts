import { assertEquals } from "../../../tests/support/assert.ts";
import { executeRequest } from "../../protocol/mod.ts";
import { otherAgents } from "./coordinate.ts";

function agents(bot: Record<string, unknown>[], mode = "coordinate") {
  return otherAgents(executeRequest.parse({ task_id: 1, subtask_id: 2, mode, bot }));
}

Deno.test("otherAgents() names every bot but the first", () => {
  const bots = [
    { id: 1, name: "Lead", system_prompt: "lead" },
    { id: 7, name: "Code_Reviewer (v2)!", description: " Reviews ", system_prompt: "review" },
    { id: 8, name: "测试 Bot" },
    { id: 9, name: "???" },
  ];
  assertEquals(agents(bots), {
    "code-reviewer-v2-7": { description: "Reviews", prompt: "review", model: "inherit" },
    "测试-bot-8": {
      description: "Use this agent for work that fits 测试 Bot.",
      prompt: "You are 测试 Bot.",
      model: "inherit",
    },
    "unnamed-9": {
      description: "Use this agent for work that fits ???.",
      prompt: "You are ???.",
      model: "inherit",
    },
  });
});

Deno.test("otherAgents() is for several bots in coordinate mode only", () => {
  const bots = [{ id: 1, name: "a" }, { id: 2, name: "b" }];
  assertEquals([agents(bots, "route"), agents(bots.slice(0, 1)), agents([])], [null, null, null]);
});
