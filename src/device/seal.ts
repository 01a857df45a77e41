/** Requests kept on disk for later turns hold keys, so they are encrypted with a key that lies elsewhere. */
import { Buffer } from "node:buffer";
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

const ALGORITHM = "aes-256-gcm";
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** Length of the key in bytes. */
export const SEAL_KEY_BYTES = 32;

/** Encrypts `text`. @param key {@link SEAL_KEY_BYTES} bytes. */
export function seal(text: string, key: Uint8Array): Uint8Array {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(ALGORITHM, key, iv);
  const body = [cipher.update(text, "utf8"), cipher.final()];
  return new Uint8Array(Buffer.concat([iv, cipher.getAuthTag(), ...body]));
}

/** What {@link seal} was given; null when it was made with another key or has been changed. */
export function unseal(sealed: Uint8Array, key: Uint8Array): string | null {
  if (sealed.length < IV_BYTES + TAG_BYTES) return null;
  const cipher = createDecipheriv(ALGORITHM, key, sealed.subarray(0, IV_BYTES));
  cipher.setAuthTag(sealed.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
  try {
    const body = [cipher.update(sealed.subarray(IV_BYTES + TAG_BYTES)), cipher.final()];
    return Buffer.concat(body).toString("utf8");
  } catch (error) {
    // The one thing that can go wrong with an authenticated cipher.
    if (error instanceof Error) return null;
    throw error;
  }
}
