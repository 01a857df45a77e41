/** MCP servers of a request in the form the CLI's configuration file wants. */
import type { ExecuteRequest } from "../../protocol/mod.ts";

type Server = Record<string, unknown>;

/**
 * The servers of the first bot by name (of all bots where several work together; a later one of the same
 * name wins), or null when there are none.
 */
export function mcpServers(
  request: ExecuteRequest,
): Record<string, Server> | null {
  const servers: Record<string, Server> = {};
  for (const [name, server] of namedServers(request)) {
    const normal = normalize(server);
    if (normal) servers[name] = normal;
  }
  return Object.keys(servers).length > 0 ? servers : null;
}

/** The same servers as the request describes them, its placeholders filled in. */
export function namedServers(request: ExecuteRequest): [name: string, server: Server][] {
  const together = request.mode === "coordinate" && request.bot.length > 1;
  const sources = (together ? request.bot : request.bot.slice(0, 1))
    .map((bot) => bot.mcp_servers ?? bot["mcpServers"]);
  return sources.flatMap(named).map(([name, server]) => [
    name,
    substitute(server, request as Record<string, unknown>) as Server,
  ]);
}

function named(source: unknown): [string, Server][] {
  if (Array.isArray(source)) {
    return source.filter(isObject).flatMap((item): [string, Server][] => {
      const { name, ...rest } = item;
      return typeof name === "string" && name !== ""
        ? [[name, rest]]
        : Object.entries(item).filter((e): e is [string, Server] => isObject(e[1]));
    });
  }
  if (!isObject(source)) return [];
  const inner = isObject(source["mcpServers"]) ? source["mcpServers"] : source;
  return Object.entries(inner).filter((e): e is [string, Server] => isObject(e[1]));
}

function normalize(server: Server): Server | null {
  const type = server["type"] === "streamable-http" ? "http" : server["type"];
  if (type === "http" || type === "sse") {
    const url = server["url"] ?? server["base_url"];
    if (typeof url !== "string" || url === "") return null;
    const headers = server["headers"];
    return {
      type,
      url,
      ...(isObject(headers) && Object.keys(headers).length > 0 && { headers }),
    };
  }
  if (type === "stdio" || (type === undefined && server["command"])) {
    if (typeof server["command"] !== "string") return null;
    const { command, args, env } = server;
    return {
      type: "stdio",
      command,
      ...(args !== undefined && { args }),
      ...(env !== undefined && { env }),
    };
  }
  return server;
}

const MAX_DEPTH = 12;

/** Replaces `${{a.b.0.c}}` in every string by the value at that path of the request. */
function substitute(value: unknown, root: Server, depth = 0): unknown {
  if (depth > MAX_DEPTH) return value;
  if (typeof value === "string") {
    return value.replace(
      /\$\{\{\s*([\w.-]{1,200})\s*\}\}/g,
      (whole, path: string) => lookUp(root, path) ?? whole,
    );
  }
  if (Array.isArray(value)) {
    return value.map((item) => substitute(item, root, depth + 1));
  }
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map((
      [key, item],
    ) => [key, substitute(item, root, depth + 1)]),
  );
}

function lookUp(root: Server, path: string): string | null {
  let value: unknown = path.startsWith("task_token") && !("task_token" in root)
    ? { task_token: root["auth_token"] }
    : root;
  for (const key of path.split(".")) {
    if (typeof value !== "object" || value === null) return null;
    if (!Object.hasOwn(value, key)) return null;
    value = (value as Record<string, unknown>)[key];
  }
  if (value === undefined || value === null) return null;
  return typeof value === "string" ? value : JSON.stringify(value);
}

function isObject(value: unknown): value is Server {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
