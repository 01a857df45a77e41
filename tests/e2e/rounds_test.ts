/** Twenty rounds of starting, cancelling and killing both agents through the whole device, under load. */
import { assert, assertEquals } from "../support/assert.ts";
import { codexBinary } from "../support/codex_cli.ts";
import { say, script } from "../support/model.ts";
import { countOpenFiles } from "../../src/platform/mod.ts";
import { allProcesses, environmentOf } from "../support/processes.ts";
import { ResponsesModel, script as codexScript } from "../support/responses_model.ts";
import { type DeviceFixture, LONG, markedPids, until, withDevice } from "./fixture.ts";

const ROUNDS = 20;
/** So many at a time: what one leaves must not be taken for another's. */
const AT_ONCE = 4;
const COMMAND = "setsid sleep 4761 & sleep 4762";

/** How a round ends. */
const ENDS = ["completes", "cancel in text", "cancel in a tool", "kill the agent", "kill the host"];
type End = (typeof ENDS)[number];

interface Agent {
  request(end: End): ReturnType<DeviceFixture["request"]>;
}

function claudeOf({ request }: DeviceFixture): Agent {
  return {
    request: (end) => {
      if (end === "completes") return request(script(say("Done.")));
      const tools = [{ name: "Bash", input: { command: COMMAND, description: "d" } }];
      if (end === "cancel in a tool") return request(script({ tools }, say("never")));
      return request(script(say("0123456789".repeat(40), { chunkSize: 10, gapMs: 250 })));
    },
  };
}

function codexOf({ request }: DeviceFixture, model: ResponsesModel): Agent {
  const model_config = {
    model: "openai",
    api_format: "responses",
    model_id: "gpt-test",
    base_url: model.url,
    api_key: "sk-codex-0123456789abcdef",
  };
  const ask = (prompt: string) => ({ ...request(prompt), model_config });
  return {
    request: (end) => {
      if (end === "completes") return ask(codexScript({ text: "Done." }));
      const tools = [{ name: "exec_command", input: { cmd: COMMAND } }];
      if (end === "cancel in a tool") return ask(codexScript({ tools }, { text: "never" }));
      return ask(codexScript({ text: "0123456789".repeat(40), chunkSize: 10, gapMs: 250 }));
    },
  };
}

/** One turn from its start to its one terminal event, and the end of its session. */
async function round(fixture: DeviceFixture, agent: Agent, end: End): Promise<void> {
  const { backend, world } = fixture;
  const turn = agent.request(end);
  const { task_id: taskId, subtask_id: subtaskId } = turn;
  backend.execute(turn);
  const began = end === "cancel in a tool"
    ? "response.function_call_arguments.done"
    : "response.output_text.delta";
  if (end !== "completes") {
    await until(
      () => backend.eventsOf(subtaskId).some(({ event }) => event === began),
      `${end}: ${began}; ${JSON.stringify(backend.eventsOf(subtaskId).at(-1))}`,
    );
  }
  if (end.startsWith("cancel")) backend.cancel({ taskId, subtaskId });
  if (end.startsWith("kill")) {
    const { hosts } = JSON.parse((await world.run(["status", "--json"])).stdout) as {
      hosts: { task_id: number; pid: number; host: string }[];
    };
    const host = hosts.find(({ task_id }) => task_id === taskId);
    assert(host, `no host of task ${taskId}`);
    const agents = allProcesses().map(({ pid }) => pid)
      .filter((pid) => environmentOf(pid).get("WEGENT_AGENT_MARK") === host.host);
    for (const pid of end === "kill the host" ? [host.pid] : agents) kill(pid);
  }
  const done = await backend.waitTerminal(subtaskId, LONG);
  assertEquals(done.terminals.length, 1, `${end}: ${JSON.stringify(done.terminals)}`);
  const wanted = end === "completes"
    ? "response.completed"
    : end.startsWith("cancel")
    ? "response.incomplete"
    : "error";
  assertEquals(done.terminals[0]?.event, wanted, done.error);
  backend.emit("task:close-session", { task_id: taskId });
}

function kill(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch (error) {
    // It may have ended with its parent.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** What lies in a directory of the device now. */
function names(path: string): string[] {
  try {
    return [...Deno.readDirSync(path)].map(({ name }) => name).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** Everything that could be left behind; null: something is still about to go. */
async function leftovers({ world, daemon }: DeviceFixture) {
  const { executorHome } = world;
  const status = JSON.parse((await world.run(["status", "--json"])).stdout);
  return {
    hosts: [...status.hosts, ...names(`${executorHome}/run/hosts`)],
    // One empty run is always ready for the next task.
    running: names(`${executorHome}/state/runs`)
      .filter((run) => names(`${executorHome}/state/runs/${run}`).includes("run.json")),
    processes: markedPids(world).length,
    zombies:
      allProcesses().filter(({ parent, state }) => parent === daemon.pid && state === "Z").length,
    temporary: names(`${executorHome}/state/sessions`).flatMap((task) =>
      names(`${executorHome}/state/sessions/${task}`).flatMap((key) =>
        names(`${executorHome}/state/sessions/${task}/${key}/tmp`)
      )
    ),
    slots: status.worker.slots.used,
  };
}

const NOTHING = {
  hosts: [],
  running: [],
  processes: 0,
  zombies: 0,
  temporary: [],
  slots: 0,
};

/** Waits until nothing is left. @returns Open files of the daemon then. */
async function settled(fixture: DeviceFixture): Promise<number> {
  const deadline = Date.now() + LONG;
  for (;;) {
    const left = await leftovers(fixture);
    const same = JSON.stringify(left) === JSON.stringify(NOTHING);
    if (same || Date.now() > deadline) {
      assertEquals(left as typeof NOTHING, NOTHING);
      return countOpenFiles(fixture.daemon.pid) ?? -1;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

// Libraries of the C runtime stay loaded.
Deno.test("twenty rounds of starting, cancelling and killing leave no process, file or directory", {
  sanitizeResources: false,
}, async () => {
  await using model = await ResponsesModel.start();
  await withDevice({ env: { CODEX_BINARY: await codexBinary() } }, async (fixture) => {
    const agents = [claudeOf(fixture), codexOf(fixture, model)];
    const ends = (n: number): [Agent, End] => [
      agents[n % agents.length]!,
      ENDS[Math.floor(n / agents.length) % ENDS.length]!,
    ];
    // What is opened once, such as databases, is open then.
    for (const agent of agents) await round(fixture, agent, "completes");
    const before = await settled(fixture);
    assert(before > 0);
    const queue = Array.from({ length: ROUNDS }, (_, n) => ends(n));
    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
      for (let next = queue.shift(); next; next = queue.shift()) await round(fixture, ...next);
    }));
    const after = await settled(fixture);
    assert(after <= before, `open files of the daemon: ${before} before, ${after} after`);
  });
});
