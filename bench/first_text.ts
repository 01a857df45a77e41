/** From `task:execute` to the first text at the backend: of a fresh task and of a follow-up. */
import { say, script, startModel } from "../tests/support/model.ts";
import { Device, pause, requestTo } from "./_device.ts";
import { DirectCli } from "./_direct_cli.ts";
import { atMost, type Figure, median, summary } from "./_figure.ts";
import { modelTime } from "./_model_time.ts";

const FRESH = 7;
const FOLLOW_UPS = 15;
const REST_MS = 300;
const PROMPT = `Say it ${script(say("Good."))}`;

export async function firstText(): Promise<Figure[]> {
  await using model = await startModel();
  await using device = await Device.start();
  const fresh: number[] = [];
  const starts: number[] = [];
  const follow: number[] = [];
  const direct: number[] = [];
  const models: number[] = [];
  const turn = async (taskId?: number) => {
    const times = await device.outside.turn(requestTo(model.url, PROMPT, taskId));
    await pause(REST_MS);
    return times.firstText;
  };
  // The very first host finds out the CLI's version.
  await turn(1);
  for (let i = 0; i < FRESH; i++) {
    starts.push(await cliStart(model.url));
    await pause(REST_MS);
    fresh.push(await turn());
  }
  await using cli = await DirectCli.start(model.url);
  await cli.turn(PROMPT, true);
  for (let i = 0; i < FOLLOW_UPS; i++) {
    models.push((await modelTime(model.url, PROMPT)).first);
    direct.push((await cli.turn(PROMPT, false)).firstText);
    await pause(REST_MS);
    follow.push(await turn(1));
  }
  const own = median(models);
  return [
    {
      name: "first-text.fresh",
      unit: "ms",
      peer: { name: "the CLI started by itself", value: median(starts) },
      ...summary(fresh),
    },
    {
      name: "first-text.follow-up",
      unit: "ms",
      peer: { name: "the live CLI spoken to by itself", value: median(direct) },
      ...summary(follow),
    },
    {
      name: "first-text.follow-up.over-model",
      unit: "ms",
      goal: atMost(20),
      peer: { name: "the live CLI over the model", value: median(direct) - own },
      ...summary(follow.map((value) => value - own)),
      note: `the model itself needs ${own.toFixed(1)} ms`,
    },
  ];
}

async function cliStart(modelUrl: string): Promise<number> {
  await using cli = await DirectCli.start(modelUrl);
  return (await cli.turn(PROMPT, true)).firstText;
}
