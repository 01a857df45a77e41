/** MCP servers of a request in the form Codex' configuration wants. */
import type { ExecuteRequest } from "../../protocol/mod.ts";
import { type McpServer as Server, namedServers } from "../shared/mcp_servers.ts";
import { objectOf } from "./settings.ts";

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
  const servers: Record<string, Server> = {};
  for (const [name, server] of namedServers(request)) {
    const normal = codexServer(server);
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
