/** `wegent-executor config get|set|path`. */
import { configFile, configPath, readConfigFile, writeConfigFile } from "../config/mod.ts";
import { AppError, EXIT } from "../platform/mod.ts";
import { parseFlags, type Usage, usageError } from "./arguments.ts";
import { configSources } from "./environment.ts";
import { print } from "./output.ts";

const USAGE: Usage = {
  name: "config",
  examples: [
    "wegent-executor config path",
    "wegent-executor config get connection.backend_url",
    "wegent-executor config set sandbox.mode required",
  ],
  summary:
    "Shows or changes the device's configuration file; a running device reads it at `restart`.",
  positionals: "get [KEY] | set KEY VALUE | path",
  maxPositionals: 3,
  flags: [{
    name: "config",
    value: "FILE",
    help: "Another configuration file",
  }],
};

/** Keys whose values are never printed. */
const SECRETS = /(token|password|api_key)$/;

export default function config(args: string[]): Promise<number> {
  const parsed = parseFlags(USAGE, args);
  if (!parsed) return Promise.resolve(EXIT.ok);
  const path = configPath(configSources(parsed.flags));
  const [action, key, value] = parsed.positionals;
  if (action === "path") print(path);
  else if (action === "get") get(path, key);
  else if (action === "set" && key && value !== undefined) {
    set(path, key, value);
  } else throw usageError(USAGE, 'Expected "get", "set KEY VALUE" or "path"');
  return Promise.resolve(EXIT.ok);
}

function get(path: string, key: string | undefined): void {
  const file = readConfigFile(path) ?? {};
  const found = key === undefined ? file : key.split(".").reduce<unknown>(step, file);
  if (found === undefined) {
    throw new AppError("config_unset", `"${key}" is not set`);
  }
  const shown = JSON.stringify(
    found,
    (k, v) => SECRETS.test(k) && v ? "***" : v,
    2,
  );
  print(
    key && SECRETS.test(key) && found ? "***" : typeof found === "string" ? found : shown,
  );
}

function step(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null &&
      Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined;
}

function set(path: string, key: string, text: string): void {
  const file: Record<string, unknown> = structuredClone(
    readConfigFile(path) ?? {},
  );
  const keys = key.split(".");
  const last = keys.pop()!;
  let target = file;
  for (const name of keys) {
    if (name === "__proto__" || !name) {
      throw usageError(USAGE, `Cannot set "${key}"`);
    }
    const next = Object.hasOwn(target, name) ? target[name] : {};
    if (typeof next !== "object" || next === null) {
      throw usageError(USAGE, `Cannot set "${key}": "${name}" is no section`);
    }
    target = target[name] = next as Record<string, unknown>;
  }
  if (last === "__proto__" || !last) {
    throw usageError(USAGE, `Cannot set "${key}"`);
  }
  target[last] = parseValue(text);
  let checked = configFile.safeParse(file);
  if (!checked.success) {
    target[last] = text;
    checked = configFile.safeParse(file);
  }
  if (!checked.success) {
    throw usageError(
      USAGE,
      `Cannot set "${key}" to "${text}": ${checked.error.issues[0]?.message}`,
    );
  }
  writeConfigFile(path, checked.data);
}

/** Numbers, booleans and JSON lists as such, anything else as text. */
function parseValue(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value !== null && typeof value === "object" && !Array.isArray(value) ? text : value;
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}
