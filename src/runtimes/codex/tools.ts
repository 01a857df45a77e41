/** Items of a turn that are tools: how they are shown and what came of them. */
import type { ThreadItem } from "./messages.ts";

/** A tool as the events show it. */
export interface ShownTool {
  readonly name: string;
  readonly displayName?: string;
  readonly args: Record<string, unknown>;
}

/** The tool an item stands for; null: it is none. */
export function toolOf(item: ThreadItem): ShownTool | null {
  switch (item.type) {
    case "commandExecution":
      return {
        name: "bash",
        displayName: "Shell",
        args: { command: item.command ?? "", ...(item.cwd && { cwd: item.cwd }) },
      };
    case "fileChange":
      return {
        name: "apply_patch",
        displayName: "File change",
        args: {
          changes: (item.changes ?? []).map(({ path, kind, diff }) => ({
            path,
            kind: kind.type,
            ...(kind.move_path && { move_path: kind.move_path }),
            diff: diff ?? "",
          })),
        },
      };
    case "mcpToolCall":
      return { name: `mcp__${item.server}__${item.tool}`, args: objectOf(item.arguments) };
    case "dynamicToolCall":
      return { name: item.tool || "tool", args: objectOf(item.arguments) };
    case "webSearch":
      return { name: "web_search", args: item.query ? { query: item.query } : {} };
    case "imageView":
      return { name: "view_image", args: { path: item.path ?? "" } };
    case "collabAgentToolCall":
      return { name: item.tool || "agent", args: item.prompt ? { prompt: item.prompt } : {} };
    default:
      return null;
  }
}

/** What came of a tool that has ended. */
export function toolResult(item: ThreadItem): { output: string; failed: boolean } {
  const status = item.status ?? "";
  const failed = ["failed", "declined", "error"].includes(status) ||
    (item.exitCode ?? 0) !== 0;
  return { output: outputOf(item) || (status === "declined" ? "Declined" : ""), failed };
}

function outputOf(item: ThreadItem): string {
  switch (item.type) {
    case "commandExecution":
      return item.aggregatedOutput ?? "";
    case "fileChange":
      return (item.changes ?? []).map(({ path, kind }) =>
        `${kind.type} ${path}${kind.move_path ? ` → ${kind.move_path}` : ""}`
      ).join("\n");
    case "mcpToolCall":
      return item.error?.message ?? contentText(item.result?.content);
    case "dynamicToolCall":
      return contentText(item["contentItems"]);
    default:
      return "";
  }
}

/** A list of nothing but text is joined, anything else becomes JSON. */
function contentText(content: unknown): string {
  if (content === undefined || content === null) return "";
  const parts = Array.isArray(content) ? content : [content];
  const texts = parts.map((part) => (part as { text?: unknown } | null)?.text)
    .filter((text) => typeof text === "string");
  return texts.length === parts.length ? texts.join("\n") : JSON.stringify(content);
}

function objectOf(value: unknown): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  return value === undefined || value === null ? {} : { arguments: value };
}
