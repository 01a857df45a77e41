/** Questions of the agent in words: what it wants, readable, and what an answer covers. Pure. */
import type { BlockView, PermissionRule, QuestionView } from "../../protocol/mod.ts";

/** Longest text shown of one part. */
const MAX_UNITS = 20_000;

/** One part of what a tool was asked. */
export interface Part {
  readonly label: string;
  readonly text: string;
}

/** What the person is asked, as a question. */
export function questionTitle(tool: string): string {
  const server = /^mcp__(.+?)__(.+)$/.exec(tool);
  if (server) return `Use “${server[2]}” of the server “${server[1]}”?`;
  switch (tool) {
    case "Bash":
      return "Run this command?";
    case "Write":
    case "Edit":
    case "MultiEdit":
    case "NotebookEdit":
      return "Change this file?";
    case "Read":
      return "Read this file?";
    case "WebFetch":
      return "Fetch this page?";
    case "WebSearch":
      return "Search the web?";
    case "ExitPlanMode":
      return "Begin with this plan?";
    default:
      return `Use ${tool}?`;
  }
}

/** Labels of parts that are prose. */
export const SAYS = "The agent says";
export const PLAN = "Plan";
const LABELS: Readonly<Record<string, string>> = {
  command: "Command",
  description: SAYS,
  file_path: "File",
  notebook_path: "File",
  content: "New content",
  old_string: "Replaces",
  new_string: "By",
  url: "Address",
  prompt: "What for",
  query: "Search",
  plan: PLAN,
};
/** What matters comes first. */
const ORDER = Object.keys(LABELS);

/** The input in parts, the most telling ones first; nothing in it can hide. */
export function inputParts(input: QuestionView["input"]): Part[] {
  const place = (name: string) => {
    const at = ORDER.indexOf(name);
    return at < 0 ? ORDER.length : at;
  };
  return Object.entries(input).sort(([a], [b]) => place(a) - place(b)).map(([name, value]) => ({
    label: Object.hasOwn(LABELS, name) ? LABELS[name]! : visible(name),
    text: visible(shortened(typeof value === "string" ? value : JSON.stringify(value, null, 2))),
  }));
}

/** What "for this conversation" would allow. */
export function ruleText({ tool, match }: PermissionRule): string {
  if (match === null) return `every use of ${tool}`;
  switch (tool) {
    case "Read":
      return `reading files in ${visible(match)}`;
    case "Edit":
      return `changing files in ${visible(match)}`;
    case "WebFetch":
      return `pages of ${visible(match)}`;
    default:
      return "exactly this command";
  }
}

/** What came of a question, in one line. */
export function outcomeText(question: QuestionView): string {
  const { outcome, message, rule, questions, answers } = question;
  switch (outcome) {
    case "open":
      return "Waiting for you";
    case "allowed":
      return "You allowed this once";
    case "allowed_always":
      return `You allowed this for the conversation${rule ? `: ${ruleText(rule)}` : ""}`;
    case "denied":
      return `You ${question.kind === "form" ? "did not answer" : "did not allow this"}${
        message ? `: ${message}` : ""
      }`;
    case "answered":
      return questions.map(({ header, question: text }, i) =>
        `${header || text}: ${(answers[i] ?? []).join(", ") || "–"}`
      ).join(" · ");
    case "withdrawn":
      return "Not answered before the turn ended";
  }
}

/** True while a tool call waits for the person. */
export function isOpen(block: BlockView): boolean {
  return block.question?.outcome === "open";
}

function shortened(text: string): string {
  return text.length <= MAX_UNITS
    ? text
    : `${text.slice(0, MAX_UNITS)}\n… (${text.length - MAX_UNITS} more characters)`;
}

/** Characters that reorder or hide others are shown by their number: what is approved must be what is seen. */
function visible(text: string): string {
  return text.replaceAll(
    // deno-lint-ignore no-control-regex -- they are what is looked for
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e007f}]/gu,
    (found) => `‹U+${found.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}›`,
  );
}
