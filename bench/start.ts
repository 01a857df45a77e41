/** From the start of the process to the backend's receipt of its registration. */
import { Device, pause } from "./_device.ts";
import { atMost, type Figure, median, summary } from "./_figure.ts";
import { makeHello, timeOf } from "./_hello.ts";
import { NullDevice } from "./_null_device.ts";

const RUNS = 11;
/** So that the end of what was measured before does not disturb the start. */
const REST_MS = 300;

export async function start(): Promise<Figure[]> {
  await using device = await Device.open();
  await using hello = await makeHello();
  const first = await device.startDaemon();
  const runs: number[] = [];
  const limits: number[] = [];
  for (let i = 0; i < RUNS; i++) {
    await device.endDaemon("SIGTERM");
    limits.push(await timeOf(hello.argv) + await connectTime(device.outside.url));
    await pause(REST_MS);
    runs.push(await device.startDaemon());
  }
  const goal = atMost(150);
  const peer = { name: `${hello.name}, then a bare connect and register`, value: median(limits) };
  return [
    { name: "start", unit: "ms", goal, peer, ...summary(runs) },
    {
      name: "start.first",
      unit: "ms",
      ...summary([first]),
      note: "first start of all: makes configuration, device id and directories",
    },
  ];
}

/** Registers and disconnects; the outside counts it as a registration of its own. */
async function connectTime(url: string): Promise<number> {
  const startedAt = performance.now();
  using _ = await NullDevice.connect(url);
  return performance.now() - startedAt;
}
