/** Memory of the daemon and everything below it, shared pages counted in part (PSS). */
import { processTree, pssBytes } from "../tests/support/processes.ts";
import { say, script, startModel } from "../tests/support/model.ts";
import { Device, pause, requestTo } from "./_device.ts";
import { atMost, type Figure, summary } from "./_figure.ts";

const SETTLE_MS = 10_000;
const TURNS = 50;
const SETTLE_AFTER_TURNS_MS = 60_000;
const GOAL = atMost(100);
const SESSIONS = 5;

export async function* memory(): AsyncGenerator<Figure> {
  await using _ = await ownBinary();
  await using model = await startModel();
  await using device = await Device.start();
  await pause(SETTLE_MS);
  const idle = measure(device);
  yield { ...figure("memory.idle", idle.sum, "10 s after registration"), goal: GOAL };
  const turn = (taskId: number) =>
    device.outside.turn(requestTo(model.url, `Say it ${script(say("Good."))}`, taskId));
  for (let i = 0; i < TURNS; i++) await turn(1);
  await pause(SETTLE_AFTER_TURNS_MS);
  const busy = measure(device);
  const when = `60 s after ${TURNS} turns of one conversation`;
  yield { ...figure("memory.after-turns", busy.daemon + busy.hosts, `${when}: ours`), goal: GOAL };
  yield figure("memory.after-turns.daemon", busy.daemon, when);
  yield figure("memory.after-turns.hosts", busy.hosts, `${when}: its one session host`);
  yield figure("memory.after-turns.agent", busy.agents, `${when}: the Claude Code CLI, not ours`);
  yield figure("memory.after-turns.sum", busy.sum, when);
  for (let task = 2; task <= SESSIONS; task++) await turn(task);
  await pause(SETTLE_MS);
  const many = measure(device);
  const after = `${SESSIONS} conversations live, 10 s after the last turn`;
  yield figure("memory.sessions", many.daemon + many.hosts, `${after}: daemon and hosts`);
  yield figure("memory.sessions.host", many.hosts / SESSIONS, `${after}: each host`);
  yield figure("memory.sessions.agents", many.agents, `${after}: the CLIs, not ours`);
}

/** A copy of the binary, so that no other process on the machine shares its pages and lowers the PSS. */
async function ownBinary(): Promise<AsyncDisposable> {
  const binary = Deno.env.get("EXECUTOR_BINARY");
  if (!binary) return { [Symbol.asyncDispose]: () => Promise.resolve() };
  const dir = await Deno.makeTempDir({ prefix: "binary-" });
  const copy = `${dir}/wegent-executor`;
  await Deno.copyFile(binary, copy);
  Deno.env.set("EXECUTOR_BINARY", copy);
  return {
    async [Symbol.asyncDispose]() {
      Deno.env.set("EXECUTOR_BINARY", binary);
      await Deno.remove(dir, { recursive: true });
    },
  };
}

/** PSS by kind of process, in MB (10^6 bytes). */
function measure(device: Device) {
  const size = { daemon: 0, hosts: 0, agents: 0, sum: 0 };
  const agents = new Set(device.agentPids());
  for (const { pid, command } of processTree(device.pid)) {
    const mb = pssBytes(pid) / 1e6;
    if (agents.has(pid)) size.agents += mb;
    else if (command.includes("__host")) size.hosts += mb;
    else size.daemon += mb;
    size.sum += mb;
  }
  return size;
}

function figure(name: string, value: number, note: string): Figure {
  return { name, unit: "MB", ...summary([value]), note };
}
