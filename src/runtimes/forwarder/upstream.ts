/** The server behind the forwarder: which requests may reach it, and with what headers. */
import { sameSecret } from "../../platform/mod.ts";

/** A header that carries a key. */
export interface Credential {
  /** Lower case, such as `authorization` or `x-api-key`. */
  readonly header: string;
  /** The real value, with its scheme: `Bearer sk-…`. */
  readonly value: string;
}

/** What an agent reaches with its session-bound key, and nothing else. */
export interface Upstream {
  /** Address without user, query and trailing slash: `https://api.example.com/prefix`. */
  readonly base: string;
  /** Headers that may carry the session-bound key; it is replaced by the real value. At least one. */
  readonly credentials: readonly Credential[];
  /** Further headers of every request; they win over the agent's. Names in lower case. */
  readonly headers: readonly (readonly [string, string])[];
  /** Environment with the proxy and the certificates for the way there. */
  readonly env: Readonly<Record<string, string>>;
  /** Whose shape our own errors have. */
  readonly errors: "anthropic" | "openai";
}

/** What the agent is given instead of address and key. */
export interface ForwardRoute {
  /** Stands for {@link Upstream.base}; without a trailing slash. */
  readonly url: string;
  /** Good for this route only, as long as the forwarder lives. */
  readonly key: string;
}

/** What a runtime needs of a forwarder. */
export interface ForwardSeam {
  /** The way to `upstream` for the agent called `name`, the same each time. */
  route(name: string, upstream: Upstream): ForwardRoute;
  /**
   * The address that stands for a proxy with a password, the same each time; null: it stays as it is.
   *
   * @param env Names the certificates for the way to it.
   */
  proxy(address: string, env: Readonly<Record<string, string>>): string | null;
}

/** Headers of one connection, and those `fetch` sets itself. */
const NOT_PASSED = new Set(
  ("connection keep-alive proxy-connection proxy-authenticate proxy-authorization te trailer " +
    "transfer-encoding upgrade host content-length expect accept-encoding").split(" "),
);

/** True when `value`, with or without a scheme before it, is `key`. */
export function carriesKey(value: string | null, key: string): boolean {
  return value !== null && sameSecret(value.replace(/^Bearer\s+/i, "").trim(), key);
}

/** Address of a request upstream; null when it would leave the base. */
export function targetOf(upstream: Upstream, requestUrl: string): string | null {
  const { pathname, search } = new URL(requestUrl);
  // A server may take an encoded slash or backslash for a plain one.
  if (/%2f|%5c|\\/i.test(pathname) && pathname.includes("..")) return null;
  const target = URL.parse(upstream.base + pathname + search);
  const base = new URL(upstream.base);
  const prefix = base.pathname.replace(/\/+$/, "");
  return target?.origin === base.origin && target.pathname.startsWith(`${prefix}/`)
    ? target.href
    : null;
}

/** Headers for upstream: the agent's, with the real credentials in place of its own. */
export function requestHeaders(upstream: Upstream, given: Headers, key: string): Headers {
  const headers = passed(given);
  // No buffering by a decompressor in between.
  headers.set("accept-encoding", "identity");
  for (const { header, value } of upstream.credentials) {
    if (carriesKey(given.get(header), key)) headers.set(header, value);
    else headers.delete(header);
  }
  for (const [name, value] of upstream.headers) headers.set(name, value);
  return headers;
}

/** Headers for the agent; the length stays known where it was. */
export function responseHeaders(given: Headers): Headers {
  const headers = passed(given);
  const length = given.get("content-length");
  if (length !== null) headers.set("content-length", length);
  // Otherwise our own server would compress the stream.
  headers.append("cache-control", "no-transform");
  return headers;
}

function passed(given: Headers): Headers {
  const named = new Set(
    (given.get("connection") ?? "").split(",").map((name) => name.trim().toLowerCase()),
  );
  return new Headers(
    [...given].filter(([name]) => !NOT_PASSED.has(name) && !named.has(name)),
  );
}

const ERROR_TYPES: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  404: "not_found_error",
  413: "request_too_large",
  502: "api_error",
  529: "overloaded_error",
};

/** An error of ours as the model's server would say it. */
export function errorResponse(
  status: number,
  message: string,
  shape: Upstream["errors"] = "anthropic",
): Response {
  const type = ERROR_TYPES[status] ?? "api_error";
  const body = shape === "anthropic"
    ? { type: "error", error: { type, message } }
    : { error: { message, type, param: null, code: null } };
  return Response.json(body, { status });
}
