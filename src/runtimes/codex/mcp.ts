/** MCP servers of a request in the form Codex' configuration wants. */
import type { ExecuteRequest } from "../../protocol/mod.ts";
import { objectOf } from "./settings.ts";

type Server = Record<string, unknown>;

/** Members of a server that is reached by its address, and how Wegent's records also call them. */
const URL_MEMBERS: readonly (readonly [string, string])[] = [
  ["bearer_token_env_var", "bearerTokenEnvVar"],
  ["oauth_client_id", "oauthClientId"],
  ["oauth_resource", "oauthResource"],
];

/**
 * The servers of the first bot (of all bots where several work together), by the name they have in
 * Codex; one that is neither a command nor an address is left out.
 */
export function mcpServers(request: ExecuteRequest): Record<string, Server> {
  const together = request.mode === "coordinate" && request.bot.length > 1;
  const sources = (together ? request.bot : request.bot.slice(0, 1))
    .map((bot) => bot.mcp_servers ?? bot["mcpServers"]);
  const servers: Record<string, Server> = {};
  for (const [name, server] of sources.flatMap(named)) {
    const filled = substitute(server, request as Server) as Server;
    const normal = codexServer(filled);
    // Codex refuses any other name.
    const key = name.replace(/[^A-Za-z0-9_-]+/g, "-");
    if (normal && key !== "") servers[key] = normal;
  }
  return servers;
}

/** One record as Codex wants it; null: it names neither a command nor an address. */
export function codexServer(server: Server): Server | null {
  const command = server["command"];
  if (server["type"] === "stdio" || command) {
    if (typeof command !== "string" || command === "") return null;
    const args = Array.isArray(server["args"]) ? server["args"].map(asText) : null;
    const env = textMap(server["env"]);
    return { command, ...(args && { args }), ...(env && { env }) };
  }
  const url = server["url"] || server["base_url"];
  if (typeof url !== "string" || url === "") return null;
  const normal: Server = { url };
  for (const [name, alias] of URL_MEMBERS) {
    const value = server[name] ?? server[alias];
    if (typeof value === "string" && value !== "") normal[name] = value;
  }
  const headers = textMap(server["http_headers"] ?? server["headers"]);
  return { ...normal, ...(headers && { http_headers: headers }) };
}

function named(source: unknown): [string, Server][] {
  if (Array.isArray(source)) {
    return source.filter(isObject).flatMap((item): [string, Server][] => {
      const { name, ...rest } = item;
      return typeof name === "string" && name !== "" ? [[name, rest]] : entries(item);
    });
  }
  const object = objectOf(source);
  return object ? entries(objectOf(object["mcpServers"]) ?? object) : [];
}

function entries(object: Server): [string, Server][] {
  return Object.entries(object).filter((e): e is [string, Server] => isObject(e[1]));
}

/** Null and empty maps are left out, and so are values that are null. */
function textMap(value: unknown): Record<string, string> | null {
  const pairs = Object.entries(objectOf(value) ?? {})
    .filter(([, v]) => v !== null && v !== undefined)
    .map(([k, v]) => [k, asText(v)]).sort(([a = ""], [b = ""]) => a < b ? -1 : 1);
  return pairs.length > 0 ? Object.fromEntries(pairs) : null;
}

function asText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value) ?? "";
}

const MAX_DEPTH = 12;

/** Replaces `${{a.b.0.c}}` in every text by the value at that path of the request. */
function substitute(value: unknown, root: Server, depth = 0): unknown {
  if (depth > MAX_DEPTH) return value;
  if (typeof value === "string") {
    return value.replace(
      /\$\{\{\s*([\w.-]{1,200})\s*\}\}/g,
      (whole, path: string) => lookUp(root, path) ?? whole,
    );
  }
  if (Array.isArray(value)) return value.map((item) => substitute(item, root, depth + 1));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, substitute(item, root, depth + 1)]),
  );
}

function lookUp(root: Server, path: string): string | null {
  let value: unknown = path.startsWith("task_token") && !("task_token" in root)
    ? { task_token: root["auth_token"] }
    : root;
  for (const key of path.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return null;
    value = (value as Server)[key];
  }
  return value === undefined || value === null ? null : asText(value);
}

function isObject(value: unknown): value is Server {
  return objectOf(value) !== null;
}
