/** A prompt that speaks of attachments, rewritten for the machine they were downloaded to. */
import type { ExecuteRequest } from "../../protocol/mod.ts";
import { basename } from "../../platform/std/path.ts";
import { readableSize } from "./attachments.ts";
import { safeFileName } from "./file_names.ts";
import type { AttachmentOutcome } from "./types.ts";

type Prompt = ExecuteRequest["prompt"];

/**
 * Puts local paths where the server wrote ids (`[attachment:5]`) or paths of its own sandbox, and says
 * what could not be downloaded. A plain prompt ends with a list of the files.
 *
 * @param outcomes Result of the downloads; empty leaves the prompt as it is.
 */
export function rewritePrompt(prompt: Prompt, outcomes: readonly AttachmentOutcome[]): Prompt {
  if (outcomes.length === 0) return prompt;
  const warning = missing(outcomes);
  if (typeof prompt === "string") {
    return [replaced(prompt, outcomes), warning, list(outcomes)].filter(Boolean).join("\n\n");
  }
  return prompt.map((block) => {
    if ((block.type !== "input_text" && block.type !== "text") || typeof block.text !== "string") {
      return block;
    }
    const text = replaced(block.text, outcomes);
    return { ...block, text: warning ? `${text}\n\n${warning}` : text };
  });
}

function replaced(text: string, outcomes: readonly AttachmentOutcome[]): string {
  const marked = text.replace(/\[attachment:([^\]\s]{1,100})\]/g, (_whole, id: string) => {
    const found = outcomes.find((one) => one.id === id);
    if (!found) return `[Attachment ${id} is not known on this device]`;
    if (found.path !== null) return `[Attachment "${shown(found)}": ${found.path}]`;
    return `[Attachment ${id} "${shown(found)}" could not be downloaded]`;
  });
  return sandboxPaths(outcomes).reduce((line, [pattern, path]) => {
    const introduced = new RegExp(`File Path\\(already in sandbox\\): ${pattern}`, "g");
    return line.replace(introduced, () => `Local File Path: ${path}`)
      .replace(new RegExp(pattern, "g"), () => path);
  }, marked);
}

/** Patterns of the paths a server writes for its own sandbox; longer names first, as one may begin another. */
function sandboxPaths(outcomes: readonly AttachmentOutcome[]): [string, string][] {
  const found = new Map<string, string>();
  for (const { filename, path } of outcomes) {
    if (path === null) continue;
    for (const name of [filename, safeFileName(filename, 200), basename(path)]) {
      if (name && !found.has(name)) found.set(name, path);
    }
  }
  return [...found].sort(([a], [b]) => b.length - a.length).map(([name, path]) => [
    `/home/user/\\d+:executor:attachments/\\d+/${name.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&")}`,
    path,
  ]);
}

function missing(outcomes: readonly AttachmentOutcome[]): string {
  const lines = outcomes.filter(({ error }) => error !== null).map((one) =>
    `- ${shown(one)}: ${oneLine(one.error ?? "")}`
  );
  if (lines.length === 0) return "";
  return [
    "Warning: these attachments could not be downloaded. Their content is not available; do not guess at it:",
    ...lines,
  ].join("\n");
}

function list(outcomes: readonly AttachmentOutcome[]): string {
  const lines = outcomes.filter(({ path }) => path !== null).map((one) =>
    `- ${shown(one)} (${oneLine(one.mimeType)}, ${readableSize(one.size ?? 0)}): ${one.path}`
  );
  return lines.length === 0 ? "" : ["<attachment>", ...lines, "</attachment>"].join("\n");
}

/** A file's name as the person knows it, on one line and unable to end the list. */
function shown({ filename, id }: AttachmentOutcome): string {
  return oneLine(filename).replace(/[<>"]/g, "_").slice(0, 200) ||
    `attachment ${id ?? "without id"}`;
}

function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ").trim();
}
