/**
 * A relay on 127.0.0.1 before proxies that want a password: the agent and its tools get the relay's
 * address with a key of the session, and the relay logs in at the real proxy. It reads the head of a
 * connection's first request and carries everything else unread.
 */
import { sameSecret, trustedCertificates } from "../../platform/mod.ts";
import { newKey } from "./keys.ts";

const HEAD_BYTES = 64 * 1024;
const PIECE_BYTES = 64 * 1024;
const HEAD_MS = 30_000;
const MAX_CONNECTIONS = 256;
/** User name of the relay's addresses. */
const USER = "session";

/** A proxy behind the relay. */
interface Proxy {
  readonly url: URL;
  readonly key: string;
  readonly env: Readonly<Record<string, string>>;
}

/** The head of a request, and what came after it. */
interface Head {
  readonly lines: readonly string[];
  readonly rest: Uint8Array;
}

/** See the module comment. Listens from the first {@link address} on, until {@link close}. */
export class ProxyRelay {
  readonly #proxies = new Map<string, Proxy>();
  readonly #open = new Set<Deno.Conn>();
  #listener: Deno.TcpListener | null = null;
  #served = 0;

  /** @param onFault Told that a proxy cannot be reached; no password is in the message. */
  constructor(private readonly onFault: (message: string) => void) {}

  /**
   * The address that stands for `proxy`; the same each time. Null when the proxy has no password, or is
   * none that speaks HTTP.
   *
   * @param env Names the certificates for a proxy that is reached by TLS.
   */
  address(proxy: string, env: Readonly<Record<string, string>>): string | null {
    const url = URL.parse(proxy.includes("://") ? proxy : `http://${proxy}`);
    if (!url?.password || !/^https?:$/.test(url.protocol)) return null;
    let known = this.#proxies.get(url.href);
    if (!known) this.#proxies.set(url.href, known = { url, key: newKey(), env });
    return `http://${USER}:${known.key}@127.0.0.1:${this.#listen().addr.port}`;
  }

  close(): void {
    this.#listener?.close();
    this.#listener = null;
    for (const conn of this.#open) this.#drop(conn);
  }

  #listen(): Deno.TcpListener {
    if (this.#listener) return this.#listener;
    const listener = this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.#accept(listener);
    return listener;
  }

  async #accept(listener: Deno.TcpListener): Promise<void> {
    for await (const conn of listener) {
      if (this.#served >= MAX_CONNECTIONS) {
        conn.close();
        continue;
      }
      this.#served++;
      this.#open.add(conn);
      this.#serve(conn).catch(() => {
        // Either end went away; both are closed below, which is all there is to say.
      }).finally(() => {
        this.#served--;
        this.#drop(conn);
      });
    }
  }

  async #serve(conn: Deno.TcpConn): Promise<void> {
    conn.setNoDelay(true);
    const timer = setTimeout(() => this.#drop(conn), HEAD_MS);
    const head = await readHead(conn).finally(() => clearTimeout(timer));
    if (head === null) return await answer(conn, "431 Request Header Fields Too Large");
    const proxy = this.#proxyFor(head);
    if (!proxy) return await answer(conn, "407 Proxy Authentication Required");
    let upstream: Deno.TcpConn | Deno.TlsConn;
    try {
      upstream = await connect(proxy);
    } catch (error) {
      this.onFault(`Cannot reach the proxy ${proxy.url.host}: ${error}`);
      return await answer(conn, "502 Bad Gateway");
    }
    this.#open.add(upstream);
    try {
      if ("setNoDelay" in upstream) upstream.setNoDelay(true);
      await writeAll(upstream, new TextEncoder().encode(rewritten(head, proxy)));
      await writeAll(upstream, head.rest);
      await Promise.all([pump(upstream, conn), pump(conn, upstream)]);
    } finally {
      this.#drop(upstream);
    }
  }

  #proxyFor({ lines }: Head): Proxy | null {
    const given = lines.find((line) => /^proxy-authorization:/i.test(line));
    const code = given?.match(/:\s*Basic\s+([A-Za-z0-9+/=]+)\s*$/i)?.[1];
    if (code === undefined) return null;
    for (const proxy of this.#proxies.values()) {
      if (sameSecret(code, btoa(`${USER}:${proxy.key}`))) return proxy;
    }
    return null;
  }

  #drop(conn: Deno.Conn): void {
    this.#open.delete(conn);
    try {
      conn.close();
    } catch (error) {
      // Its streams have closed it already.
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }
}

async function readHead(conn: Deno.TcpConn): Promise<Head | null> {
  const buffer = new Uint8Array(HEAD_BYTES);
  for (let length = 0; length < HEAD_BYTES;) {
    const n = await conn.read(buffer.subarray(length));
    if (n === null) throw new Error("The connection ended before its request");
    const from = Math.max(0, length - 3);
    length += n;
    const end = endOfHead(buffer, from, length);
    if (end < 0) continue;
    const lines = new TextDecoder("latin1").decode(buffer.subarray(0, end - 4)).split("\r\n");
    return { lines, rest: buffer.slice(end, length) };
  }
  return null;
}

/** Index after the empty line; -1 when it has not come. */
function endOfHead(bytes: Uint8Array, from: number, length: number): number {
  for (let i = from; i + 4 <= length; i++) {
    if (bytes[i] === 13 && bytes[i + 1] === 10 && bytes[i + 2] === 13 && bytes[i + 3] === 10) {
      return i + 4;
    }
  }
  return -1;
}

async function connect({ url, env }: Proxy): Promise<Deno.TcpConn | Deno.TlsConn> {
  const hostname = url.hostname.replace(/^\[|\]$/g, "");
  if (url.protocol === "http:") {
    return await Deno.connect({ hostname, port: Number(url.port || 80) });
  }
  const caCerts = trustedCertificates(env);
  return await Deno.connectTls({ hostname, port: Number(url.port || 443), caCerts });
}

/** The head with the proxy's own login; a plain request ends its connection, so that it is the only one. */
function rewritten({ lines }: Head, { url }: Proxy): string {
  const tunnel = /^CONNECT /i.test(lines[0] ?? "");
  const dropped = tunnel
    ? /^proxy-authorization:/i
    : /^(?:proxy-authorization|proxy-connection|connection|keep-alive):/i;
  const bytes = new TextEncoder().encode(`${decoded(url.username)}:${decoded(url.password)}`);
  const login = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  return [
    ...lines.filter((line) => !dropped.test(line)),
    `Proxy-Authorization: Basic ${login}`,
    ...(tunnel ? [] : ["Connection: close"]),
    "",
    "",
  ].join("\r\n");
}

/** A part of an address without its percent signs. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    // A stray percent sign: it is no code then.
    if (error instanceof URIError) return text;
    throw error;
  }
}

/** Carries one direction to its end; the other one may go on. */
async function pump(from: Deno.Conn, to: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(PIECE_BYTES);
  for (let n = await from.read(buffer); n !== null; n = await from.read(buffer)) {
    await writeAll(to, buffer.subarray(0, n));
  }
  await to.closeWrite();
}

async function answer(conn: Deno.TcpConn, status: string): Promise<void> {
  const head = `HTTP/1.1 ${status}\r\nProxy-Authenticate: Basic realm="session"\r\n` +
    "Content-Length: 0\r\nConnection: close\r\n\r\n";
  await writeAll(conn, new TextEncoder().encode(head));
}

async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let n = 0; n < bytes.length;) n += await conn.write(bytes.subarray(n));
}
