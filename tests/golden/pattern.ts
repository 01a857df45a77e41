/**
 * Patterns of values: what a golden file says of an event's data, and whether a value fits. Placeholders
 * bind: the same name stands for the same value in the whole file.
 */

/** A placeholder `<name>`, or `<name:key>`. */
export interface Hole {
  readonly kind: "hole";
  readonly name: string;
  readonly key: string;
}

/** A part of a text: as it is, or a placeholder. */
export type TextPart = string | Hole;

export type Pattern =
  | { readonly kind: "plain"; readonly value: number | boolean | null }
  | { readonly kind: "text"; readonly parts: readonly TextPart[] }
  | { readonly kind: "regex"; readonly regex: RegExp }
  /** A text that is the JSON of something that fits. */
  | { readonly kind: "json"; readonly of: Pattern }
  | { readonly kind: "list"; readonly items: readonly Pattern[] }
  | ObjectPattern
  | Hole;

export interface ObjectPattern {
  readonly kind: "object";
  readonly members: Readonly<Record<string, Pattern>>;
  /** Further members may be there. */
  readonly open: boolean;
}

/** What placeholders stand for, so far. */
export interface Bindings {
  /** Known beforehand, by name. */
  readonly constants: Readonly<Record<string, string | number>>;
  /** Found on the way, by name and key. */
  readonly bound: Map<string, unknown>;
}

/** Where and why a value does not fit. */
export interface Mismatch {
  readonly path: string;
  readonly wanted: string;
  readonly got: unknown;
}

/** What a value must be to be bound to a name. */
const BINDABLE: Readonly<Record<string, (value: unknown) => boolean>> = {
  id: (value) => typeof value === "string" && value.trim() !== "",
  resp: (value) => typeof value === "string" && /^resp_[0-9a-f]{24}$/.test(value),
  created: (value) =>
    typeof value === "number" && Number.isInteger(value) &&
    Math.abs(value - Date.now() / 1000) < 600,
};

/** What a value must be that is only looked at. */
const LOOKED_AT: Readonly<Record<string, (value: unknown) => boolean>> = {
  int: (value) => typeof value === "number" && Number.isInteger(value) && value >= 0,
  text: (value) => typeof value === "string" && value !== "",
  any: () => true,
  list: (value) => Array.isArray(value),
};

/** Names a placeholder may have. */
export const HOLES: ReadonlySet<string> = new Set([
  ...Object.keys(BINDABLE),
  ...Object.keys(LOOKED_AT),
  ..."msg task subtask device workdir home".split(" "),
]);

/** Null when `value` fits; placeholders are bound on the way. */
export function match(
  pattern: Pattern,
  value: unknown,
  bindings: Bindings,
  path = "data",
): Mismatch | null {
  const no = (wanted: string): Mismatch => ({ path, wanted, got: value });
  switch (pattern.kind) {
    case "plain":
      return value === pattern.value ? null : no(String(pattern.value));
    case "hole":
      return fits(pattern, value, bindings) ? null : no(holeWords(pattern, bindings));
    case "text":
      return textFits(pattern.parts, value, bindings) ? null : no(textWords(pattern.parts));
    case "regex":
      return typeof value === "string" && pattern.regex.test(value)
        ? null
        : no(String(pattern.regex));
    case "json": {
      const parsed = typeof value === "string" ? parseJson(value) : undefined;
      return parsed === undefined
        ? no("the text of JSON")
        : match(pattern.of, parsed, bindings, `${path} (JSON)`);
    }
    case "list": {
      if (!Array.isArray(value)) return no("a list");
      if (value.length !== pattern.items.length) return no(`${pattern.items.length} items`);
      return first(pattern.items, (item, n) => match(item, value[n], bindings, `${path}[${n}]`));
    }
    case "object":
      return matchObject(pattern, value, bindings, path);
  }
}

function matchObject(
  pattern: ObjectPattern,
  value: unknown,
  bindings: Bindings,
  path: string,
): Mismatch | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { path, wanted: "an object", got: value };
  }
  const given = value as Record<string, unknown>;
  const found = first(Object.entries(pattern.members), ([name, member]) => {
    if (Object.hasOwn(given, name)) return match(member, given[name], bindings, `${path}.${name}`);
    return { path: `${path}.${name}`, wanted: "a member", got: undefined };
  });
  if (found || pattern.open) return found;
  const extra = Object.keys(given).find((name) => !Object.hasOwn(pattern.members, name));
  if (extra === undefined) return null;
  return { path: `${path}.${extra}`, wanted: "no such member", got: given[extra] };
}

/** The pattern with the members that `base` has and it does not, at every depth. */
export function complete(pattern: ObjectPattern, base: ObjectPattern): ObjectPattern {
  const members: Record<string, Pattern> = { ...pattern.members };
  for (const [name, member] of Object.entries(base.members)) {
    const own = members[name];
    if (own === undefined) members[name] = member;
    else if (own.kind === "object" && member.kind === "object") {
      members[name] = complete(own, member);
    }
  }
  return { ...pattern, members };
}

function fits(hole: Hole, value: unknown, bindings: Bindings): boolean {
  const constant = bindings.constants[hole.name];
  if (constant !== undefined) return value === constant;
  const look = LOOKED_AT[hole.name];
  if (look) return look(value);
  const key = keyOf(hole);
  if (bindings.bound.has(key)) return bindings.bound.get(key) === value;
  if (!BINDABLE[hole.name]?.(value)) return false;
  // Two names never stand for the same thing.
  for (const [other, taken] of bindings.bound) {
    if (other.startsWith(`${hole.name}:`) && taken === value) return false;
  }
  bindings.bound.set(key, value);
  return true;
}

function keyOf({ name, key }: Hole): string {
  return `${name}:${key}`;
}

function holeWords(hole: Hole, { constants, bound }: Bindings): string {
  const known = constants[hole.name] ?? bound.get(keyOf(hole));
  const name = `<${hole.name}${hole.key && `:${hole.key}`}>`;
  return known === undefined ? name : `${name}, which is ${JSON.stringify(known)}`;
}

function textWords(parts: readonly TextPart[]): string {
  return JSON.stringify(
    parts.map((part) =>
      typeof part === "string" ? part : `<${part.name}${part.key && `:${part.key}`}>`
    ).join(""),
  );
}

/** Whether a text fits a text with placeholders in it. */
function textFits(parts: readonly TextPart[], value: unknown, bindings: Bindings): boolean {
  if (typeof value !== "string") return false;
  const known = parts.map((part) => typeof part === "string" ? part : knownText(part, bindings));
  if (known.every((part) => part !== null)) return known.join("") === value;
  // What is known at both ends may be longer than an expression takes.
  const start = known.indexOf(null);
  const end = known.lastIndexOf(null) + 1;
  const [prefix, suffix] = [known.slice(0, start).join(""), known.slice(end).join("")];
  if (!value.startsWith(prefix) || !value.slice(prefix.length).endsWith(suffix)) return false;
  const middle = value.slice(prefix.length, value.length - suffix.length);
  const expression = parts.slice(start, end).map((part, n) => {
    const text = known[start + n];
    if (typeof text === "string") return escaped(text);
    return (part as Hole).name === "int" ? "(\\d+)" : "([\\s\\S]+?)";
  });
  const [, ...found] = new RegExp(`^${expression.join("")}$`).exec(middle) ?? [null];
  const holes = parts.filter((_, n): _ is Hole => known[n] === null);
  return found.length === holes.length && holes.every((hole, n) => {
    const text = found[n] ?? "";
    return fits(hole, hole.name === "int" ? Number(text) : text, bindings);
  });
}

function knownText(hole: Hole, { constants, bound }: Bindings): string | null {
  const known = constants[hole.name] ?? bound.get(keyOf(hole));
  return known === undefined ? null : String(known);
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function first<T>(items: readonly T[], look: (item: T, n: number) => Mismatch | null) {
  for (const [n, item] of items.entries()) {
    const found = look(item, n);
    if (found) return found;
  }
  return null;
}
