/** The hub's REST interface and the page. */
import { Hono, type MiddlewareHandler } from "hono";
import { AppError, errorText, VERSION } from "../../platform/mod.ts";
import {
  aliasRequest,
  createKeyRequest,
  createUserRequest,
  linkLoginRequest,
  loginRequest,
  openDirectoryRequest,
  TO_CHAT,
} from "../../protocol/mod.ts";
import { demoResponse } from "../demo/mod.ts";
import type { HubCore } from "../core.ts";
import type { ApiKeyRow, DeviceRow, UserRow } from "../store/mod.ts";
import { openDirectory } from "../open_directory.ts";
import { asset } from "./assets.ts";
import { attachmentRoutes, deviceFileRoutes } from "./attachment_routes.ts";
import { errorResponse, knownErrorResponse } from "./errors.ts";
import { refusal, SECURITY_HEADERS } from "./guard.ts";
import { type App, bearerOf, type Env, idOf, parsed } from "./request.ts";
import { settingsRoutes } from "./settings_routes.ts";

/** Most conversations one list shows. */
const MAX_TASKS = 500;

/** Builds the interface of one hub. */
export function hubApp(core: HubCore): App {
  const app: App = new Hono<Env>();
  app.use(guard());
  app.onError((error) => {
    const known = knownErrorResponse(error);
    if (known) return known;
    core.log("error", "A request failed", { error: errorText(error) });
    return errorResponse(500, "Internal server error");
  });
  app.notFound(() => errorResponse(404, "Not Found"));
  pageRoutes(app, core);
  authRoutes(app, core);
  deviceFileRoutes(app, core);
  app.use("/api/*", authenticated(core));
  userRoutes(app, core);
  settingsRoutes(app, core);
  deviceRoutes(app, core);
  taskRoutes(app, core);
  attachmentRoutes(app, core);
  return app;
}

/** Host and origin are checked before anything else; every answer gets the security headers. */
function guard(): MiddlewareHandler {
  return async (c, next) => {
    const reason = refusal(c.req.header("host"), c.req.header("origin"));
    if (reason) c.res = errorResponse(403, reason);
    else await next();
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) {
      c.res.headers.set(name, value);
    }
    if (!c.res.headers.has("cache-control")) {
      c.res.headers.set("cache-control", "no-store");
    }
  };
}

function authenticated(core: HubCore): MiddlewareHandler<Env> {
  return async (c, next) => {
    const login = core.auth.byToken(bearerOf(c.req.raw));
    if (!login) {
      throw new AppError("token_invalid", "Could not validate credentials");
    }
    if (!login.user.is_active) {
      throw new AppError("token_invalid", "User not activated");
    }
    c.set("user", login.user);
    await next();
  };
}

function pageRoutes(app: App, core: HubCore): void {
  app.get(
    "/",
    (c) =>
      c.req.header("accept")?.includes("text/html") ? asset("/index.html")! : c.json({
        name: "wegent-executor hub",
        version: VERSION,
        socketio_path: "/socket.io",
      }),
  );
  app.get("/health", (c) => c.json({ status: "healthy", version: VERSION }));
  app.get("/assets/:file", (c) => asset(c.req.path) ?? c.notFound());
  app.all("/demo/*", (c) => core.demoInUse() ? demoResponse(c.req.raw) : c.notFound());
}

function authRoutes(app: App, core: HubCore): void {
  const bearer = (token: string) => Response.json({ access_token: token, token_type: "bearer" });
  app.post("/api/auth/login", async (c) => {
    const body = await parsed(c.req.raw, loginRequest);
    if (body instanceof Response) return body;
    return bearer(
      await core.auth.login(body.user_name, body.password, "loopback"),
    );
  });
  app.post("/api/auth/link", async (c) => {
    const body = await parsed(c.req.raw, linkLoginRequest);
    if (body instanceof Response) return body;
    return bearer(core.auth.loginWithLink(body.token));
  });
}

function userRoutes(app: App, core: HubCore): void {
  const { users } = core.store;
  app.get("/api/users/me", (c) => c.json(userView(c.get("user"))));
  app.post("/api/users", async (c) => {
    if (!c.get("user").is_admin) {
      throw new AppError("forbidden", "Only an administrator may do this");
    }
    const body = await parsed(c.req.raw, createUserRequest);
    if (body instanceof Response) return body;
    const user = await core.auth.createUser(body.user_name, body.password);
    return c.json(userView(user), 201);
  });
  app.get("/api/api-keys", (c) => {
    const items = users.keys(c.get("user").id).map(keyView);
    return c.json({ items, total: items.length });
  });
  app.post("/api/api-keys", async (c) => {
    const body = await parsed(c.req.raw, createKeyRequest);
    if (body instanceof Response) return body;
    const { row, key } = core.auth.createKey(
      c.get("user").id,
      body.name,
      body.description ?? null,
    );
    return c.json({ ...keyView(row), key }, 201);
  });
  app.post("/api/api-keys/:id/toggle-status", (c) => {
    const row = users.toggleKey(c.get("user").id, idOf(c.req.param("id")));
    if (!row) throw new AppError("not_found", "API key not found");
    return c.json(keyView(row));
  });
  app.delete("/api/api-keys/:id", (c) => {
    if (!users.deleteKey(c.get("user").id, idOf(c.req.param("id")))) {
      throw new AppError("not_found", "API key not found");
    }
    return c.body(null, 204);
  });
}

function deviceRoutes(app: App, core: HubCore): void {
  const { devices } = core.store;
  const own = (user: UserRow, deviceId: string): DeviceRow => {
    const row = devices.get(user.id, deviceId);
    if (!row) {
      throw new AppError("not_found", `Device '${deviceId}' not found`);
    }
    return row;
  };
  const changed = (user: UserRow, deviceId: string, status: string) =>
    core.audience.toUser(user.id, TO_CHAT.deviceStatus, {
      device_id: deviceId,
      status,
    });
  app.get("/api/devices", (c) => {
    const items = core.views.devices(c.get("user").id);
    return c.json({ items, total: items.length });
  });
  app.get("/api/devices/online", (c) => {
    const items = core.views.devices(c.get("user").id).filter((d) => d.status !== "offline");
    return c.json({ items, total: items.length });
  });
  app.put("/api/devices/:id/default", (c) => {
    const row = own(c.get("user"), c.req.param("id"));
    devices.setDefault(row.user_id, row.device_id);
    changed(c.get("user"), row.device_id, "default");
    return c.json({ message: `Device '${row.device_id}' set as default` });
  });
  app.delete("/api/devices/:id/default", (c) => {
    const row = own(c.get("user"), c.req.param("id"));
    if (row.is_default) devices.setDefault(row.user_id, null);
    changed(c.get("user"), row.device_id, "default");
    return c.json({
      message: `Device '${row.device_id}' is no longer the default`,
    });
  });
  app.put("/api/devices/:id/alias", async (c) => {
    const body = await parsed(c.req.raw, aliasRequest);
    if (body instanceof Response) return body;
    const row = own(c.get("user"), c.req.param("id"));
    devices.setAlias(row.user_id, row.device_id, body.alias);
    changed(c.get("user"), row.device_id, "renamed");
    return c.json({
      message: `Device alias updated to '${body.alias}'`,
      alias: body.alias,
    });
  });
  app.post("/api/devices/:id/open-directory", async (c) => {
    const body = await parsed(c.req.raw, openDirectoryRequest);
    if (body instanceof Response) return body;
    const { user_id, device_id } = own(c.get("user"), c.req.param("id"));
    await openDirectory(core, user_id, device_id, body.path);
    return c.json({ message: "The directory is open on the device's desktop" });
  });
  app.delete("/api/devices/:id", (c) => {
    const row = own(c.get("user"), c.req.param("id"));
    devices.remove(row.user_id, row.device_id);
    changed(c.get("user"), row.device_id, "deleted");
    return c.json({ message: `Device '${row.device_id}' deleted` });
  });
}

function taskRoutes(app: App, core: HubCore): void {
  const { tasks } = core.store;
  app.get("/api/tasks", (c) => {
    const items = tasks.tasks(c.get("user").id, MAX_TASKS).map((row) =>
      core.views.task(row, { status: row.status, waiting: row.waiting === 1 })
    );
    return c.json({ items, total: items.length });
  });
  app.get("/api/tasks/:id", (c) => {
    const task = tasks.task(c.get("user").id, idOf(c.req.param("id")));
    if (!task) throw new AppError("not_found", "Task not found");
    return c.json(core.views.join(task, 0));
  });
  app.post("/api/tasks/:id/cancel", (c) => {
    core.turns.cancelTask(c.get("user").id, idOf(c.req.param("id")));
    return c.json({ message: "Cancel requested" });
  });
  app.delete("/api/tasks/:id", (c) => {
    core.turns.deleteTask(c.get("user").id, idOf(c.req.param("id")));
    return c.json({ message: "Task deleted" });
  });
}

function userView(user: UserRow) {
  return {
    id: user.id,
    user_name: user.user_name,
    is_admin: user.is_admin === 1,
    is_active: user.is_active === 1,
    created_at: user.created_at,
  };
}

function keyView(row: ApiKeyRow) {
  const { id, name, key_prefix, description, expires_at, last_used_at } = row;
  return {
    id,
    name,
    key_prefix,
    description,
    expires_at,
    last_used_at,
    created_at: row.created_at,
    is_active: row.is_active === 1,
  };
}
