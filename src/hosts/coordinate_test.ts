/** Coordinate mode with the real CLI. */
import { exists } from "../platform/mod.ts";
import { HostHarness, terminalsOf, textOf } from "../../tests/support/host_harness.ts";
import { assert, assertEquals } from "../../tests/support/assert.ts";
import { callTool, say, script, startModel } from "../../tests/support/model.ts";

/** What the model was told about itself. */
function systemOf(body: unknown): string {
  return JSON.stringify((body as { system?: unknown } | undefined)?.system ?? "");
}

Deno.test("in coordinate mode the first bot calls the others, and nothing is written for it", async () => {
  await using model = await startModel();
  await using host = await HostHarness.start({ modelUrl: model.url });
  await host.attach();
  const env = {
    model: "claude",
    model_id: "claude-opus-4-8",
    api_key: "test-key-of-the-model",
    base_url: model.url,
  };
  const call = { description: "d", prompt: "look at it", subagent_type: "reviewer-7" };
  const run = await host.turn(script(callTool("Agent", call), say("All is well.")), {
    mode: "coordinate",
    bot: [
      { id: 1, name: "Lead", agent_config: { env } },
      { id: 7, name: "Reviewer", description: "Reviews", system_prompt: "You only review." },
    ],
  });
  const records = await host.ended(run);
  assertEquals(terminalsOf(records), ["response.completed"]);
  assertEquals(textOf(records), "All is well.");
  const asReviewer = model.log.filter(({ body }) => systemOf(body).includes("You only review."));
  assertEquals(asReviewer.length, 1);
  const done = records.find(({ e }) => e === "response.output_item.done");
  assertEquals((done?.d["item"] as { status?: string } | undefined)?.status, "completed");
  assert(!exists(`${host.workdir}/.claude/agents`));
});
