/** Agents that wait for the next task of a known directory. */
import { exists } from "../../src/platform/mod.ts";
import { assert, assertEquals, assertNotEquals } from "../support/assert.ts";
import { say, script } from "../support/model.ts";
import { environmentOf } from "../support/processes.ts";
import { agentPids, type DeviceFixture, LONG, until, withDevice } from "./fixture.ts";
import { turnIn } from "./workdir_turn.ts";

const PREWARM = { LOCAL_WORKDIR_ALLOWED_ROOTS: "~/Projects", WEGENT_EXECUTOR_PREWARM: "1" };
const IN_A = { workdir: "~/Projects/A", workdir_policy: "existing" };

async function withProject(test: (fixture: DeviceFixture) => Promise<void>): Promise<void> {
  await withDevice({ env: PREWARM }, async (fixture) => {
    Deno.mkdirSync(`${fixture.world.home}/Projects/A`, { recursive: true });
    await test(fixture);
  });
}

/** Waits for the agent that is not one of `known`. */
async function spareBeside({ world }: DeviceFixture, known: readonly number[]): Promise<number> {
  const fresh = () => agentPids(world).filter((pid) => !known.includes(pid));
  await until(() => fresh().length === 1, "a spare agent");
  return fresh()[0]!;
}

Deno.test("the next task of a directory gets the agent that waits there, with a conversation of its own", () =>
  withProject(async (fixture) => {
    const { world, model } = fixture;
    const first = await turnIn(fixture, IN_A);
    assertEquals(first.status, "COMPLETED", first.error);
    const [own] = agentPids(world);
    const spare = await spareBeside(fixture, [own!]);
    const second = await turnIn(fixture, IN_A);
    assertEquals(second.output, `${world.home}/Projects/A`, second.error);
    assertEquals(agentPids(world).includes(spare), true, "the spare is in use");
    assert(exists(`${world.home}/Projects/A/.wegent/session/${second.task_id}`));
    const body = JSON.stringify(model.scripted().at(-1)?.body);
    assertEquals(body.split("Current working directory").length, 2, "no other task's messages");
    // Each conversation goes on in its own agent.
    const again = await turnIn(fixture, {}, { task_id: first.task_id, prompt: script(say("a")) });
    const other = await turnIn(fixture, {}, { task_id: second.task_id, prompt: script(say("b")) });
    assertEquals([again.status, other.status], ["COMPLETED", "COMPLETED"]);
    const pids = agentPids(world);
    assert(pids.includes(own!) && pids.includes(spare), `${pids}`);
    const status = JSON.parse((await world.run(["status", "--json"])).stdout);
    assertEquals(status.spares.used, 1);
  }));

Deno.test("a spare is not used for another key, and its environment reaches nobody", () =>
  withProject(async (fixture) => {
    const { world, request } = fixture;
    await turnIn(fixture, IN_A);
    const [own] = agentPids(world);
    const spare = await spareBeside(fixture, [own!]);
    const [bot] = request("x")["bot"] as { agent_config: { env: Record<string, unknown> } }[];
    const env = { ...bot!.agent_config.env, api_key: "another-key", EXTRA_SETTING: "1" };
    const turn = await turnIn(fixture, {
      ...IN_A,
      bot: [{ ...bot, agent_config: { env } }],
    });
    assertEquals(turn.status, "COMPLETED", turn.error);
    await until(() => !agentPids(world).includes(spare), "the end of the spare that did not fit");
    const used = agentPids(world).filter((pid) => environmentOf(pid).get("EXTRA_SETTING") === "1");
    assertEquals(used.length >= 1, true);
    assertNotEquals(used[0], spare);
  }));

Deno.test("stopping the device leaves no spare behind, and a restarted one begins without", () =>
  withProject(async (fixture) => {
    const { world, daemon } = fixture;
    await turnIn(fixture, IN_A);
    await spareBeside(fixture, agentPids(world).slice(0, 1));
    daemon.signal("SIGKILL");
    await daemon.exited(LONG);
    const next = await fixture.startDaemon();
    await until(() => agentPids(world).length === 1, "the end of the old daemon's spare");
    const sessions = [...Deno.readDirSync(`${world.executorHome}/state/sessions`)];
    await until(
      () => [...Deno.readDirSync(`${world.executorHome}/state/sessions`)].length === 1,
      `the removal of the spare's directory (${sessions.map((e) => e.name)})`,
    );
    next.signal("SIGTERM");
    await next.exited(LONG);
    await until(() => agentPids(world).length === 0, "the end of all agents");
  }));
