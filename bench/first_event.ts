/** From the emission of `task:execute` to the arrival of `response.in_progress`, both at the backend. */
import { say, script, startModel } from "../tests/support/model.ts";
import { Device, pause, requestTo } from "./_device.ts";
import { atMost, type Figure, median, summary } from "./_figure.ts";
import { NullDevice } from "./_null_device.ts";
import { Outside } from "./_outside.ts";

const FRESH = 5;
const RUNS = 40;
/** Between turns, so that the end of one does not disturb the next. */
const REST_MS = 100;

export async function firstEvent(): Promise<Figure[]> {
  const peer = { name: "bare Socket.IO client, there and back", value: await roundTrip() };
  await using model = await startModel();
  await using device = await Device.start();
  const first = async (taskId?: number) => {
    const prompt = `Say it ${script(say("Good."))}`;
    const { first } = await device.outside.turn(requestTo(model.url, prompt, taskId));
    await pause(REST_MS);
    return first;
  };
  const fresh: number[] = [];
  for (let i = 0; i < FRESH; i++) fresh.push(await first());
  await first(1);
  const runs: number[] = [];
  for (let i = 0; i < RUNS; i++) runs.push(await first(1));
  return [
    { name: "first-event", unit: "ms", goal: atMost(1), peer, ...summary(runs) },
    {
      name: "first-event.fresh",
      unit: "ms",
      ...summary(fresh),
      note: "of a new task, while its host is being started",
    },
  ];
}

async function roundTrip(): Promise<number> {
  await using outside = await Outside.start();
  using _ = await NullDevice.connect(outside.url);
  const runs: number[] = [];
  for (let i = 0; i < RUNS; i++) {
    runs.push((await outside.turn(requestTo("", "0"))).first);
    await pause(REST_MS);
  }
  return median(runs);
}
