/** One streamed request through a forwarder of its own to a server of its own, so that the code is compiled. */
import { KeyForwarder } from "./forwarder.ts";

/** Longest time for it: nothing here waits for anybody else. */
const LIMIT_MS = 5000;

/** Sends the request and reads its answer; everything it opens is closed. */
export async function rehearseForwarding(): Promise<void> {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response("data: {}\n\n", { headers: { "content-type": "text/event-stream" } }),
  );
  const forwarder = new KeyForwarder({ onFault: () => {} });
  try {
    const { url, key } = forwarder.route("rehearsal", {
      base: `http://127.0.0.1:${server.addr.port}`,
      credentials: [{ header: "x-api-key", value: "none" }],
      headers: [],
      env: {},
      errors: "anthropic",
    });
    const response = await fetch(`${url}/v1/messages`, {
      method: "POST",
      headers: { "x-api-key": key },
      body: "{}",
      signal: AbortSignal.timeout(LIMIT_MS),
    });
    await response.text();
  } finally {
    forwarder.close();
    await server.shutdown();
  }
}
