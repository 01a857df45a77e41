/** Files of messages: upload, download, and the device's way to them. */
import { uploadQuery } from "../../protocol/mod.ts";
import type { OpenFile } from "../attachments.ts";
import type { HubCore } from "../core.ts";
import { validationResponse } from "./errors.ts";
import { type App, bearerOf, idOf } from "./request.ts";

/** For devices: a token of the attempt takes the place of a sign-in. */
export function deviceFileRoutes(app: App, core: HubCore): void {
  app.get("/api/attachments/:id/executor-download", async (c) => {
    const token = bearerOf(c.req.raw);
    return served(await core.attachments.openForDevice(token, idOf(c.req.param("id"))));
  });
}

/** For the owner, who is signed in. */
export function attachmentRoutes(app: App, core: HubCore): void {
  app.post("/api/attachments", async (c) => {
    const query = uploadQuery.safeParse(c.req.query());
    if (!query.success) return validationResponse(query.error, "query");
    const announced = Number(c.req.header("content-length") ?? NaN);
    const view = await core.attachments.save(c.get("user").id, {
      filename: query.data.filename,
      mimeType: c.req.header("content-type") ?? null,
      size: Number.isSafeInteger(announced) ? announced : null,
      body: c.req.raw.body ?? new Blob([]).stream(),
    });
    return c.json(view, 201);
  });
  app.get("/api/attachments/:id/download", async (c) => {
    return served(await core.attachments.open(c.get("user").id, idOf(c.req.param("id"))));
  });
  app.delete("/api/attachments/:id", (c) => {
    core.attachments.discard(c.get("user").id, idOf(c.req.param("id")));
    return c.body(null, 204);
  });
}

/** As a download, whatever it is: nothing of it is ever a page of this hub. */
function served({ row, body }: OpenFile): Response {
  return new Response(body, {
    headers: {
      "content-type": row.mime_type,
      "content-length": String(row.size),
      "content-disposition": `attachment; filename*=UTF-8''${encodeName(row.filename)}`,
    },
  });
}

/** Of RFC 8187: more is encoded than in a URL. */
function encodeName(name: string): string {
  return encodeURIComponent(name).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
