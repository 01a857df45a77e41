/**
 * An HTTP server on 127.0.0.1 that holds the real keys of a session. An agent gets its address and a
 * random key that is good here only, so that nothing the agent runs can read a key worth stealing.
 *
 * Answers are streamed. Requests are read whole first: they are short, a model begins only when it has
 * all of them, and `fetch` would send a streamed one without its length, which some gateways refuse.
 */
import { errorText, sendAtOnce } from "../../platform/mod.ts";
import { ClientCache } from "./client.ts";
import { newKey } from "./keys.ts";
import { ProxyRelay } from "./proxy_relay.ts";
import {
  carriesKey,
  errorResponse,
  type ForwardRoute,
  type ForwardSeam,
  requestHeaders,
  responseHeaders,
  targetOf,
  type Upstream,
} from "./upstream.ts";

/** Largest request, in bytes; the API itself takes 32 MB. */
const MAX_BODY = 64 * 1024 * 1024;
/** Bytes of requests in memory at a time. */
const MAX_BODIES = 128 * 1024 * 1024;
/** Requests at a time. */
const MAX_REQUESTS = 64;
/** A connection that was used so lately is open still, in milliseconds. */
const STILL_OPEN_MS = 30_000;
/** Limit for opening one early. */
const WAKE_MS = 5000;
/** Ports of connections that are remembered as known. */
const MAX_KNOWN = 256;
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
const NULL_BODY = new Set([204, 205, 304]);

interface Route {
  upstream: Upstream;
  readonly key: string;
  readonly clients: ClientCache;
  /** When something last went upstream, in milliseconds; a connection is open for a while after that. */
  lastUsed: number;
}

/** What a forwarder tells its owner. */
export interface ForwarderEvents {
  /** A request did not reach its upstream; no key is in the message. */
  onFault(message: string): void;
}

/** Thrown inside to answer a request with an error. */
class Refusal extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

/** See the module comment. Listens from the first {@link route} on, until {@link close}. */
export class KeyForwarder implements ForwardSeam {
  readonly #routes = new Map<string, Route>();
  readonly #stop = new AbortController();
  readonly #known = new Set<number>();
  #server: Deno.HttpServer<Deno.NetAddr> | null = null;
  #requests = 0;
  #bodies = 0;

  readonly #relay: ProxyRelay;

  constructor(private readonly events: ForwarderEvents) {
    this.#relay = new ProxyRelay((message) => events.onFault(message));
  }

  /**
   * The way to `upstream` for the agent called `name`. The same name gives the same address and key
   * again, with the upstream of now: a renewed key needs no new agent.
   */
  route(name: string, upstream: Upstream): ForwardRoute {
    let route = this.#routes.get(name);
    if (route) route.upstream = upstream;
    else {
      route = { upstream, key: newKey(), clients: new ClientCache(), lastUsed: 0 };
      this.#routes.set(name, route);
    }
    // Reading certificates takes time, which the agent's start hides.
    route.clients.get(upstream.base, upstream.env);
    const { port } = this.#listen().addr;
    return { url: `http://127.0.0.1:${port}`, key: route.key };
  }

  /**
   * Opens the connections upstream that have been idle for long, as a request is about to come: that saves it
   * the round trips of TCP and TLS. Done as the CLI does it by itself, by a request for the root without a key.
   */
  wake(): void {
    for (const route of this.#routes.values()) {
      if (Date.now() - route.lastUsed < STILL_OPEN_MS) continue;
      route.lastUsed = Date.now();
      void this.#connect(route);
    }
  }

  async #connect({ upstream, clients }: Route): Promise<void> {
    try {
      const response = await fetch(`${new URL(upstream.base).origin}/`, {
        method: "HEAD",
        redirect: "manual",
        signal: AbortSignal.any([this.#stop.signal, AbortSignal.timeout(WAKE_MS)]),
        client: clients.get(upstream.base, upstream.env),
      });
      await response.body?.cancel();
    } catch (error) {
      // The request that follows meets the same fault, and tells.
      if (!(error instanceof Error)) throw error;
    }
  }

  proxy(address: string, env: Readonly<Record<string, string>>): string | null {
    return this.#relay.address(address, env);
  }

  /** Ends the server and all that goes through it. */
  close(): void {
    this.#relay.close();
    this.#stop.abort();
    for (const { clients } of this.#routes.values()) clients.close();
    this.#routes.clear();
  }

  #listen(): Deno.HttpServer<Deno.NetAddr> {
    return this.#server ??= Deno.serve({
      hostname: "127.0.0.1",
      port: 0,
      signal: this.#stop.signal,
      onListen: () => {},
      onError: (error) => this.#failed(error, "anthropic"),
    }, (request, info) => this.#handle(request, info));
  }

  async #handle(
    request: Request,
    info: Deno.ServeHandlerInfo<Deno.NetAddr>,
  ): Promise<Response> {
    this.#sendAtOnce(info.remoteAddr.port);
    const route = this.#routeOf(request.headers);
    if (!route) return keyless(request);
    const shape = route.upstream.errors;
    if (this.#requests >= MAX_REQUESTS) {
      return errorResponse(529, `More than ${MAX_REQUESTS} requests at a time`, shape);
    }
    this.#requests++;
    const done = () => void this.#requests--;
    info.completed.then(done, done);
    try {
      return await this.#forward(route, request);
    } catch (error) {
      return this.#failed(error, shape);
    }
  }

  #routeOf(headers: Headers): Route | null {
    for (const route of this.#routes.values()) {
      const { key, upstream } = route;
      if (upstream.credentials.some(({ header }) => carriesKey(headers.get(header), key))) {
        return route;
      }
    }
    return null;
  }

  async #forward(route: Route, request: Request): Promise<Response> {
    const { upstream, key, clients } = route;
    route.lastUsed = Date.now();
    if (!METHODS.has(request.method)) throw new Refusal(400, "This method is not forwarded");
    const target = targetOf(upstream, request.url);
    if (target === null) throw new Refusal(404, "This address is not forwarded");
    const body = await this.#read(request);
    let response: Response;
    try {
      response = await fetch(target, {
        method: request.method,
        headers: requestHeaders(upstream, request.headers, key),
        body,
        // Followed by itself, a redirect would take the key along to wherever it leads.
        redirect: "manual",
        signal: request.signal,
        client: clients.get(upstream.base, upstream.env),
      });
    } finally {
      this.#bodies -= body?.length ?? 0;
    }
    if (response.status >= 300 && response.status < 400 && response.headers.has("location")) {
      await response.body?.cancel();
      throw new Refusal(502, `${origin(upstream)} redirects to another address; set that one`);
    }
    return new Response(NULL_BODY.has(response.status) ? null : response.body, {
      status: response.status,
      headers: responseHeaders(response.headers),
    });
  }

  /** The whole body, counted in {@link MAX_BODIES} until the caller is through with it. */
  async #read(request: Request): Promise<Uint8Array<ArrayBuffer> | null> {
    if (request.body === null) return null;
    const chunks: Uint8Array[] = [];
    let length = 0;
    try {
      for await (const chunk of request.body) {
        chunks.push(chunk);
        length += chunk.length;
        this.#bodies += chunk.length;
        if (length > MAX_BODY) throw new Refusal(413, `The request exceeds ${MAX_BODY} bytes`);
        if (this.#bodies > MAX_BODIES) throw new Refusal(529, "Too many large requests at a time");
      }
    } catch (error) {
      this.#bodies -= length;
      throw error;
    }
    const body = new Uint8Array(length);
    let at = 0;
    for (const chunk of chunks) {
      body.set(chunk, at);
      at += chunk.length;
    }
    return body;
  }

  #failed(error: unknown, shape: Upstream["errors"]): Response {
    if (error instanceof Refusal) return errorResponse(error.status, error.message, shape);
    const aborted = error instanceof DOMException && error.name === "AbortError";
    const reason = errorText(error);
    // The agent has gone away itself: nobody reads the answer.
    if (!aborted) this.events.onFault(reason);
    return errorResponse(502, `Unable to connect to the model's server: ${reason}`, shape);
  }

  /** A new connection would send small pieces of a stream 40 ms late; see `sendAtOnce()`. */
  #sendAtOnce(port: number): void {
    if (this.#known.has(port)) return;
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.add(port);
    sendAtOnce();
  }
}

/** An agent asks for `/` without a key to open a connection early. */
function keyless(request: Request): Response {
  const early = request.method === "HEAD" && new URL(request.url).pathname === "/";
  if (early) return new Response(null, { status: 200 });
  return errorResponse(401, "This key is not the one of this session");
}

function origin({ base }: Upstream): string {
  return new URL(base).origin;
}
