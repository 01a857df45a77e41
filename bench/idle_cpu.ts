/** What a registered device without tasks costs. */
import { processTree } from "../tests/support/processes.ts";
import { Device, pause } from "./_device.ts";
import { type Figure, summary } from "./_figure.ts";

/** For half a minute after a start the engine tidies up what the start has left. */
const SETTLE_MS = 40_000;
const WATCH_MS = 40_000;
/** Clock ticks of /proc last so long. */
const TICK_MS = 10;

export async function idleCpu(): Promise<Figure[]> {
  await using device = await Device.start();
  await pause(SETTLE_MS);
  const used = () => processTree(device.pid).reduce((sum, { cpuTicks }) => sum + cpuTicks, 0);
  const [ticks, startedAt] = [used(), performance.now()];
  await pause(WATCH_MS);
  const percent = 100 * (used() - ticks) * TICK_MS / (performance.now() - startedAt);
  return [{
    name: "idle-cpu",
    unit: "% of a core",
    ...summary([percent]),
    note: "over 40 s, one heartbeat among them",
  }];
}
