/** Lines of the CLI's standard output → messages. */
import { type CliMessage, cliMessage } from "./messages.ts";

/**
 * A message, or why there is none: `noise` is a blank line or one that is not JSON (libraries of the CLI
 * print warnings), `unknown` a type this program does not read, `malformed` one it would read.
 */
export function parseMessage(line: string): CliMessage | "noise" | "unknown" | "malformed" {
  if (!line.startsWith("{")) return "noise";
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    if (error instanceof SyntaxError) return "noise";
    throw error;
  }
  const parsed = cliMessage.safeParse(value);
  if (parsed.success) return parsed.data;
  return KNOWN_TYPES.has(String((value as { type?: unknown }).type)) ? "malformed" : "unknown";
}

const KNOWN_TYPES = new Set(cliMessage.options.map((option) => option.shape.type.value as string));
