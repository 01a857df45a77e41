/**
 * Nothing is lost and nothing comes twice: the hub's transcript equals, byte for byte, what the
 * loopback model logged as sent, over a killed daemon, a cut and a restart; and the agent goes on.
 */
import { assert, assertEquals } from "../support/assert.ts";
import { callTool, say, script } from "../support/model.ts";
import { agentPids, LONG, markedPids, until } from "./fixture.ts";
import { type HubFixture, withHub } from "./hub_fixture.ts";

/** About eight seconds of text with characters of every width. */
const LONG_TEXT = Array.from({ length: 160 }, (_, i) => `${i} äöü 😀 text; `).join("");

async function streamThrough(
  { hub, model, world }: HubFixture,
  fault: () => Promise<void>,
): Promise<void> {
  // Text before a tool is not part of the final text, so that nothing can repair it at the end.
  const { taskId, turnId } = await hub.send(
    script(
      callTool("Bash", { command: "true", description: "d" }, {
        text: LONG_TEXT,
        chunks: 160,
        gapMs: 50,
      }),
      say("The end."),
    ),
  );
  await hub.streamed(taskId, turnId, 200);
  const before = agentPids(world);
  assertEquals(before.length, 1);
  await fault();
  const turn = await hub.ended(taskId, turnId, 2 * LONG);
  assertEquals(turn.status, "COMPLETED", turn.error ?? "");
  assertEquals(turn.streamed_text, model.sentText());
  assertEquals(turn.content, "The end.");
  assertEquals(agentPids(world), before);
}

/** So long events leave the device and never arrive, so that the cut that follows really loses some. */
const SWALLOW_MS = 800;

async function swallow({ proxy }: HubFixture): Promise<void> {
  proxy.timeout(0, "upstream");
  await new Promise((resolve) => setTimeout(resolve, SWALLOW_MS));
}

Deno.test("kill -9 of the daemon in mid-stream loses nothing and leaves the agent running", () =>
  withHub((fixture) =>
    streamThrough(fixture, async () => {
      await swallow(fixture);
      fixture.daemon.signal("SIGKILL");
      fixture.proxy.reset();
      fixture.proxy.clear();
      await fixture.daemon.exited(LONG);
      await new Promise((resolve) => setTimeout(resolve, 500));
      fixture.daemon = await fixture.startDaemon();
    })
  ));

Deno.test("a cut of three seconds in mid-stream loses nothing", () =>
  withHub((fixture) =>
    streamThrough(fixture, async () => {
      await swallow(fixture);
      fixture.proxy.cut(3000);
      await new Promise((resolve) => setTimeout(resolve, 3100));
      fixture.proxy.clear();
    })
  ));

Deno.test("restart in mid-stream loses nothing, keeps the daemon's pid and the agent", () =>
  withHub((fixture) =>
    streamThrough(fixture, async () => {
      const { code, stderr } = await fixture.world.run(["restart"]);
      assertEquals(code, 0, stderr);
      await new Promise((resolve) => setTimeout(resolve, 1500));
      assertEquals(fixture.daemon.status, undefined);
    })
  ));

Deno.test("a tool round that ends while the daemon is gone is delivered by the next one", () =>
  withHub(async (fixture) => {
    const { hub, world } = fixture;
    const { taskId, turnId } = await hub.send(
      script(
        callTool("Bash", {
          command: "sleep 2; echo made > made.txt; cat made.txt",
          description: "d",
        }),
        say("All made."),
      ),
    );
    for (let i = 0; i < 200 && (await hub.turn(taskId, turnId)).blocks.length === 0; i++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    fixture.daemon.signal("SIGKILL");
    await fixture.daemon.exited(LONG);
    await new Promise((resolve) => setTimeout(resolve, 4000));
    assertEquals(Deno.readTextFileSync(`${world.workspace}/${taskId}/made.txt`), "made\n");
    fixture.daemon = await fixture.startDaemon();
    const turn = await hub.ended(taskId, turnId);
    assertEquals([turn.status, turn.content], ["COMPLETED", "All made."]);
    const tools = turn.blocks.filter((b) => b.type === "tool");
    assertEquals(tools.map((t) => t.tool_output), ["made"]);
    assert(turn.blocks.every((b) => b.status === "done"));
  }));

Deno.test("kill -9 of daemon and host together: the turn ends once, and nothing of the agent runs on", () =>
  withHub(async (fixture) => {
    const { hub, world } = fixture;
    const { taskId, turnId } = await hub.send(
      script(callTool("Bash", { command: "setsid sleep 4771 & sleep 4772", description: "d" })),
    );
    for (let i = 0; i < 400 && (await hub.turn(taskId, turnId)).blocks.length === 0; i++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await until(() => markedPids(world).length >= 3, "the agent's commands");
    const status = JSON.parse((await world.run(["status", "--json"])).stdout);
    fixture.daemon.signal("SIGKILL");
    Deno.kill(status.hosts[0].pid, "SIGKILL");
    await fixture.daemon.exited(LONG);
    fixture.daemon = await fixture.startDaemon();
    const turn = await hub.ended(taskId, turnId);
    assertEquals(turn.status, "FAILED");
    await until(() => markedPids(world).length === 0, "the end of what the agent left");
  }));
