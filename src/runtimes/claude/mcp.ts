/** MCP servers of a request in the form the CLI's configuration file wants. */
import type { ExecuteRequest } from "../../protocol/mod.ts";
import { isObject, type McpServer as Server, namedServers } from "../shared/mcp_servers.ts";

/**
 * The servers of the first bot by name (of all bots where several work together; a later one of the same
 * name wins), or null when there are none.
 *
 * @param workspace Servers of the working directory itself; one of the request replaces its namesake.
 */
export function mcpServers(
  request: ExecuteRequest,
  workspace: Readonly<Record<string, Server>> = {},
): Record<string, Server> | null {
  const servers: Record<string, Server> = { ...workspace };
  for (const [name, server] of namedServers(request)) {
    const normal = normalize(server);
    if (normal) servers[name] = normal;
  }
  return Object.keys(servers).length > 0 ? servers : null;
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
