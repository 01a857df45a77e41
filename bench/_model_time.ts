/** What a model needs by itself: one request by a plain client. */

/** Milliseconds from the request to its first and its last piece of text. */
export async function modelTime(
  url: string,
  prompt: string,
): Promise<{ first: number; last: number }> {
  const startedAt = performance.now();
  const response = await fetch(`${url}/v1/messages`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      model: "m",
      max_tokens: 1000,
      stream: true,
      tools: [{ name: "t", input_schema: {} }],
      messages: [{ role: "user", content: prompt }],
    }),
    signal: AbortSignal.timeout(60_000),
  });
  if (!response.ok || !response.body) throw new Error(`The model answers ${response.status}`);
  const times = { first: 0, last: 0 };
  for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
    if (!part.includes("text_delta")) continue;
    times.last = performance.now() - startedAt;
    times.first ||= times.last;
  }
  return times;
}
