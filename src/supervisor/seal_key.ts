/** The key that encrypts what the worker keeps of requests; only the supervisor can read its file. */
import { readTextIfExists, writeFileAtomic } from "../platform/mod.ts";
import { newSecret } from "./sockets.ts";

/** The 32 bytes of the key in `path`, made at the first call and again when the file holds no key. */
export function sealKey(path: string): Uint8Array {
  const known = readTextIfExists(path)?.trim() ?? "";
  const hex = /^[0-9a-f]{64}$/.test(known) ? known : newSecret();
  // What was encrypted with a lost key cannot be read any more; those tasks say so.
  if (hex !== known) writeFileAtomic(path, hex);
  return Uint8Array.from(hex.matchAll(/../g), ([byte]) => Number.parseInt(byte, 16));
}
