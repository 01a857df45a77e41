/** Images that came as files become part of the prompt, so that the model sees them and not only a path. */
import type { ExecuteRequest } from "../protocol/mod.ts";
import type { AttachmentOutcome } from "../workdir/mod.ts";

/** What the models take, by the type the server gave. */
const TYPES: ReadonlySet<string> = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);

/** Largest image the Messages API takes, and most bytes of one prompt. */
const MAX_IMAGE = 3_750_000;
const MAX_ALL = 15_000_000;

/** The prompt with a block for each downloaded image that fits; the text stays as it is. */
export function withImages(
  prompt: ExecuteRequest["prompt"],
  outcomes: readonly AttachmentOutcome[],
): ExecuteRequest["prompt"] {
  const images: { type: string; image_url: string }[] = [];
  let total = 0;
  for (const { path, mimeType, size } of outcomes) {
    const type = mimeType.toLowerCase().replace("image/jpg", "image/jpeg");
    if (path === null || size === null || !TYPES.has(type)) continue;
    if (size > MAX_IMAGE || total + size > MAX_ALL) continue;
    total += size;
    images.push({ type: "input_image", image_url: `data:${type};base64,${base64Of(path)}` });
  }
  if (images.length === 0) return prompt;
  const text = typeof prompt === "string" ? [{ type: "input_text", text: prompt }] : prompt;
  return [...text, ...images];
}

function base64Of(path: string): string {
  const bytes = Deno.readFileSync(path);
  const parts: string[] = [];
  // In pieces: a call takes only so many arguments.
  for (let at = 0; at < bytes.length; at += 0x8000) {
    parts.push(String.fromCharCode(...bytes.subarray(at, at + 0x8000)));
  }
  return btoa(parts.join(""));
}
