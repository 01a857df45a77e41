/** The prompt of a turn as input items of the app-server; images in it become files while the turn runs. */
import { removeIfExists } from "../../platform/mod.ts";
import { join } from "../../platform/std/path.ts";
import type { ExecuteRequest } from "../../protocol/mod.ts";

/** One item of a turn's input. */
export type InputItem =
  | { readonly type: "text"; readonly text: string; readonly text_elements: readonly never[] }
  | { readonly type: "localImage"; readonly path: string }
  | { readonly type: "image"; readonly url: string };

/** Input, and the files that are to go when the turn is over. */
export interface TurnInput {
  readonly items: readonly InputItem[];
  remove(): void;
}

const EXTENSIONS: Readonly<Record<string, string>> = {
  "image/png": "png",
  "image/jpeg": "jpg",
  "image/jpg": "jpg",
  "image/gif": "gif",
  "image/webp": "webp",
  "image/bmp": "bmp",
};
const DATA_URI = /^data:(image\/[\w.+-]+)?(?:;[^,;]*)*;base64,([A-Za-z0-9+/=\s]*)$/;

/** A message of text alone. */
export function textItem(text: string): InputItem {
  return { type: "text", text, text_elements: [] };
}

/**
 * The input for a prompt: its texts joined by blank lines, then its images in order.
 *
 * @param tempDir Exists and is private; images are written there.
 */
export function turnInput(prompt: ExecuteRequest["prompt"], tempDir: string): TurnInput {
  const files: string[] = [];
  const remove = () => {
    for (const path of files.splice(0)) removeIfExists(path);
  };
  if (typeof prompt === "string") return { items: [textItem(prompt)], remove };
  const texts = prompt.filter(({ type }) => type === "input_text" || type === "text")
    .map(({ text }) => text ?? "").filter((text) => text.trim() !== "");
  try {
    const images = prompt.filter(({ type }) => type === "input_image" || type === "image")
      .map((block) => imageItem(urlOf(block), tempDir, files)).filter((item) => item !== null);
    return { items: [textItem(texts.join("\n\n")), ...images], remove };
  } catch (error) {
    remove();
    throw error;
  }
}

function imageItem(url: string, dir: string, files: string[]): InputItem | null {
  const [, type = "image/png", data = ""] = url.match(DATA_URI) ?? [];
  if (data === "") return /^https?:\/\//.test(url) ? { type: "image", url } : null;
  const bytes = decode(data);
  if (bytes === null) return null;
  const path = join(
    dir,
    `prompt-${crypto.randomUUID()}.${EXTENSIONS[type.toLowerCase()] ?? "png"}`,
  );
  files.push(path);
  Deno.writeFileSync(path, bytes, { mode: 0o600, createNew: true });
  return { type: "localImage", path };
}

function decode(base64: string): Uint8Array | null {
  try {
    return Uint8Array.from(atob(base64.replace(/\s/g, "")), (c) => c.charCodeAt(0));
  } catch (error) {
    // No base64 after all: there is no image to show.
    if (error instanceof DOMException) return null;
    throw error;
  }
}

function urlOf(block: Readonly<Record<string, unknown>>): string {
  const value = block["image_url"] ?? block["url"];
  if (typeof value === "string") return value;
  const nested = (value as { url?: unknown } | null | undefined)?.url;
  return typeof nested === "string" ? nested : "";
}
