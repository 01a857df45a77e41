/** Names from outside made safe for every file system. */

/** Names Windows keeps for devices, with any extension. */
const RESERVED = /^(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|$)/i;
const encoder = new TextEncoder();

/**
 * The last part of `name` without what a file system or a terminal would take amiss; may be empty.
 *
 * @param maxBytes Longest result in UTF-8 bytes; an extension of up to 20 bytes is kept.
 */
export function safeFileName(name: string, maxBytes: number): string {
  const base = name.replace(/\/+$/, "").split("/").at(-1) ?? "";
  const plain = base.toWellFormed()
    // Invisible characters and those that turn the reading direction disguise what a name is.
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "")
    .replace(/[\\/:*?"<>|]/g, "_")
    .trim()
    .replace(/[. ]+$/, "");
  if (plain === "") return "";
  return cut(RESERVED.test(plain) ? `_${plain}` : plain, "", maxBytes);
}

/** `name` with ` (number)` before its extension, at most `maxBytes` long. */
export function numberedName(name: string, number: number, maxBytes: number): string {
  return cut(name, ` (${number})`, maxBytes);
}

/** How a file system that ignores case and normalisation sees a name. */
export function foldedName(name: string): string {
  return name.normalize("NFC").toLowerCase();
}

function cut(name: string, suffix: string, maxBytes: number): string {
  const dot = name.lastIndexOf(".");
  const extension = dot > 0 && encoder.encode(name.slice(dot)).length <= 20 ? name.slice(dot) : "";
  const stem = extension ? name.slice(0, dot) : name;
  const room = maxBytes - encoder.encode(suffix + extension).length;
  const bytes = encoder.encode(stem);
  if (bytes.length <= room) return stem + suffix + extension;
  // A character cut in the middle is left out whole.
  const text = new TextDecoder().decode(bytes.subarray(0, room)).replace(/\uFFFD+$/, "");
  return text.replace(/[. ]+$/, "") + suffix + extension;
}
