import { assert, assertEquals, assertMatch } from "../../../tests/support/assert.ts";
import { sendAtOnce } from "../../platform/mod.ts";
import { delay } from "../../platform/std/async.ts";
import { KeyForwarder } from "./forwarder.ts";
import type { Upstream } from "./upstream.ts";

// Loads the C library before a test counts what it opens.
sendAtOnce();

const REAL = "sk-real-key-0123456789";

/** What the upstream saw of a request. */
interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly body: string;
  readonly signal: AbortSignal;
}

interface World {
  readonly seen: Seen[];
  readonly faults: string[];
  readonly forwarder: KeyForwarder;
  readonly upstream: Upstream;
}

/** A forwarder before an upstream of ours, whose answers `answer` gives. */
async function withUpstream(
  answer: (request: Request) => Response | Promise<Response>,
  test: (world: World) => Promise<void>,
  more: Partial<Upstream> = {},
): Promise<void> {
  const seen: Seen[] = [];
  const faults: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (r) => {
    const { pathname, search } = new URL(r.url);
    const { method, headers, signal } = r;
    seen.push({ method, path: pathname + search, headers, body: await r.text(), signal });
    return await answer(r);
  });
  const forwarder = new KeyForwarder({ onFault: (message) => faults.push(message) });
  const upstream: Upstream = {
    base: `http://127.0.0.1:${server.addr.port}/api`,
    credentials: [
      { header: "authorization", value: `Bearer ${REAL}` },
      { header: "x-api-key", value: REAL },
    ],
    headers: [["x-tenant", "tenant-secret"]],
    env: {},
    errors: "anthropic",
    ...more,
  };
  try {
    await test({ seen, faults, forwarder, upstream });
  } finally {
    forwarder.close();
    await server.shutdown();
  }
}

const ok = () => new Response("fine");

Deno.test("KeyForwarder puts the real key in place of the session's and passes on the rest", () =>
  withUpstream(
    () =>
      new Response("fine", {
        status: 418,
        headers: { "x-a": "1", "request-id": "r", "set-cookie": "c=1", "connection": "x-a" },
      }),
    async ({ seen, forwarder, upstream }) => {
      const { url, key } = forwarder.route("a", upstream);
      const response = await fetch(`${url}/v1/messages?beta=true`, {
        method: "POST",
        body: "{}",
        headers: {
          "authorization": `Bearer ${key}`,
          "anthropic-beta": "b1,b2",
          "user-agent": "cli/1",
          "x-tenant": "mine",
        },
      });
      assertEquals([response.status, await response.text()], [418, "fine"]);
      assertEquals(response.headers.get("request-id"), "r");
      const [{ method, path, headers, body }] = seen as [Seen];
      assertEquals([method, path, body], ["POST", "/api/v1/messages?beta=true", "{}"]);
      assertEquals(headers.get("authorization"), `Bearer ${REAL}`);
      assertEquals(headers.get("x-api-key"), null);
      assertEquals(headers.get("x-tenant"), "tenant-secret");
      assertEquals(headers.get("anthropic-beta"), "b1,b2");
      assertEquals(headers.get("user-agent"), "cli/1");
      assertEquals(headers.get("content-length"), "2");
      assert(!JSON.stringify([...headers]).includes(key), "the session's key went upstream");
      await (await fetch(`${url}/v1/models`, { headers: { "x-api-key": key } })).text();
      assertEquals(seen[1]?.headers.get("x-api-key"), REAL);
      assertEquals(seen[1]?.headers.get("authorization"), null);
    },
  ));

Deno.test("KeyForwarder refuses every other key, and none at all, before it asks upstream", () =>
  withUpstream(ok, async ({ seen, forwarder, upstream }) => {
    const { url, key } = forwarder.route("a", upstream);
    const other = new KeyForwarder({ onFault: () => {} });
    const foreign = other.route("a", upstream).key;
    other.close();
    for (const given of [REAL, foreign, "", `${key}0`, key.slice(0, -1)]) {
      const response = await fetch(`${url}/v1/messages`, {
        headers: { authorization: `Bearer ${given}` },
      });
      assertEquals(response.status, 401);
      assertEquals(await response.json(), {
        type: "error",
        error: { type: "authentication_error", message: "This key is not the one of this session" },
      });
    }
    const bare = await fetch(`${url}/v1/messages`, { headers: { "x-other": key } });
    assertEquals(bare.status, 401);
    await bare.body?.cancel();
    assertEquals(seen, []);
  }));

Deno.test("KeyForwarder reaches nothing beside its upstream's address", () =>
  withUpstream(ok, async ({ seen, forwarder, upstream }) => {
    const { url, key } = forwarder.route("a", upstream);
    const { port } = new URL(url);
    // `fetch` would tidy the path up before it sends it.
    for (
      const path of [
        "/../admin",
        "/%2e%2e/admin",
        "/v1/..%2f..%2fadmin",
        "/v1/..\\..\\admin",
        "/v1/%2E%2E/%2e%2e/%2e%2e/admin",
      ]
    ) {
      const answer = await raw(Number(port), `GET ${path} HTTP/1.1`, `x-api-key: ${key}`);
      const reached = seen.splice(0).map((s) => s.path);
      assert(
        reached.every((p) => p.startsWith("/api/") && !p.includes("..")),
        `${path} → ${reached}`,
      );
      assertMatch(answer, /^HTTP\/1\.1 (?:200|400|404) /);
    }
    for (const target of ["http://127.0.0.1:9/v1", "http://example.com/v1"]) {
      await raw(Number(port), `GET ${target} HTTP/1.1`, `x-api-key: ${key}`);
      assertEquals(seen.splice(0).map((s) => s.path).filter((p) => p !== "/api/v1"), []);
    }
    const smuggled = await raw(
      Number(port),
      `CONNECT example.com:443 HTTP/1.1`,
      `x-api-key: ${key}`,
    );
    assertMatch(smuggled, /^HTTP\/1\.1 4\d\d /);
    assertEquals(seen, []);
  }));

Deno.test("KeyForwarder streams an answer piece by piece, without delay", () =>
  withUpstream(
    () => {
      let n = 0;
      const body = new ReadableStream({
        async pull(controller) {
          if (n++ === 20) return controller.close();
          await delay(5);
          controller.enqueue(new TextEncoder().encode(`data: ${performance.now()}\n\n`));
        },
      });
      return new Response(body, { headers: { "content-type": "text/event-stream" } });
    },
    async ({ forwarder, upstream }) => {
      const { url, key } = forwarder.route("a", upstream);
      const response = await fetch(`${url}/v1/messages`, {
        headers: { "x-api-key": key, "accept-encoding": "gzip, br" },
      });
      assertEquals(response.headers.get("content-type"), "text/event-stream");
      const late: number[] = [];
      for await (const text of response.body!.pipeThrough(new TextDecoderStream())) {
        for (const [, sent] of text.matchAll(/data: ([\d.]+)/g)) {
          late.push(performance.now() - Number(sent));
        }
      }
      assertEquals(late.length, 20);
      // Nagle's algorithm or a compressor would hold pieces back for 40 ms or to the end.
      const middle = late.toSorted((a, b) => a - b)[10]!;
      assert(middle < 20, `pieces came ${late.map(Math.round)} ms late`);
    },
  ));

Deno.test("KeyForwarder tells upstream when the agent goes away", () =>
  withUpstream(
    () =>
      new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue(new TextEncoder().encode("data: 1\n\n")),
          cancel: () => cancelled.resolve(),
        }),
      ),
    async ({ faults, forwarder, upstream }) => {
      const { url, key } = forwarder.route("a", upstream);
      const abort = new AbortController();
      const response = await fetch(`${url}/v1/messages`, {
        headers: { "x-api-key": key },
        signal: abort.signal,
      });
      await response.body!.getReader().read();
      abort.abort();
      await within(cancelled.promise, "the end upstream");
      assertEquals(faults, []);
    },
  ));
const cancelled = Promise.withResolvers<void>();

Deno.test("KeyForwarder ends an answer that breaks off as broken, not as whole", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const served = (async () => {
    using conn = await listener.accept();
    await conn.read(new Uint8Array(65536));
    const text = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n";
    await conn.write(new TextEncoder().encode(text));
    await delay(50);
  })();
  const forwarder = new KeyForwarder({ onFault: () => {} });
  const { url, key } = forwarder.route("a", {
    base: `http://127.0.0.1:${listener.addr.port}`,
    credentials: [{ header: "x-api-key", value: REAL }],
    headers: [],
    env: {},
    errors: "anthropic",
  });
  try {
    const response = await fetch(`${url}/v1/messages`, { headers: { "x-api-key": key } });
    const end = await response.text().then((text) => `whole: ${text}`, () => "broken");
    assertEquals(end, "broken");
    await served;
  } finally {
    forwarder.close();
    listener.close();
  }
});

Deno.test("KeyForwarder says in the agent's own shape that upstream cannot be reached", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  for (const errors of ["anthropic", "openai"] as const) {
    const faults: string[] = [];
    const forwarder = new KeyForwarder({ onFault: (message) => faults.push(message) });
    const { url, key } = forwarder.route("a", {
      base: `http://127.0.0.1:${port}`,
      credentials: [{ header: "authorization", value: `Bearer ${REAL}` }],
      headers: [],
      env: {},
      errors,
    });
    const headers = { authorization: `Bearer ${key}` };
    const response = await fetch(`${url}/v1/messages`, { method: "POST", body: "{}", headers });
    assertEquals(response.status, 502);
    const body = await response.json();
    assertEquals(body.type, errors === "anthropic" ? "error" : undefined);
    assertMatch(body.error.message, /Unable to connect to the model's server/);
    assert(!JSON.stringify([body, faults]).includes(REAL));
    assertEquals(faults.length, 1);
    forwarder.close();
  }
});

Deno.test("KeyForwarder does not follow a redirect with the key", () =>
  withUpstream(
    () => new Response(null, { status: 307, headers: { location: "http://127.0.0.1:9/steal" } }),
    async ({ seen, forwarder, upstream }) => {
      const { url, key } = forwarder.route("a", upstream);
      const response = await fetch(`${url}/v1/messages`, { headers: { "x-api-key": key } });
      assertEquals(response.status, 502);
      assertMatch((await response.json()).error.message, /redirects to another address/);
      assertEquals(seen.length, 1);
    },
  ));

Deno.test("KeyForwarder.route() keeps address and key when the real key is renewed", () =>
  withUpstream(ok, async ({ seen, forwarder, upstream }) => {
    const first = forwarder.route("a", upstream);
    const second = forwarder.route("a", {
      ...upstream,
      credentials: [{ header: "x-api-key", value: "renewed-key" }],
    });
    assertEquals(second, first);
    const another = forwarder.route("b", upstream);
    assert(another.key !== first.key);
    await (await fetch(`${first.url}/v1`, { headers: { "x-api-key": first.key } })).text();
    assertEquals(seen[0]?.headers.get("x-api-key"), "renewed-key");
  }));

Deno.test("KeyForwarder goes through the proxy of the environment, logs in there, and past it on loopback", async () => {
  const asked: string[] = [];
  const proxy = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const served = (async () => {
    using conn = await proxy.accept();
    const buffer = new Uint8Array(65536);
    const n = await conn.read(buffer);
    asked.push(new TextDecoder().decode(buffer.subarray(0, n ?? 0)));
    await conn.write(new TextEncoder().encode("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"));
  })();
  const env = { http_proxy: `http://me:p%40ss-word@127.0.0.1:${proxy.addr.port}` };
  const forwarder = new KeyForwarder({ onFault: () => {} });
  try {
    const { url, key } = forwarder.route("a", {
      base: "http://model.invalid/api",
      credentials: [{ header: "x-api-key", value: REAL }],
      headers: [],
      env,
      errors: "anthropic",
    });
    const response = await fetch(`${url}/v1`, { headers: { "x-api-key": key } });
    assertEquals([response.status, await response.text()], [200, "hi"]);
    await served;
    assertMatch(asked[0] ?? "", /^GET http:\/\/model\.invalid\/api\/v1 HTTP\/1\.1/);
    assertMatch(
      asked[0] ?? "",
      new RegExp(`proxy-authorization: Basic ${btoa("me:p@ss-word")}`, "i"),
    );
  } finally {
    forwarder.close();
    proxy.close();
  }
  const dead = { http_proxy: "http://127.0.0.1:9", HTTP_PROXY: "http://127.0.0.1:9" };
  const before = Object.keys(dead).map((name) => Deno.env.get(name));
  for (const [name, value] of Object.entries(dead)) Deno.env.set(name, value);
  try {
    await withUpstream(ok, async ({ forwarder, upstream }) => {
      const { url, key } = forwarder.route("a", upstream);
      const { port } = new URL(url);
      assertMatch(await raw(Number(port), "GET /v1 HTTP/1.1", `x-api-key: ${key}`), / 200 /);
    }, { env: dead });
  } finally {
    Object.keys(dead).forEach((name, i) =>
      before[i] === undefined ? Deno.env.delete(name) : Deno.env.set(name, before[i]!)
    );
  }
});

Deno.test("KeyForwarder bounds the size of a request and ends with its owner", () =>
  withUpstream(ok, async ({ seen, forwarder, upstream }) => {
    const { url, key } = forwarder.route("a", upstream);
    const piece = new Uint8Array(1024 * 1024);
    let sent = 0;
    const body = new ReadableStream({
      pull: (controller) => sent++ < 70 ? controller.enqueue(piece) : controller.close(),
    });
    // The server may close the connection before it has read all that is refused.
    const status = await fetch(url + "/v1", { method: "POST", body, headers: { "x-api-key": key } })
      .then(async (response) => (await response.body?.cancel(), response.status), () => 413);
    assertEquals([status, seen.length], [413, 0]);
    forwarder.close();
    await delay(20);
    const after = await fetch(url + "/v1").then(() => "open", () => "closed");
    assertEquals(after, "closed");
  }));

/** Sends a request as it is written and returns the answer up to the end of the connection. */
async function raw(port: number, ...head: string[]): Promise<string> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const text = [...head, `host: 127.0.0.1:${port}`, "connection: close", "", ""].join("\r\n");
  await conn.write(new TextEncoder().encode(text));
  return await new Response(conn.readable).text();
}

async function within(promise: Promise<void>, what: string): Promise<void> {
  const time = Promise.withResolvers<void>();
  const timer = setTimeout(() => time.reject(new Error(`Waited in vain for ${what}`)), 10_000);
  await Promise.race([promise, time.promise]);
  clearTimeout(timer);
}

Deno.test("KeyForwarder.wake() opens a connection upstream once in a while, without a key", () =>
  withUpstream(() => new Response(null, { status: 404 }), async (world) => {
    const { forwarder, seen, faults, upstream } = world;
    forwarder.wake();
    const { url, key } = forwarder.route("claude", upstream);
    forwarder.wake();
    forwarder.wake();
    await until(() => seen.length === 1);
    await fetch(`${url}/v1/messages`, { method: "POST", headers: { "x-api-key": key }, body: "{}" })
      .then((response) => response.text());
    forwarder.wake();
    await delay(50);
    assertEquals(seen.map(({ method, path }) => `${method} ${path}`), [
      "HEAD /",
      "POST /api/v1/messages",
    ]);
    assertEquals([seen[0]?.headers.get("x-api-key"), seen[0]?.headers.get("authorization")], [
      null,
      null,
    ]);
    assertEquals(faults, []);
  }));

Deno.test("KeyForwarder.wake() says nothing of an upstream that is not there: the request does", async () => {
  const faults: string[] = [];
  const forwarder = new KeyForwarder({ onFault: (message) => faults.push(message) });
  forwarder.route("claude", {
    base: "http://127.0.0.1:9",
    credentials: [{ header: "x-api-key", value: REAL }],
    headers: [],
    env: {},
    errors: "anthropic",
  });
  forwarder.wake();
  await delay(100);
  assertEquals(faults, []);
  forwarder.close();
});

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !condition(); i++) await delay(10);
  assert(condition());
}
