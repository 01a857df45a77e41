/**
 * The small part of Markdown that agents write, as data. What is not understood stays text; nothing of
 * the model's output ever becomes markup.
 */

export type Inline =
  | { kind: "text" | "code"; text: string }
  | { kind: "strong" | "em" | "del"; children: Inline[] }
  | { kind: "link"; href: string; children: Inline[] };

export type Segment =
  | { kind: "code"; language: string; text: string; closed: boolean }
  | { kind: "heading"; level: number; text: string }
  | { kind: "list"; ordered: boolean; start: number; items: string[] }
  | { kind: "quote"; text: string }
  | { kind: "table"; head: string[]; rows: string[][] }
  | { kind: "rule" }
  | { kind: "paragraph"; text: string };

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([\w+#.-]*)[^`]*$/;
const HEADING = /^ {0,3}(#{1,6})\s+(.*?)\s*#*$/;
const ITEM = /^(\s{0,12})(?:([-*+])|(\d{1,9})[.)])\s+(.*)$/;
const RULE = /^ {0,3}([-*_])(?:\s*\1){2,}\s*$/;
const QUOTE = /^ {0,3}>\s?(.*)$/;
const TABLE_LINE = /^\s*\|?\s*:?-{2,}:?\s*(\|\s*:?-{2,}:?\s*)*\|?\s*$/;

/** Splits `text` into segments; the last one may be unfinished while the text still grows. */
export function segments(text: string): Segment[] {
  const lines = text.split("\n");
  const found: Segment[] = [];
  for (let i = 0; i < lines.length;) {
    const line = lines[i] ?? "";
    if (line.trim() === "") {
      i++;
      continue;
    }
    const [segment, used] = segmentAt(lines, i);
    found.push(segment);
    i += used;
  }
  return found;
}

function segmentAt(lines: string[], at: number): [Segment, number] {
  const line = lines[at] ?? "";
  const fence = FENCE.exec(line);
  if (fence?.[1]) return codeAt(lines, at, fence[1], fence[2] ?? "");
  const heading = HEADING.exec(line);
  if (heading) {
    return [{ kind: "heading", level: heading[1]?.length ?? 1, text: heading[2] ?? "" }, 1];
  }
  if (RULE.test(line)) return [{ kind: "rule" }, 1];
  if (QUOTE.test(line)) {
    const quoted = takeWhile(lines, at, (l) => QUOTE.test(l));
    return [
      { kind: "quote", text: quoted.map((l) => QUOTE.exec(l)?.[1] ?? "").join("\n") },
      quoted.length,
    ];
  }
  if (ITEM.test(line)) return listAt(lines, at);
  if (line.includes("|") && TABLE_LINE.test(lines[at + 1] ?? "")) return tableAt(lines, at);
  const paragraph = takeWhile(
    lines,
    at,
    (l, index) =>
      index === at || (l.trim() !== "" && !FENCE.test(l) && !HEADING.test(l) && !ITEM.test(l) &&
        !QUOTE.test(l)),
  );
  return [{ kind: "paragraph", text: paragraph.join("\n") }, paragraph.length];
}

function codeAt(
  lines: string[],
  at: number,
  mark: string,
  language: string,
): [Segment, number] {
  const close = new RegExp(`^ {0,3}${mark[0]}{${mark.length},}\\s*$`);
  const body = takeWhile(lines, at + 1, (l) => !close.test(l));
  const closed = at + 1 + body.length < lines.length;
  return [
    { kind: "code", language, text: body.join("\n"), closed },
    body.length + (closed ? 2 : 1),
  ];
}

/** Items keep their indentation as text, so nested lists show as such without a tree. */
function listAt(lines: string[], at: number): [Segment, number] {
  const first = ITEM.exec(lines[at] ?? "");
  const ordered = first?.[3] !== undefined;
  const nested = (first?.[1]?.length ?? 0) + 2;
  const items: string[] = [];
  let used = 0;
  for (const line of lines.slice(at)) {
    const item = ITEM.exec(line);
    const depth = item?.[1]?.length ?? 0;
    if (item && depth < nested && (item[3] !== undefined) !== ordered) break;
    if (item && depth < nested) items.push(item[4] ?? "");
    else if (line.trim() !== "" && (item || /^\s{2,}/.test(line)) && items.length) {
      items[items.length - 1] += "\n" + line.replace(/^\s{1,4}/, "");
    } else break;
    used++;
  }
  return [
    { kind: "list", ordered, start: Number(first?.[3] ?? 1), items },
    Math.max(1, used),
  ];
}

function tableAt(lines: string[], at: number): [Segment, number] {
  const rows = takeWhile(lines, at, (l) => l.includes("|"));
  const cells = (line: string) =>
    line.trim().replace(/^\||\|$/g, "").split("|").map((c) => c.trim());
  return [
    { kind: "table", head: cells(rows[0] ?? ""), rows: rows.slice(2).map(cells) },
    rows.length,
  ];
}

function takeWhile(
  lines: string[],
  at: number,
  test: (line: string, index: number) => boolean,
): string[] {
  let end = at;
  while (end < lines.length && test(lines[end] ?? "", end)) end++;
  return lines.slice(at, end);
}

const MARKS: readonly [kind: "strong" | "em" | "del", pattern: RegExp][] = [
  ["strong", /^\*\*(?=\S)([^]+?\S|\S)\*\*/],
  ["strong", /^__(?=\S)([^]+?\S|\S)__(?!\w)/],
  ["del", /^~~(?=\S)([^]+?\S|\S)~~/],
  ["em", /^\*(?=[^\s*])([^*]*[^\s*])\*/],
  ["em", /^_(?=[^\s_])([^_]*[^\s_])_(?!\w)/],
];
const CODE = /^(`+)([^]*?[^`])\1(?!`)/;
const LINK = /^\[([^\]\n]{1,500})\]\(<?([^\s()<>]{1,2000}(?:\([^\s()]*\))?[^\s()<>]*)>?\)/;
const URL_TEXT = /^https?:\/\/[^\s<>"'`]+[^\s<>"'`.,;:!?)\]}*_]/;
/** Characters at which something other than text may begin. */
const SPECIAL = /[`*_~[h\\]/;
const MAX_DEPTH = 6;

/** Splits the text of one segment into styled pieces. */
export function inlines(text: string, depth = 0): Inline[] {
  const found: Inline[] = [];
  let plain = "";
  const flush = () => {
    if (plain) found.push({ kind: "text", text: plain });
    plain = "";
  };
  let previous = "";
  for (let rest = text; rest;) {
    const match = depth < MAX_DEPTH ? styled(rest, previous, depth) : null;
    if (match) {
      flush();
      found.push(match.inline);
      previous = rest[match.length - 1] ?? "";
      rest = rest.slice(match.length);
      continue;
    }
    const escape = /^\\[\\`*_{}[\]()#+.!~>|-]/.exec(rest);
    const next = escape ? 2 : 1 + nextSpecial(rest);
    plain += escape ? rest[1] : rest.slice(0, next);
    previous = rest[next - 1] ?? "";
    rest = rest.slice(next);
  }
  flush();
  return found;
}

function nextSpecial(rest: string): number {
  const at = rest.slice(1).search(SPECIAL);
  return at < 0 ? rest.length - 1 : at;
}

function styled(
  rest: string,
  previous: string,
  depth: number,
): { inline: Inline; length: number } | null {
  const code = CODE.exec(rest);
  if (code) {
    return {
      inline: { kind: "code", text: code[2]?.trim() || code[2] || "" },
      length: code[0].length,
    };
  }
  const link = LINK.exec(rest);
  if (link) {
    const href = safeHref(link[2] ?? "");
    const children = inlines(link[1] ?? "", depth + 1);
    if (href) return { inline: { kind: "link", href, children }, length: link[0].length };
  }
  const url = /\w/.test(previous) ? null : URL_TEXT.exec(rest);
  if (url && safeHref(url[0])) {
    return {
      inline: { kind: "link", href: url[0], children: [{ kind: "text", text: url[0] }] },
      length: url[0].length,
    };
  }
  for (const [kind, pattern] of MARKS) {
    if (rest[0] === "_" && /\w/.test(previous)) continue;
    const mark = pattern.exec(rest);
    if (mark) {
      return {
        inline: { kind, children: inlines(mark[1] ?? "", depth + 1) },
        length: mark[0].length,
      };
    }
  }
  return null;
}

/** Only addresses that open a page; anything else stays text. */
function safeHref(href: string): string | null {
  const url = URL.parse(href);
  return url && ["http:", "https:", "mailto:"].includes(url.protocol) ? url.href : null;
}
