/** A follow-up whose answer comes in 200 chunks, from `task:execute` to its end at the backend. */
import { say, script, startModel } from "../tests/support/model.ts";
import { Device, pause, requestTo } from "./_device.ts";
import { DirectCli } from "./_direct_cli.ts";
import { type Figure, median, summary } from "./_figure.ts";
import { modelTime } from "./_model_time.ts";

const RUNS = 9;
const CHUNKS = 200;
const REST_MS = 300;
const TEXT = "Some words of text. ".repeat(CHUNKS);

export async function chunks(): Promise<Figure[]> {
  return [await measure("chunks", 0), await measure("chunks.paced", 2)];
}

/** @param gapMs The model's pause between two chunks. */
async function measure(name: string, gapMs: number): Promise<Figure> {
  await using model = await startModel();
  await using device = await Device.start();
  await using cli = await DirectCli.start(model.url);
  const prompt = `Say it ${script(say(TEXT, { chunks: CHUNKS, gapMs }))}`;
  await cli.turn(prompt, true);
  const turn = () => device.outside.turn(requestTo(model.url, prompt, 1));
  await turn();
  const runs: number[] = [];
  const models: number[] = [];
  const direct: number[] = [];
  for (let i = 0; i < RUNS; i++) {
    await pause(REST_MS);
    models.push((await modelTime(model.url, prompt)).last);
    direct.push((await cli.turn(prompt, false)).lastText);
    await pause(REST_MS);
    const times = await turn();
    if (times.texts !== CHUNKS) throw new Error(`${times.texts} deltas came, not ${CHUNKS}`);
    runs.push(times.end);
  }
  const pace = gapMs === 0 ? "as fast as it can" : `with ${gapMs} ms between them`;
  return {
    name,
    unit: "ms",
    peer: { name: "the model's own sending", value: median(models) },
    ...summary(runs),
    note: `chunks sent ${pace}; the CLI by itself needs ${median(direct).toFixed(1)} ms`,
  };
}
