/** Files in words. Pure. */

/** Images a browser shows without running anything in them. */
const PICTURES: ReadonlySet<string> = new Set([
  "image/png",
  "image/jpeg",
  "image/gif",
  "image/webp",
  "image/bmp",
  "image/avif",
]);

export function isPicture(mimeType: string): boolean {
  return PICTURES.has(mimeType.toLowerCase());
}

/** Bytes as people read them, such as `1.2 MB`. */
export function sizeText(bytes: number): string {
  if (bytes < 1024) return `${bytes} ${bytes === 1 ? "byte" : "bytes"}`;
  const units = ["KB", "MB", "GB"];
  let value = bytes / 1024;
  let unit = 0;
  for (; value >= 999.95 && unit < units.length - 1; unit++) value /= 1024;
  return `${value.toFixed(value < 100 ? 1 : 0).replace(/\.0$/, "")} ${units[unit]}`;
}
