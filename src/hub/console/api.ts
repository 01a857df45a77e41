/** Calls of the hub's REST interface, with the sign-in of this browser. */
import type {
  DeviceInfo,
  ErrorBody,
  McpServerView,
  SettingsView,
  TaskView,
} from "../../protocol/mod.ts";

const TOKEN_KEY = "wegent-hub-token";

/** An answer of the hub that says no. */
export class ApiError extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

/** A key as the settings list it. */
export interface KeyItem {
  id: number;
  name: string;
  key_prefix: string;
  is_active: boolean;
}

export function storedToken(): string | null {
  return localStorage.getItem(TOKEN_KEY);
}

export function storeToken(token: string | null): void {
  if (token === null) localStorage.removeItem(TOKEN_KEY);
  else localStorage.setItem(TOKEN_KEY, token);
}

/** @throws {ApiError} When the hub does not answer, or says no. */
async function ask(path: string, init: RequestInit): Promise<Response> {
  const token = storedToken();
  const headers = { ...init.headers, ...(token && { authorization: `Bearer ${token}` }) };
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers });
  } catch (error) {
    throw new ApiError(0, error instanceof TypeError ? "The hub does not answer" : String(error));
  }
  if (!response.ok) throw new ApiError(response.status, errorText(await response.json()));
  return response;
}

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await ask(path, {
    method,
    ...(body !== undefined && {
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    }),
  });
  return response.status === 204 ? undefined as T : await response.json() as T;
}

function errorText(body: ErrorBody): string {
  const first = body.errors?.[0];
  if (!first) return body.detail;
  // The first part says that it is the body, which a person does not care for.
  const where = first.loc.slice(1).join(" → ");
  return where ? `${where}: ${first.msg}` : `${body.detail}: ${first.msg}`;
}

interface McpServers {
  items: McpServerView[];
}

interface Bearer {
  access_token: string;
}

export const api = {
  login: (user_name: string, password: string) =>
    call<Bearer>("POST", "/api/auth/login", { user_name, password }),
  linkLogin: (token: string) => call<Bearer>("POST", "/api/auth/link", { token }),
  me: () => call<{ user_name: string }>("GET", "/api/users/me"),
  devices: () => call<{ items: DeviceInfo[] }>("GET", "/api/devices"),
  setDefault: (id: string, on: boolean) =>
    call(on ? "PUT" : "DELETE", `/api/devices/${encodeURIComponent(id)}/default`),
  rename: (id: string, alias: string) =>
    call("PUT", `/api/devices/${encodeURIComponent(id)}/alias`, { alias }),
  openDirectory: (id: string, path: string) =>
    call("POST", `/api/devices/${encodeURIComponent(id)}/open-directory`, { path }),
  deleteDevice: (id: string) => call("DELETE", `/api/devices/${encodeURIComponent(id)}`),
  tasks: () => call<{ items: TaskView[] }>("GET", "/api/tasks"),
  deleteTask: (id: number) => call("DELETE", `/api/tasks/${id}`),
  attachment: async (id: number, signal?: AbortSignal) =>
    await (await ask(`/api/attachments/${id}/download`, signal ? { signal } : {})).blob(),
  removeAttachment: (id: number) => call("DELETE", `/api/attachments/${id}`),
  settings: () => call<SettingsView>("GET", "/api/settings"),
  saveSettings: (settings: object) => call<SettingsView>("PUT", "/api/settings", settings),
  mcpServers: () => call<McpServers>("GET", "/api/mcp-servers"),
  addMcpServers: (servers: object) => call<McpServers>("POST", "/api/mcp-servers", servers),
  changeMcpServer: (name: string, change: object) =>
    call<McpServers>("PUT", `/api/mcp-servers/${encodeURIComponent(name)}`, change),
  enableMcpServer: (name: string, enabled: boolean) =>
    call<McpServers>("PUT", `/api/mcp-servers/${encodeURIComponent(name)}/enabled`, { enabled }),
  removeMcpServer: (name: string) => call("DELETE", `/api/mcp-servers/${encodeURIComponent(name)}`),
  keys: () => call<{ items: KeyItem[] }>("GET", "/api/api-keys"),
  createKey: (name: string) => call<KeyItem & { key: string }>("POST", "/api/api-keys", { name }),
  deleteKey: (id: number) => call("DELETE", `/api/api-keys/${id}`),
};
