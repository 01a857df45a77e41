/** Claude behind the loopback forwarder: its environment with session-bound values instead of real keys. */
import { isSecretHeader } from "../../platform/mod.ts";
import type { Credential, ForwardSeam } from "../forwarder/mod.ts";
import { parseHeaders } from "./headers.ts";

/** Where the CLI goes when nothing says otherwise. */
const DEFAULT_BASE = "https://api.anthropic.com";

/** Variables with a key, and how the CLI sends it. */
const KEYS: readonly { name: string; header: string; scheme: string }[] = [
  { name: "ANTHROPIC_AUTH_TOKEN", header: "authorization", scheme: "Bearer " },
  { name: "ANTHROPIC_API_KEY", header: "x-api-key", scheme: "" },
];

/**
 * With one of these the CLI talks to somebody else than the base URL, by a login of its own, or with
 * settings of the connection that a forwarder could not keep.
 */
const NOT_FORWARDED =
  /^(?:CLAUDE_CODE_USE_\w+|CLAUDE_CODE_OAUTH_TOKEN|CLAUDE_CODE_CLIENT_(?:CERT|KEY)|ANTHROPIC_UNIX_SOCKET)$/;

/**
 * Puts an address and keys of the session into `env` in place of the real ones, where that is possible:
 * a key is given, and the CLI sends it to its base URL.
 *
 * @returns The real values that are not in `env` any more; empty when nothing was changed.
 */
export function forwardKeys(env: Record<string, string>, forward: ForwardSeam): string[] {
  const base = baseOf(env);
  const given = KEYS.filter(({ name }) => env[name]);
  if (base === null || given.length === 0 || !canForward(env)) return [];
  const headers = takeSecretHeaders(env);
  const credentials = given.map(({ name, header, scheme }): Credential => ({
    header,
    value: scheme + env[name],
  }));
  const secrets = [...given.map(({ name }) => env[name] ?? ""), ...headers.map(([, v]) => v)];
  const { url, key } = forward.route("claude", {
    base,
    credentials,
    headers,
    env: { ...env },
    errors: "anthropic",
  });
  for (const { name } of given) env[name] = key;
  env["ANTHROPIC_BASE_URL"] = url;
  // Otherwise the CLI leaves out what it does for this address alone.
  if (base === DEFAULT_BASE) env["_CLAUDE_CODE_ASSUME_FIRST_PARTY_BASE_URL"] = "1";
  return secrets;
}

/** The base without a slash at its end; null when requests to it cannot be forwarded. */
function baseOf(env: Readonly<Record<string, string>>): string | null {
  const url = URL.parse(env["ANTHROPIC_BASE_URL"] || DEFAULT_BASE);
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password) return null;
  if (url.search || url.hash) return null;
  return url.origin + url.pathname.replace(/\/+$/, "");
}

function canForward(env: Readonly<Record<string, string>>): boolean {
  if (env["NODE_TLS_REJECT_UNAUTHORIZED"] === "0") return false;
  return !Object.entries(env).some(([name, value]) =>
    NOT_FORWARDED.test(name) && value !== "" && value !== "0" && value !== "false"
  );
}

/** Takes headers that look like secrets out of the variables for headers; the forwarder adds them. */
function takeSecretHeaders(env: Record<string, string>): [string, string][] {
  const custom = parseHeaders(env["ANTHROPIC_CUSTOM_HEADERS"] ?? "");
  const secret = custom.filter(([name, value]) => isSecretHeader(name, value));
  if (secret.length === 0) return [];
  const open = custom.filter((pair) => !secret.includes(pair));
  delete env["ANTHROPIC_CUSTOM_HEADERS"];
  if (open.length > 0) {
    env["ANTHROPIC_CUSTOM_HEADERS"] = open.map(([name, value]) => `${name}: ${value}`).join("\n");
  }
  const taken = new Set(secret.map(([name]) => name.toLowerCase()));
  for (const name of ["DEFAULT_HEADERS", "default_headers"]) {
    const rest = parseHeaders(env[name] ?? "").filter(([key]) => !taken.has(key.toLowerCase()));
    delete env[name];
    if (rest.length > 0) env[name] = JSON.stringify(Object.fromEntries(rest));
  }
  return secret.map(([name, value]) => [name.toLowerCase(), value]);
}
