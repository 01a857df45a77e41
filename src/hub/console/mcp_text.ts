/** MCP servers as a person writes them: fields of a form, or JSON. Pure. */
import type { McpServer } from "../../protocol/mod.ts";

/** What the form holds; lists are texts with one entry on each line. */
export interface ServerForm {
  readonly name: string;
  readonly type: McpServer["type"];
  readonly command: string;
  readonly args: string;
  readonly env: string;
  readonly url: string;
  readonly headers: string;
}

export const EMPTY_FORM: ServerForm = {
  name: "",
  type: "stdio",
  command: "",
  args: "",
  env: "",
  url: "",
  headers: "",
};

/** Such as `npx -y server-x`, or the address. */
export function serverText(server: McpServer): string {
  return server.type === "stdio" ? [server.command, ...server.args].join(" ") : server.url;
}

export function formOf(name: string, server: McpServer): ServerForm {
  const base = { ...EMPTY_FORM, name, type: server.type };
  if (server.type !== "stdio") {
    return { ...base, url: server.url, headers: lines(server.headers, ": ") };
  }
  const { command, args, env } = server;
  return { ...base, command, args: args.join("\n"), env: lines(env, "=") };
}

/** @throws {Error} In words for the person, when a line has no name. */
export function serverOf(form: ServerForm): object {
  const { type, command, url } = form;
  if (type !== "stdio") return { type, url, headers: pairs(form.headers, ":", "Header") };
  // An argument may begin or end with blanks, but is not empty by accident.
  const args = form.args.split("\n").filter((line) => line !== "");
  return { type, command: command.trim(), args, env: pairs(form.env, "=", "Variable") };
}

/** @throws {Error} When it is no JSON object. */
export function parsedJson(text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`This is no JSON: ${error instanceof Error ? error.message : error}`);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw new Error('Paste an object, such as {"mcpServers": {…}}');
}

function lines(map: Readonly<Record<string, string>>, separator: string): string {
  return Object.entries(map).map(([name, value]) => name + separator + value).join("\n");
}

function pairs(text: string, separator: string, what: string): Record<string, string> {
  const found = text.split("\n").filter((line) => line.trim() !== "").map((line) => {
    const at = line.indexOf(separator);
    const name = line.slice(0, at).trim();
    if (at < 0 || name === "") {
      throw new Error(`${what} without a name: write it as NAME${separator}VALUE`);
    }
    return [name, line.slice(at + 1).trim()] as const;
  });
  return Object.fromEntries(found);
}
