/** A device's terminal event becomes the end of a turn. Lenient: a turn must never hang on its form. */
import type { TurnEnd } from "./store/mod.ts";

/** Longest error text that is kept, in UTF-16 units. */
const MAX_ERROR_UNITS = 8000;

/**
 * @param event `response.completed`, `response.incomplete` or `error`.
 * @param streamed The text streamed so far; it is the content where the event brings none.
 */
export function turnEnd(
  event: string,
  data: Readonly<Record<string, unknown>>,
  streamed: string,
): TurnEnd {
  if (event === "response.incomplete") {
    return { status: "CANCELLED", content: streamed };
  }
  if (event === "error") {
    return {
      status: "FAILED",
      content: streamed,
      error: textOf(data.message).slice(0, MAX_ERROR_UNITS) || "Unknown error",
      errorCode: textOf(data.code).slice(0, 100) || "internal_error",
    };
  }
  const response = recordOf(data.response);
  const final = outputText(response.output);
  return {
    status: "COMPLETED",
    content: final.trim() ? final : streamed,
    usage: response.usage,
  };
}

/** The texts of `response.output[].content[]`, joined. */
function outputText(output: unknown): string {
  if (!Array.isArray(output)) return "";
  return output.flatMap((item) => {
    const content = recordOf(item).content;
    return Array.isArray(content) ? content.map(recordOf) : [];
  }).filter((part) =>
    part.type === undefined || part.type === "output_text" ||
    part.type === "text"
  ).map((part) => textOf(part.text)).join("");
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value.replaceAll("\0", "") : "";
}
