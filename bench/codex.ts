/** Codex without a device around it: from the prompt to its first text, in new and live conversations. */
import { CodexHarness, type RunningTurn } from "../tests/support/codex_harness.ts";
import { ResponsesModel, script } from "../tests/support/responses_model.ts";
import { atMost, type Figure, median, summary } from "./_figure.ts";

const FRESH = 7;
const FOLLOW_UPS = 15;
const PROMPT = `Say it ${script({ text: "Good. ".repeat(20), chunkSize: 6, gapMs: 2 })}`;

/** Times of one turn in milliseconds from the prompt, and how many pieces its text came in. */
interface Times {
  first: number;
  pieces: number;
}

export async function codex(): Promise<Figure[]> {
  await using model = await ResponsesModel.start();
  await using harness = await CodexHarness.create({ modelUrl: model.url });
  const cold: number[] = [];
  const resumed: number[] = [];
  const warm: number[] = [];
  const follow: number[] = [];
  const models: number[] = [];
  let pieces = 0;
  let id = "";
  for (let i = 0; i < FRESH; i++) {
    const at = performance.now();
    await harness.start();
    const turn = harness.turn(PROMPT);
    cold.push((await timesOf(turn, at)).first);
    id = turn.sessions[0] ?? "";
    const again = performance.now();
    await harness.start({ kind: "resume", id, defaultModel: null });
    resumed.push((await timesOf(harness.turn(PROMPT), again)).first);
    await harness.start();
    // The thread opens by itself.
    if (!await harness.process.settle(10_000)) throw new Error("The thread did not open");
    warm.push((await timesOf(harness.turn(PROMPT))).first);
  }
  for (let i = 0; i < FOLLOW_UPS; i++) {
    models.push(await modelTime(model.url));
    const times = await timesOf(harness.turn(PROMPT));
    follow.push(times.first);
    pieces = times.pieces;
  }
  const own = median(models);
  const over = summary(follow.map((value) => value - own));
  const note = `the model itself needs ${own.toFixed(1)} ms; the answer came in ${pieces} pieces`;
  return [
    { name: "codex.first-text.fresh", unit: "ms", ...summary(cold) },
    { name: "codex.first-text.resumed", unit: "ms", ...summary(resumed) },
    { name: "codex.first-text.waiting-process", unit: "ms", goal: atMost(80), ...summary(warm) },
    { name: "codex.first-text.follow-up", unit: "ms", goal: atMost(40), ...summary(follow) },
    { name: "codex.first-text.follow-up.over-model", unit: "ms", ...over, note },
  ];
}

async function timesOf(turn: RunningTurn, from = performance.now()): Promise<Times> {
  await turn.until(({ event }) => event === "response.output_text.delta");
  const first = performance.now() - from;
  const outcome = await turn.outcome();
  if (outcome.kind !== "completed") throw new Error(`The turn ended: ${JSON.stringify(outcome)}`);
  const deltas = turn.events.filter(({ event }) => event === "response.output_text.delta");
  return { first, pieces: deltas.length };
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
