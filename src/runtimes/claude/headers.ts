/** Extra HTTP headers of model requests: `Key: value` lines or a JSON object in environment variables. */

/** Reads headers from an object, JSON text of one, or `Key: value` lines; unsafe ones are dropped. */
export function parseHeaders(value: unknown): [string, string][] {
  const source = typeof value === "string" ? fromText(value) : value;
  if (typeof source !== "object" || source === null) return [];
  const pairs = Array.isArray(source) ? source : Object.entries(source);
  return pairs.filter((pair): pair is [string, string] =>
    Array.isArray(pair) && isSafe(pair[0], pair[1])
  );
}

function fromText(text: string): unknown {
  if (text.trimStart().startsWith("{")) {
    try {
      return JSON.parse(text);
    } catch (error) {
      if (error instanceof SyntaxError) return null;
      throw error;
    }
  }
  return text.split(/\r?\n/).map((line) => {
    const colon = line.indexOf(":");
    return colon > 0 ? [line.slice(0, colon).trim(), line.slice(colon + 1).trim()] : null;
  });
}

/** A line break in a name or value would smuggle in another header. */
function isSafe(name: unknown, value: unknown): boolean {
  return typeof name === "string" && /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name) &&
    typeof value === "string" && !/[\r\n\0]/.test(value);
}

/** Headers of a project's requests: those that fill a gap, and those that replace what is there. */
export interface GlobalHeaders {
  readonly defaults: Readonly<Record<string, string>>;
  readonly fixed: Readonly<Record<string, string>>;
}

function withGlobal(given: [string, string][], global: GlobalHeaders | null): [string, string][] {
  if (global === null) return given;
  const named = new Map(given.map((pair) => [pair[0].toLowerCase(), pair]));
  for (const [name, value] of parseHeaders(global.defaults)) {
    if (!named.has(name)) named.set(name, [name, value]);
  }
  for (const [name, value] of parseHeaders(global.fixed)) named.set(name, [name, value]);
  return [...named.values()];
}

/**
 * Merges the header variables of a run in place: `DEFAULT_HEADERS`/`default_headers` become one JSON
 * text under both names, and what is missing in `ANTHROPIC_CUSTOM_HEADERS` is added there.
 */
export function mergeHeaderVariables(
  env: Record<string, string>,
  global: GlobalHeaders | null = null,
): void {
  const custom = new Map<string, [string, string]>();
  for (const pair of parseHeaders(env["ANTHROPIC_CUSTOM_HEADERS"] ?? "")) {
    custom.delete(pair[0].toLowerCase());
    custom.set(pair[0].toLowerCase(), pair);
  }
  const given =
    [env["DEFAULT_HEADERS"], env["default_headers"]].map((v) => parseHeaders(v ?? "")).find((
      pairs,
    ) => pairs.length > 0) ?? [];
  const defaults = withGlobal(given, global);
  for (const pair of defaults) {
    const key = pair[0].toLowerCase();
    if (!custom.has(key)) custom.set(key, pair);
  }
  if (defaults.length > 0) {
    const json = asciiJson(Object.fromEntries(defaults));
    env["DEFAULT_HEADERS"] = json;
    env["default_headers"] = json;
  }
  if (custom.size > 0) {
    env["ANTHROPIC_CUSTOM_HEADERS"] = [...custom.values()].map(([k, v]) => `${k}: ${v}`).join("\n");
  } else delete env["ANTHROPIC_CUSTOM_HEADERS"];
}

function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[^\x20-\x7e]/g,
    (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"),
  );
}
