/** MCP servers of a request as it describes them; each agent brings them into its own form. */
import type { ExecuteRequest } from "../../protocol/mod.ts";

/** One server. */
export type McpServer = Record<string, unknown>;

/**
 * The servers of the first bot by name (of all bots where several work together), their placeholders filled
 * in.
 */
export function namedServers(request: ExecuteRequest): [name: string, server: McpServer][] {
  const together = request.mode === "coordinate" && request.bot.length > 1;
  const sources = (together ? request.bot : request.bot.slice(0, 1))
    .map((bot) => bot.mcp_servers ?? bot["mcpServers"]);
  return sources.flatMap(named).map(([name, server]) => [
    name,
    substitute(server, request as McpServer) as McpServer,
  ]);
}

function named(source: unknown): [string, McpServer][] {
  if (Array.isArray(source)) {
    return source.filter(isObject).flatMap((item): [string, McpServer][] => {
      const { name, ...rest } = item;
      return typeof name === "string" && name !== "" ? [[name, rest]] : entries(item);
    });
  }
  if (!isObject(source)) return [];
  return entries(isObject(source["mcpServers"]) ? source["mcpServers"] : source);
}

function entries(object: McpServer): [string, McpServer][] {
  return Object.entries(object).filter((e): e is [string, McpServer] => isObject(e[1]));
}

const MAX_DEPTH = 12;

/** Replaces `${{a.b.0.c}}` in every text by the value at that path of the request. */
function substitute(value: unknown, root: McpServer, depth = 0): unknown {
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

function lookUp(root: McpServer, path: string): string | null {
  let value: unknown = path.startsWith("task_token") && !("task_token" in root)
    ? { task_token: root["auth_token"] }
    : root;
  for (const key of path.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return null;
    value = (value as McpServer)[key];
  }
  if (value === undefined || value === null) return null;
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** True for an object that is no list. */
export function isObject(value: unknown): value is McpServer {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
