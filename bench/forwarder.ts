/** What the forwarder of keys costs a request of an agent's usual size: through it and past it. */
import { KeyForwarder, type Upstream } from "../src/runtimes/forwarder/mod.ts";
import { say, script, startModel } from "../tests/support/model.ts";
import { atMost, type Figure, median, summary } from "./_figure.ts";

const WARM_UPS = 20;
const RUNS = 100;
/** Bytes of what Claude Code sends with every request: its tools and instructions. */
const USUAL = 80_000;

export async function forwarder(): Promise<Figure[]> {
  await using model = await startModel();
  const forwarder = new KeyForwarder({
    onFault: (message) => {
      throw new Error(message);
    },
  });
  try {
    const upstream: Upstream = {
      base: model.url,
      credentials: [{ header: "x-api-key", value: "sk-ant-real" }],
      headers: [],
      errors: "anthropic",
      env: {},
    };
    const { url, key } = forwarder.route("claude", upstream);
    const past: number[] = [];
    const through: number[] = [];
    for (let i = 0; i < WARM_UPS + RUNS; i++) {
      const direct = await firstText(model.url, "sk-ant-real");
      const forwarded = await firstText(url, key);
      if (i < WARM_UPS) continue;
      past.push(direct);
      through.push(forwarded - direct);
    }
    return [{
      name: "forwarder",
      unit: "ms",
      goal: atMost(2),
      ...summary(through),
      note: `on top of the request's own ${median(past).toFixed(1)} ms`,
    }];
  } finally {
    forwarder.close();
  }
}

/** Milliseconds from a request to the first text of its answer. */
async function firstText(url: string, key: string): Promise<number> {
  const startedAt = performance.now();
  const response = await fetch(`${url}/v1/messages`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-api-key": key },
    body: JSON.stringify({
      model: "m",
      max_tokens: 1000,
      stream: true,
      system: "x".repeat(USUAL),
      tools: [{ name: "t", input_schema: {} }],
      messages: [{ role: "user", content: `Say it ${script(say("Good."))}` }],
    }),
    signal: AbortSignal.timeout(60_000),
  });
  if (!response.ok || !response.body) throw new Error(`The model answers ${response.status}`);
  let first = 0;
  for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
    if (first === 0 && part.includes("text_delta")) first = performance.now() - startedAt;
  }
  return first;
}
