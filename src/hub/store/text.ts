/**
 * Any JavaScript string in a SQLite column, unchanged. SQLite text ends at the first NUL and cannot
 * hold half a surrogate pair (a delta may end inside an emoji); such strings become UTF-16 blobs.
 */

/** A column's value. */
export type StoredText = string | Uint8Array;

/** `text` as it is stored. */
export function encodeText(text: string): StoredText {
  if (!text.includes("\0") && text.isWellFormed()) return text;
  const units = new Uint16Array(text.length);
  for (let i = 0; i < text.length; i++) units[i] = text.charCodeAt(i);
  return new Uint8Array(units.buffer);
}

/** The text that {@link encodeText} was given. */
export function decodeText(stored: StoredText): string {
  if (typeof stored === "string") return stored;
  const units = new Uint16Array(
    stored.buffer.slice(stored.byteOffset, stored.byteOffset + stored.byteLength),
  );
  const parts: string[] = [];
  for (let i = 0; i < units.length; i += 8192) {
    parts.push(String.fromCharCode(...units.subarray(i, i + 8192)));
  }
  return parts.join("");
}
