/** Text that fits the frames of the wire. */
import { MAX_DELTA_UNITS } from "./limits.ts";

/**
 * Splits `text` into parts whose JSON form stays below `max` units each, never between the halves
 * of a surrogate pair. An empty text has no parts.
 */
export function splitText(text: string, max: number): string[] {
  if (text.length === 0) return [];
  const parts: string[] = [];
  for (let start = 0; start < text.length;) {
    let end = Math.min(start + max, text.length);
    while (
      end - start > 1 && JSON.stringify(text.slice(start, end)).length > max * 2
    ) {
      end = start + Math.floor((end - start) / 2);
    }
    if (
      end < text.length && isHighSurrogate(text.charCodeAt(end - 1)) &&
      end - start > 1
    ) end--;
    parts.push(text.slice(start, end));
    start = end;
  }
  return parts;
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

/** `text`, or its first part and a note saying how much is missing when its JSON form is too long. */
export function cutText(text: string, max: number): string {
  const head = splitText(text, max)[0] ?? "";
  if (head.length === text.length) return text;
  return `${head}\n… (${text.length - head.length} more characters left out)`;
}

/** A tool's arguments as JSON text; cut at the frame limit, where the text is no longer valid JSON. */
export function boundedJson(args: Readonly<Record<string, unknown>>): string {
  return cutText(JSON.stringify(args), MAX_DELTA_UNITS);
}

/** A tool's arguments themselves, or each string in them cut when the whole would not fit a frame. */
export function boundedSummary(
  args: Record<string, unknown>,
): Record<string, unknown> {
  if (JSON.stringify(args).length <= MAX_DELTA_UNITS) return args;
  return Object.fromEntries(
    Object.entries(args).slice(0, 50).map(([key, value]) => [
      key.slice(0, 200),
      cutText(
        typeof value === "string" ? value : JSON.stringify(value) ?? "null",
        2000,
      ),
    ]),
  );
}
