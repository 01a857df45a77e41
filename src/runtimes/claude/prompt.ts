/** The text (or blocks) a turn hands to Claude. */
import type { ExecuteRequest } from "../../protocol/mod.ts";
import { maskAddress } from "../../workdir/mod.ts";
import { guidance } from "./guidance.ts";

/** Content of a user message on the CLI's standard input. */
export type PromptContent = string | Record<string, unknown>[];

/**
 * Commands of the CLI a person may call by starting a message with `/`. Everything else that starts
 * so (a path, a word in another system) is text.
 */
const COMMANDS = new Set(["compact", "clear", "context", "usage", "cost", "init"]);

/**
 * Assembles the prompt: what the server wants known, the person's text, then where the agent works.
 *
 * @param commands Further slash commands the CLI has announced (skills), without the slash.
 */
export function buildPrompt(
  request: ExecuteRequest,
  workdir: string,
  commands: readonly string[] = [],
): PromptContent {
  const trailer = [
    `Current working directory: ${workdir}`,
    ...(request.git_url ? [` project url:${maskAddress(request.git_url)}`] : []),
  ].join("\n");
  const before = guidance(request).map((part) => `${part}\n\n`).join("");
  if (typeof request.prompt !== "string") {
    return blocks(request.prompt, before, trailer);
  }
  const command = request.prompt.match(/^\/([\w:-]+)(?=\s|$)/)?.[1];
  if (command && (COMMANDS.has(command) || commands.includes(command))) {
    return request.prompt;
  }
  return `${asText(before + request.prompt)}\n${trailer}`;
}

/** A leading slash would make the CLI look for a command; a blank before it does not. */
export function asText(text: string): string {
  return text.startsWith("/") ? ` ${text}` : text;
}

function blocks(
  prompt: Exclude<ExecuteRequest["prompt"], string>,
  before: string,
  trailer: string,
): Record<string, unknown>[] {
  const converted = prompt.map(convert).filter((block) => block !== null);
  const first = converted.find((block) => block["type"] === "text");
  if (first) first["text"] = `${asText(before + String(first["text"]))}\n${trailer}`;
  else converted.push({ type: "text", text: before + trailer });
  return converted;
}

function convert(
  block: Exclude<ExecuteRequest["prompt"], string>[number],
): Record<string, unknown> | null {
  if (block.type === "input_text" || block.type === "text") {
    return block.text?.trim() ? { type: "text", text: block.text } : null;
  }
  if (block.type !== "input_image") return { ...block };
  const url = imageUrl(block["image_url"]);
  const match = url.match(/^data:(image\/[\w.+-]+)?(?:;[^,]*)?;base64,(.*)$/s);
  if (!match) return null;
  return {
    type: "image",
    source: {
      type: "base64",
      media_type: match[1] ?? "image/png",
      data: match[2],
    },
  };
}

function imageUrl(value: unknown): string {
  if (typeof value === "string") return value;
  const nested = (value as { url?: unknown } | null)?.url;
  return typeof nested === "string" ? nested : "";
}
