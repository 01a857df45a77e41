/** `kill -9` of the daemon until a new one is registered, while a task runs on. */
import { say, script, startModel } from "../tests/support/model.ts";
import { Device, pause, requestTo } from "./_device.ts";
import { atMost, type Figure, summary } from "./_figure.ts";

const RUNS = 5;
const EVERY_MS = 1500;
const CHUNKS = 120;
const TEXT = "Some words of text. ".repeat(CHUNKS);

export async function kill(): Promise<Figure[]> {
  await using model = await startModel();
  await using device = await Device.start();
  const gapMs = (RUNS + 2) * EVERY_MS / CHUNKS;
  const request = requestTo(model.url, `Say it ${script(say(TEXT, { chunks: CHUNKS, gapMs }))}`);
  await device.outside.execute(request);
  await device.outside.text(request.subtask_id);
  const agents = device.agentPids();
  const runs: number[] = [];
  for (let i = 0; i < RUNS; i++) {
    await pause(EVERY_MS);
    const startedAt = performance.now();
    await device.endDaemon("SIGKILL");
    await device.startDaemon();
    runs.push(performance.now() - startedAt);
  }
  // Throws unless the turn that was running all the time is completed.
  await device.outside.end(request.subtask_id);
  const same = JSON.stringify(device.agentPids()) === JSON.stringify(agents);
  if (!same || agents.length !== 1) throw new Error("The agent did not live through it");
  return [{
    name: "kill",
    unit: "ms",
    goal: atMost(500),
    ...summary(runs),
    note: "a new daemon is started at once; the task went on and completed with the same agent",
  }];
}
