/** Values for the CLI's `-c key=value`, which is TOML. */

export type TomlValue = string | number | boolean | readonly TomlValue[] | {
  readonly [key: string]: TomlValue;
};

/** The value as TOML; every text is quoted, so that none is taken for a number or anything else. */
export function toml(value: TomlValue): string {
  if (typeof value === "string") return quote(value);
  if (Array.isArray(value)) return `[${value.map(toml).join(",")}]`;
  if (typeof value === "object") {
    return `{${Object.entries(value).map(([k, v]) => `${quote(k)}=${toml(v)}`).join(",")}}`;
  }
  return String(value);
}

/** JSON's escapes are TOML's, except that TOML wants DEL escaped and knows no half of a pair. */
function quote(text: string): string {
  return JSON.stringify(text.toWellFormed()).replaceAll("\x7f", "\\u007f");
}

/** Arguments for overrides, in order. */
export function overrideArgs(overrides: readonly (readonly [string, TomlValue])[]): string[] {
  return overrides.flatMap(([key, value]) => ["-c", `${key}=${toml(value)}`]);
}
