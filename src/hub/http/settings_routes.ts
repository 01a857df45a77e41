/** What a person sets once: providers, proxy, MCP servers. */
import {
  addMcpServers,
  changeMcpServer,
  enableMcpServer,
  settingsRequest,
} from "../../protocol/mod.ts";
import type { HubCore } from "../core.ts";
import { type App, parsed } from "./request.ts";

export function settingsRoutes(app: App, core: HubCore): void {
  app.get("/api/settings", (c) => c.json(core.settings.view(c.get("user").id)));
  app.put("/api/settings", async (c) => {
    const body = await parsed(c.req.raw, settingsRequest);
    if (body instanceof Response) return body;
    core.settings.save(c.get("user").id, body);
    return c.json(core.settings.view(c.get("user").id));
  });
  mcpRoutes(app, core);
}

function mcpRoutes(app: App, { mcpServers }: HubCore): void {
  const list = (userId: number) => {
    const items = mcpServers.list(userId);
    return { items, total: items.length };
  };
  app.get("/api/mcp-servers", (c) => c.json(list(c.get("user").id)));
  app.post("/api/mcp-servers", async (c) => {
    const body = await parsed(c.req.raw, addMcpServers);
    if (body instanceof Response) return body;
    mcpServers.add(c.get("user").id, body);
    return c.json(list(c.get("user").id), 201);
  });
  app.put("/api/mcp-servers/:name", async (c) => {
    const body = await parsed(c.req.raw, changeMcpServer);
    if (body instanceof Response) return body;
    mcpServers.change(c.get("user").id, c.req.param("name"), body);
    return c.json(list(c.get("user").id));
  });
  app.put("/api/mcp-servers/:name/enabled", async (c) => {
    const body = await parsed(c.req.raw, enableMcpServer);
    if (body instanceof Response) return body;
    mcpServers.enable(c.get("user").id, c.req.param("name"), body.enabled);
    return c.json(list(c.get("user").id));
  });
  app.delete("/api/mcp-servers/:name", (c) => {
    mcpServers.remove(c.get("user").id, c.req.param("name"));
    return c.body(null, 204);
  });
}
