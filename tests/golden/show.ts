/** Events and differences for people to read, in the notation of golden files. */
import type { Difference } from "./compare.ts";
import type { Expected } from "./golden_file.ts";
import { dataOf, type Received, type Violation } from "./rules.ts";

/** Lines of the golden file shown before the difference, and events after it. */
const CONTEXT = 6;
const MAX_TEXT = 300;
const DELTA = /^response\.(?:output_text|reasoning_summary_text)\.delta$/;

/** What is wrong, with what fitted before it and what came after it. */
export function showDifference(
  golden: readonly Expected[],
  events: readonly Received[],
  { fitted, at, wanted, why }: Difference,
  broken: readonly Violation[],
): string {
  const before = golden.slice(0, fitted);
  const rest = showEvents(events.slice(at));
  return [
    ...(before.length > CONTEXT ? [`    … ${before.length - CONTEXT} events that fit`] : []),
    ...before.slice(-CONTEXT).map(({ source }) => `    ${indented(source)}`),
    `  - ${wanted ? indented(`${wanted.source}`) : "(the end)"}`,
    `  + ${rest[0] ?? "(the end)"}`,
    ...rest.slice(1, 1 + 2 * CONTEXT).map((line) => `    ${line}`),
    ...(rest.length > 1 + 2 * CONTEXT ? [`    … ${rest.length - 1 - 2 * CONTEXT} more`] : []),
    ...(wanted ? [`line ${wanted.line} of the golden file: ${why}`] : [why]),
    ...broken.slice(0, CONTEXT).map((rule) => `rule, event ${rule.at}: ${rule.message}`),
  ].join("\n");
}

/** Events as lines; pieces of text that follow each other are joined. */
export function showEvents(events: readonly Received[]): string[] {
  const lines: { name: string; text: string | null; data: string }[] = [];
  for (const received of events) {
    const { type: _, ...data } = dataOf(received);
    const last = lines.at(-1);
    if (!DELTA.test(received.event)) {
      lines.push({ name: received.event, text: null, data: showValue(data) });
    } else if (last?.name === received.event) last.text += String(data["delta"]);
    else lines.push({ name: received.event, text: String(data["delta"]), data: "" });
  }
  return lines.map(({ name, text, data }) =>
    text === null ? `${name} ${data}` : `${name}+ ${showValue(text)}`
  );
}

function showValue(value: unknown): string {
  if (typeof value === "string") {
    const text = JSON.stringify(value.slice(0, MAX_TEXT));
    return value.length <= MAX_TEXT ? text : `${text}… (${value.length} units)`;
  }
  if (Array.isArray(value)) return `[${value.map(showValue).join(", ")}]`;
  if (typeof value !== "object" || value === null) return String(value);
  return `{${
    Object.entries(value).map(([name, member]) => `${name}: ${showValue(member)}`).join(", ")
  }}`;
}

function indented(source: string): string {
  return source.replaceAll("\n", "\n    ");
}
