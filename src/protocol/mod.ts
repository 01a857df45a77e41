/** Schemas and names of every message; the device and the hub import the same ones. */
export * from "./limits.ts";
export * from "./agent.ts";
export * from "./attachment.ts";
export * from "./device.ts";
export * from "./execute.ts";
export { cutText } from "./frame_text.ts";
export * from "./parse.ts";
export * from "./permission.ts";
export * from "./open_tools.ts";
export * from "./response.ts";
export * from "./runtime_rpc.ts";
export * from "./steer.ts";
export * from "./chat.ts";
export * from "./http.ts";
export * from "./extension.ts";
export * from "./settings.ts";
export * from "./mcp_server.ts";
