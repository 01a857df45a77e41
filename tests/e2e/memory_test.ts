/** Sessions that only wait give way when memory is short. */
import { assertEquals, assertStringIncludes } from "../support/assert.ts";
import { callTool, say, script } from "../support/model.ts";
import { agentPids, LONG, until, withDevice } from "./fixture.ts";

Deno.test("a machine short of memory ends the agents that wait, not those that work, and their conversations go on", () =>
  withDevice({}, async ({ world, backend, request, model, daemon }) => {
    // More than any machine has: memory is always short.
    const set = await world.run(["config", "set", "agent.keep_free_mb", "1e12"]);
    assertEquals(set.code, 0, set.stderr);
    await world.run(["restart"]);
    await backend.waitDevice(LONG, 2);
    const first = request(script(say("One.")));
    backend.execute(first);
    assertEquals((await backend.waitTerminal(first.subtask_id, LONG)).status, "COMPLETED");
    const [waiting] = agentPids(world);
    const command = { command: "sleep 40; echo awake", description: "d" };
    const busy = request(script(callTool("Bash", command), say("Done.")));
    backend.execute(busy);
    await until(() => !agentPids(world).includes(waiting!), "the end of the agent that waits");
    await daemon.waitForLine("Memory is short", LONG);
    // The one at work is asked as well, and stays.
    const ended = await backend.waitTerminal(busy.subtask_id, 2 * LONG);
    assertEquals([ended.status, ended.finalText], ["COMPLETED", "Done."]);
    const next = request(script(say("Two.")), { task_id: first.task_id });
    backend.execute(next);
    assertEquals((await backend.waitTerminal(next.subtask_id, LONG)).finalText, "Two.");
    assertStringIncludes(JSON.stringify(model.scripted().at(-1)?.body?.messages), "One.");
  }));
