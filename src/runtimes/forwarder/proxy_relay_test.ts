import { assert, assertEquals, assertMatch } from "../../../tests/support/assert.ts";
import { ProxyRelay } from "./proxy_relay.ts";

/** A proxy that keeps the heads it is sent, and echoes what a tunnel carries. */
class EchoProxy implements AsyncDisposable {
  readonly heads: string[] = [];
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #served: Promise<void>[] = [];
  readonly #accepted: Promise<void>;

  constructor() {
    this.#accepted = this.#accept();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  async #accept(): Promise<void> {
    for await (const conn of this.#listener) this.#served.push(this.#serve(conn));
  }

  async #serve(conn: Deno.TcpConn): Promise<void> {
    const buffer = new Uint8Array(65536);
    const n = await conn.read(buffer);
    const head = new TextDecoder().decode(buffer.subarray(0, n ?? 0));
    this.heads.push(head);
    const tunnel = head.startsWith("CONNECT");
    const text = tunnel
      ? "HTTP/1.1 200 Connection established\r\n\r\n"
      : "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";
    await conn.write(new TextEncoder().encode(text));
    for (let n = tunnel ? await conn.read(buffer) : null; n !== null; n = await conn.read(buffer)) {
      for (let at = 0; at < n;) at += await conn.write(buffer.subarray(at, n));
    }
    conn.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepted;
    await Promise.all(this.#served);
  }
}

async function talk(
  address: string,
  login: string | null,
  ...head: string[]
): Promise<Deno.TcpConn> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: Number(new URL(address).port) });
  const lines = login === null ? head : [...head, `Proxy-Authorization: Basic ${btoa(login)}`];
  await conn.write(new TextEncoder().encode([...lines, "", ""].join("\r\n")));
  return conn;
}

async function readUntil(conn: Deno.TcpConn, wanted: string): Promise<string> {
  let text = "";
  const buffer = new Uint8Array(65536);
  while (!text.includes(wanted)) {
    const n = await conn.read(buffer);
    if (n === null) break;
    text += new TextDecoder().decode(buffer.subarray(0, n));
  }
  return text;
}

function loginOf(address: string): string {
  const { username, password } = new URL(address);
  return `${username}:${password}`;
}

Deno.test("ProxyRelay logs in at the real proxy and carries a tunnel both ways", async () => {
  await using proxy = new EchoProxy();
  const relay = new ProxyRelay(() => {});
  const address = relay.address(`http://me:p%40ss%2Fword@127.0.0.1:${proxy.port}`, {})!;
  assertEquals(relay.address(`http://me:p%40ss%2Fword@127.0.0.1:${proxy.port}`, {}), address);
  assert(!address.includes("p%40ss"));
  using conn = await talk(address, loginOf(address), "CONNECT a.example:443 HTTP/1.1", "X-A: 1");
  assertMatch(await readUntil(conn, "\r\n\r\n"), /^HTTP\/1\.1 200 /);
  const text = "tunnelled ".repeat(20_000);
  const write = (async () => {
    const bytes = new TextEncoder().encode(text);
    for (let n = 0; n < bytes.length;) n += await conn.write(bytes.subarray(n));
    await conn.closeWrite();
  })();
  assertEquals((await readUntil(conn, "\0")).length, text.length);
  await write;
  assertMatch(proxy.heads[0]!, /^CONNECT a\.example:443 HTTP\/1\.1\r\nX-A: 1\r\n/);
  assert(proxy.heads[0]!.includes(`Basic ${btoa("me:p@ss/word")}`));
  assert(!proxy.heads[0]!.includes(btoa(loginOf(address))), "the session's key went to the proxy");
  relay.close();
});

Deno.test("ProxyRelay carries a plain request once, with the real login", async () => {
  await using proxy = new EchoProxy();
  const relay = new ProxyRelay(() => {});
  const address = relay.address(`http://me:password@127.0.0.1:${proxy.port}`, {})!;
  using conn = await talk(
    address,
    loginOf(address),
    "GET http://a.example/ HTTP/1.1",
    "Proxy-Connection: keep-alive",
  );
  assertMatch(await readUntil(conn, "\0"), /^HTTP\/1\.1 200 .*hi$/s);
  assertMatch(proxy.heads[0]!, /\r\nConnection: close\r\n/);
  assert(!proxy.heads[0]!.includes("keep-alive"));
  relay.close();
});

Deno.test("ProxyRelay refuses whoever does not know the session's key", async () => {
  await using proxy = new EchoProxy();
  const relay = new ProxyRelay(() => {});
  const address = relay.address(`http://me:password@127.0.0.1:${proxy.port}`, {})!;
  for (const login of [null, "me:password", "session:", `${loginOf(address)}0`]) {
    using conn = await talk(address, login, "CONNECT a.example:443 HTTP/1.1");
    assertMatch(await readUntil(conn, "\0"), /^HTTP\/1\.1 407 /);
  }
  assertEquals(proxy.heads, []);
  relay.close();
});

Deno.test("ProxyRelay says that a proxy is away, leaves others alone, and ends with its owner", async () => {
  const faults: string[] = [];
  const relay = new ProxyRelay((message) => faults.push(message));
  for (
    const other of ["http://127.0.0.1:3128", "socks5://me:password@127.0.0.1:1", "127.0.0.1:1"]
  ) {
    assertEquals(relay.address(other, {}), null, other);
  }
  const address = relay.address("http://me:password@127.0.0.1:9", {})!;
  {
    using conn = await talk(address, loginOf(address), "CONNECT a.example:443 HTTP/1.1");
    assertMatch(await readUntil(conn, "\0"), /^HTTP\/1\.1 502 /);
  }
  assertEquals([faults.length, faults.join().includes("password")], [1, false]);
  relay.close();
  const after = await talk(address, null, "").then(
    (conn) => (conn.close(), "open"),
    () => "closed",
  );
  assertEquals(after, "closed");
});
