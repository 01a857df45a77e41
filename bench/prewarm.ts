/** From `task:execute` to the first text of a new task in a directory used before: with and without a spare. */
import { say, script, startModel } from "../tests/support/model.ts";
import { poll } from "../tests/support/waiting.ts";
import { Device, pause, requestTo } from "./_device.ts";
import { atMost, type Figure, median, summary } from "./_figure.ts";

const RUNS = 7;
const AT_ONCE = 4;
const PROMPT = `Say it ${script(say("Good."))}`;
/** A spare that has just started is still on its way. */
const SETTLE_MS = 1500;

export async function prewarm(): Promise<Figure[]> {
  await using model = await startModel();
  const cold = await measure(model.url, 0, 1);
  const warm = await measure(model.url, 1, 1);
  const coldMany = await measure(model.url, 0, AT_ONCE);
  const warmMany = await measure(model.url, AT_ONCE, AT_ONCE);
  return [
    {
      name: "prewarm.first-text",
      unit: "ms",
      goal: atMost(80),
      peer: { name: "the same without a spare", value: median(cold.times) },
      ...summary(warm.times),
      note: `${warm.used} of ${RUNS} found a spare`,
    },
    {
      name: "prewarm.four-at-once",
      unit: "ms",
      goal: atMost(800),
      peer: { name: "the same without spares", value: median(coldMany.times) },
      ...summary(warmMany.times),
      note: `${warmMany.used} of ${RUNS * AT_ONCE} found a spare; the last first text counts`,
    },
  ];
}

/** Times until the last of `many` new tasks in one directory has its first text. */
async function measure(
  url: string,
  spares: number,
  many: number,
): Promise<{ times: number[]; used: number }> {
  await using device = await Device.start({
    env: {
      LOCAL_WORKDIR_ALLOWED_ROOTS: "~/Projects",
      WEGENT_EXECUTOR_PREWARM: String(spares),
    },
  });
  const { world, outside } = device;
  Deno.mkdirSync(`${world.home}/Projects/A`, { recursive: true });
  const request = () => ({
    ...requestTo(url, PROMPT),
    workdir: "~/Projects/A",
    workdir_policy: "existing",
  });
  const status = async () => JSON.parse((await world.run(["status", "--json"])).stdout);
  const times: number[] = [];
  await outside.turn(request());
  for (let i = 0; i < RUNS; i++) {
    await poll(async () => (await status()).spares.waiting === spares, 60_000, "the spares");
    await pause(SETTLE_MS);
    const requests = Array.from({ length: many }, request);
    for (const each of requests) await outside.execute(each);
    let last = 0;
    for (const each of requests) {
      last = Math.max(last, (await outside.end(each.subtask_id)).firstText);
    }
    times.push(last);
  }
  return { times, used: (await status()).spares.used };
}
