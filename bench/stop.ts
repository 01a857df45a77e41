/** SIGTERM to an idle device until its process is gone. */
import { Device, pause } from "./_device.ts";
import { atMost, type Figure, summary } from "./_figure.ts";

const RUNS = 7;

export async function stop(): Promise<Figure[]> {
  await using device = await Device.open();
  const runs: number[] = [];
  for (let i = 0; i < RUNS; i++) {
    await device.startDaemon();
    await pause(300);
    runs.push(await device.endDaemon("SIGTERM"));
    const left = device.world.processes();
    if (left.length > 0) throw new Error(`Processes are left: ${JSON.stringify(left)}`);
  }
  return [{ name: "stop", unit: "ms", goal: atMost(300), ...summary(runs) }];
}
