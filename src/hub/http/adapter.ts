/** Joins node's HTTP server (which Socket.IO needs) to a handler of web requests. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Buffer } from "node:buffer";
import { RequestBody } from "./body_stream.ts";

/** Largest request body, in bytes: the demo model is sent whole conversations. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;
/** Largest body of every other request. */
const MAX_API_BODY_BYTES = 1024 * 1024;
/** A body must have arrived within this time, in milliseconds. */
const BODY_MS = 30_000;

/** Methods a web request cannot have. */
const FORBIDDEN_METHODS: ReadonlySet<string> = new Set(["CONNECT", "TRACE", "TRACK"]);

/** Takes its body as it comes, and bounds it by itself. */
const STREAMED = /^POST \/api\/attachments(?:\?|$)/;

type Handler = (request: Request) => Response | Promise<Response>;

/**
 * A listener for `node:http` that answers with `handle`.
 *
 * @param origin Scheme and authority to build the request's URL from.
 */
export function webListener(
  origin: () => string,
  handle: Handler,
  onFault: (error: unknown) => void,
): (req: IncomingMessage, res: ServerResponse) => void {
  return (req, res) => {
    serve(req, res, origin(), handle).catch((error) => {
      onFault(error);
      if (!res.headersSent) res.writeHead(500).end();
      else res.destroy();
    });
  };
}

async function serve(
  req: IncomingMessage,
  res: ServerResponse,
  origin: string,
  handle: Handler,
): Promise<void> {
  const path = req.url?.startsWith("/") ? req.url : "/";
  const limit = path.startsWith("/demo/") ? MAX_BODY_BYTES : MAX_API_BODY_BYTES;
  const gone = new AbortController();
  res.on("close", () => gone.abort());
  const method = req.method ?? "GET";
  if (FORBIDDEN_METHODS.has(method)) {
    res.writeHead(405, { "connection": "close" }).end();
    return;
  }
  const request = { method, headers: headersOf(req), signal: gone.signal };
  if (STREAMED.test(`${method} ${path}`)) {
    return await serveStreamed(req, res, new URL(origin + path), request, handle);
  }
  const body = method === "GET" || method === "HEAD" ? null : await readBody(req, limit);
  if (body === "gone") return void res.destroy();
  if (body === "too_large") {
    res.writeHead(413, { "connection": "close" }).end();
    return;
  }
  const response = await handle(new Request(origin + path, { ...request, ...(body && { body }) }));
  res.writeHead(response.status, Object.fromEntries(response.headers));
  await sendBody(response, res, gone.signal);
}

/** A refusal may come before the whole body has. Its sender reads only once it has sent all. */
async function serveStreamed(
  req: IncomingMessage,
  res: ServerResponse,
  url: URL,
  init: RequestInit & { signal: AbortSignal },
  handle: Handler,
): Promise<void> {
  const body = new RequestBody(req);
  const response = await handle(new Request(url, { ...init, body: body.stream }));
  const whole = await body.discard();
  res.writeHead(response.status, {
    ...Object.fromEntries(response.headers),
    ...(!whole && { connection: "close" }),
  });
  await sendBody(response, res, init.signal);
}

function headersOf(req: IncomingMessage): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(req.headers)) {
    if (value === undefined) continue;
    headers.set(name, Array.isArray(value) ? value.join(", ") : value);
  }
  return headers;
}

function readBody(
  req: IncomingMessage,
  limit: number,
): Promise<Uint8Array<ArrayBuffer> | "too_large" | "gone"> {
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    let size = 0;
    const timer = setTimeout(() => resolve("gone"), BODY_MS);
    req.on("data", (chunk: Uint8Array) => {
      size += chunk.length;
      if (size <= limit) chunks.push(chunk);
    });
    req.on("end", () => {
      clearTimeout(timer);
      resolve(size > limit ? "too_large" : new Uint8Array(Buffer.concat(chunks)));
    });
    // The sender has gone away in the middle; nobody is left to be answered.
    req.on("error", () => {
      clearTimeout(timer);
      resolve("gone");
    });
  });
}

/** Streams the body at the reader's pace; stops when the reader is gone. */
async function sendBody(
  response: Response,
  res: ServerResponse,
  gone: AbortSignal,
): Promise<void> {
  const reader = response.body?.getReader();
  if (!reader) {
    res.end();
    return;
  }
  const stop = () => {
    reader.cancel().catch(() => {
      // The stream is broken already; there is nothing left to stop.
    });
  };
  gone.addEventListener("abort", stop, { once: true });
  for (;;) {
    const { done, value } = await reader.read();
    if (done || gone.aborted) break;
    if (!res.write(value)) await drained(res);
  }
  gone.removeEventListener("abort", stop);
  res.end();
}

function drained(res: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const go = () => {
      res.off("drain", go);
      res.off("close", go);
      resolve();
    };
    res.on("drain", go);
    res.on("close", go);
  });
}
