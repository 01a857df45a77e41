/**
 * A small HTTP/1.1 server on plain sockets for fakes that have to misbehave: it can reset a connection
 * before, inside and after a response, and notices at once when the client goes away.
 */
import net from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { Pulse } from "./waiting.ts";

/** A request with its whole body. */
export interface RawRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  /** Lower-case names; of repeated headers the last one. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Answers one request; the connection stays open for the next one when the reply was ended. */
export type RawHandler = (
  request: RawRequest,
  reply: RawReply,
) => Promise<void>;

const MAX_REQUEST_BYTES = 64 * 1024 * 1024;

/** A listening server. */
export class RawHttpServer {
  #server: net.Server;
  #connections = new Map<Connection, Promise<void>>();
  #failures: unknown[] = [];
  url = "";

  /** @param keepAlive Whether a connection serves more than one request. */
  constructor(handler: RawHandler, keepAlive = true) {
    this.#server = net.createServer((socket: Socket) => {
      const connection = new Connection(socket, keepAlive);
      const served = connection.serve(handler)
        .catch((error) => void this.#failures.push(error))
        .finally(() => {
          socket.destroy();
          this.#connections.delete(connection);
        });
      this.#connections.set(connection, served);
    });
  }

  /** Starts to listen on 127.0.0.1. */
  listen(port = 0): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, "127.0.0.1", () => {
        const address = this.#server.address() as AddressInfo;
        this.url = `http://127.0.0.1:${address.port}`;
        resolve();
      });
    });
  }

  /**
   * Drops all connections and ends the server.
   *
   * @throws {AggregateError} If a handler failed.
   */
  async close(): Promise<void> {
    // Not its callback: Deno 2.6 does not call it after a client has closed its end first.
    this.#server.close();
    for (const [connection] of this.#connections) connection.drop();
    await Promise.all(this.#connections.values());
    if (this.#failures.length > 0) {
      throw new AggregateError(this.#failures, "A handler of the server failed");
    }
  }
}

/** The answer to one request. */
export class RawReply {
  #gone = new AbortController();
  #chunked = false;
  ended = false;

  constructor(readonly socket: Socket, private readonly keepAlive: boolean) {}

  /** Aborts when the client goes away or the connection is dropped. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Marks the client as gone. */
  leave(): void {
    if (!this.ended) this.#gone.abort();
  }

  /** Sends a whole answer with a body of known length. */
  send(status: number, body: string, headers: Record<string, string>): void {
    const bytes = new TextEncoder().encode(body);
    this.#head(status, { ...headers, "content-length": String(bytes.length) });
    this.socket.write(bytes);
    this.ended = true;
  }

  /** Sends the head of an answer whose length is not known. */
  open(status: number, headers: Record<string, string>): void {
    this.#chunked = true;
    this.#head(status, { ...headers, "transfer-encoding": "chunked" });
  }

  /** Sends a piece of an open answer. */
  write(text: string): void {
    if (!this.#chunked) throw new Error("The reply is not open");
    const bytes = new TextEncoder().encode(text);
    const size = bytes.length.toString(16);
    this.socket.write(`${size}\r\n`);
    this.socket.write(bytes);
    this.socket.write("\r\n");
  }

  /** Ends an open answer. */
  end(): void {
    this.socket.write("0\r\n\r\n");
    this.ended = true;
  }

  /** Resets the connection. */
  reset(): void {
    resetSocket(this.socket);
  }

  #head(status: number, headers: Record<string, string>): void {
    const all = this.keepAlive ? headers : { ...headers, connection: "close" };
    const lines = Object.entries(all).map(([k, v]) => `${k}: ${v}\r\n`);
    this.socket.write(`HTTP/1.1 ${status} Status\r\n${lines.join("")}\r\n`);
  }
}

/** Ends a connection with a reset where the runtime can (Deno 2.6 only closes it). */
export function resetSocket(socket: Socket): void {
  if (typeof socket.resetAndDestroy === "function") socket.resetAndDestroy();
  else socket.destroy();
}

class Connection {
  #pulse = new Pulse();
  #buffer: Uint8Array = new Uint8Array(0);
  #closed = false;
  #reply: RawReply | undefined;

  constructor(readonly socket: Socket, private readonly keepAlive: boolean) {
    socket.setNoDelay(true);
    socket.on("data", (part: Uint8Array) => {
      this.#buffer = joined(this.#buffer, part);
      this.#pulse.beat();
    });
    for (const event of ["end", "close", "error"]) {
      socket.on(event, () => this.#left());
    }
  }

  drop(): void {
    this.socket.destroy();
    this.#left();
  }

  async serve(handler: RawHandler): Promise<void> {
    for (;;) {
      const request = await this.#request();
      if (request === undefined) return;
      const reply = this.#reply = new RawReply(this.socket, this.keepAlive);
      if (this.#closed) reply.leave();
      await handler(request, reply);
      if (reply.ended && !this.keepAlive) this.socket.end();
      if (!reply.ended || !this.keepAlive) {
        await this.#until(() => this.#closed || undefined);
        return;
      }
      this.#reply = undefined;
    }
  }

  #left(): void {
    this.#closed = true;
    this.#reply?.leave();
    this.#pulse.beat();
  }

  async #request(): Promise<RawRequest | undefined> {
    const end = await this.#until(() => {
      const at = indexOfBlankLine(this.#buffer);
      return at >= 0 ? at : this.#closed ? -1 : undefined;
    });
    if (end < 0) return undefined;
    const [first = "", ...lines] = new TextDecoder()
      .decode(this.#buffer.subarray(0, end)).split("\r\n");
    const headers = Object.fromEntries(lines.map(headerOf));
    const [method = "", path = ""] = first.split(" ");
    const size = Number(headers["content-length"] ?? 0);
    if (headers["transfer-encoding"] || !(size <= MAX_REQUEST_BYTES)) {
      throw new Error(`Cannot read the body of ${first}`);
    }
    const start = end + 4;
    const whole = await this.#until(() =>
      this.#buffer.length >= start + size || (this.#closed ? -1 : undefined)
    );
    if (whole === -1) return undefined;
    const body = new TextDecoder()
      .decode(this.#buffer.subarray(start, start + size));
    this.#buffer = this.#buffer.slice(start + size);
    return { method, path, headers, body };
  }

  /** A day: the client or {@link drop} ends every wait. */
  #until<T>(probe: () => T | undefined): Promise<T> {
    return this.#pulse.until(probe, 86_400_000, "the client");
  }
}

function headerOf(line: string): [string, string] {
  const colon = line.indexOf(":");
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}

function indexOfBlankLine(bytes: Uint8Array): number {
  for (let i = bytes.indexOf(13); i >= 0; i = bytes.indexOf(13, i + 1)) {
    if (bytes[i + 1] === 10 && bytes[i + 2] === 13 && bytes[i + 3] === 10) {
      return i;
    }
  }
  return -1;
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0) return b;
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}
