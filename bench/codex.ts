/** Codex: from `task:execute` to its first text, and the app server by itself, spoken to over its pipes. */
import { codexBinary } from "../tests/support/codex_cli.ts";
import { CodexHarness, type RunningTurn } from "../tests/support/codex_harness.ts";
import type { ExecutionRequest } from "../tests/support/execution_request.ts";
import { ResponsesModel, script } from "../tests/support/responses_model.ts";
import { Device, pause, requestTo } from "./_device.ts";
import { atMost, type Figure, median, summary } from "./_figure.ts";

const FRESH = 7;
const FOLLOW_UPS = 15;
const REST_MS = 300;
const PIECES = 20;
const PROMPT = `Say it ${script({ text: "Good. ".repeat(PIECES), chunkSize: 6, gapMs: 2 })}`;
const KEY = "sk-codex-0123456789abcdef";

export async function codex(): Promise<Figure[]> {
  await using model = await ResponsesModel.start();
  await using device = await Device.start({ env: { CODEX_BINARY: await codexBinary() } });
  await using harness = await CodexHarness.create({ modelUrl: model.url });
  const turn = async (taskId?: number) => {
    const times = await device.outside.turn(requestOf(model.url, taskId));
    await pause(REST_MS);
    return times;
  };
  // The very first host finds out the CLI's version.
  await turn(1);
  const fresh: number[] = [];
  const freshAlone: number[] = [];
  for (let i = 0; i < FRESH; i++) {
    const at = performance.now();
    await harness.start();
    freshAlone.push(await firstText(harness.turn(PROMPT), at));
    await pause(REST_MS);
    fresh.push((await turn()).firstText);
  }
  const follow: number[] = [];
  const followAlone: number[] = [];
  const models: number[] = [];
  let pieces = 0;
  for (let i = 0; i < FOLLOW_UPS; i++) {
    models.push(await modelTime(model.url));
    followAlone.push(await firstText(harness.turn(PROMPT)));
    await pause(REST_MS);
    const times = await turn(1);
    follow.push(times.firstText);
    pieces = times.texts;
  }
  const own = median(models);
  const note = `the model itself needs ${own.toFixed(1)} ms; the answer came in ${pieces} pieces`;
  return [
    {
      name: "codex.first-text.fresh",
      unit: "ms",
      peer: { name: "the app server started by itself", value: median(freshAlone) },
      ...summary(fresh),
    },
    {
      name: "codex.first-text.follow-up",
      unit: "ms",
      goal: atMost(40),
      peer: { name: "the live app server spoken to by itself", value: median(followAlone) },
      ...summary(follow),
      note,
    },
  ];
}

/** A request for Codex with a model at `url`. */
function requestOf(url: string, taskId?: number): ExecutionRequest {
  return {
    ...requestTo(url, PROMPT, taskId),
    model_config: {
      model: "openai",
      api_format: "responses",
      model_id: "gpt-test",
      base_url: url,
      api_key: KEY,
    },
  };
}

async function firstText(turn: RunningTurn, from = performance.now()): Promise<number> {
  await turn.until(({ event }) => event === "response.output_text.delta");
  const first = performance.now() - from;
  const outcome = await turn.outcome();
  if (outcome.kind !== "completed") throw new Error(`The turn ended: ${JSON.stringify(outcome)}`);
  return first;
}

/** Milliseconds a plain client waits for the model's first piece of text. */
async function modelTime(url: string): Promise<number> {
  const at = performance.now();
  const content = [{ type: "input_text", text: PROMPT }];
  const response = await fetch(`${url}/responses`, {
    method: "POST",
    body: JSON.stringify({ model: "m", input: [{ type: "message", role: "user", content }] }),
    signal: AbortSignal.timeout(60_000),
  });
  if (!response.ok || !response.body) throw new Error(`The model answers ${response.status}`);
  let first = 0;
  for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
    if (first === 0 && part.includes("output_text.delta")) first = performance.now() - at;
  }
  return first;
}
