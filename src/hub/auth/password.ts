/** Password hashes (scrypt) and random secrets. */
import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";

/** Cost: about 16 MiB and 50 ms. */
const COST = { N: 16384, r: 8, p: 1 } as const;
const SALT_BYTES = 16;
const HASH_BYTES = 32;

/** Hashes `password` for storage: `scrypt$N$r$p$salt$hash`, binary parts in base64url. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await derive(password, salt, COST);
  const { N, r, p } = COST;
  return ["scrypt", N, r, p, base64url(salt), base64url(hash)].join("$");
}

/** True when `password` is the one `stored` was made of; constant time for equal lengths. */
export async function verifyPassword(
  password: string,
  stored: string,
): Promise<boolean> {
  const [kind, n, r, p, salt, hash] = stored.split("$");
  if (kind !== "scrypt" || !salt || !hash) return false;
  const wanted = fromBase64url(hash);
  const got = await derive(password, fromBase64url(salt), {
    N: Number(n),
    r: Number(r),
    p: Number(p),
  });
  return got.length === wanted.length && timingSafeEqual(got, wanted);
}

let unknownUser: Promise<string> | null = null;

/** A hash of nothing anybody knows, so that an unknown user costs as much time as a wrong password. */
export function dummyHash(): Promise<string> {
  return unknownUser ??= hashPassword(randomToken());
}

/** 32 random bytes as 43 URL-safe characters. */
export function randomToken(): string {
  return base64url(randomBytes(32));
}

/** A password a person can type: 20 letters and digits that are hard to confuse, in groups of five. */
export function randomPassword(): string {
  const letters = "abcdefghjkmnpqrstuvwxyz23456789";
  // 248 is the largest multiple of 31 below 256: beyond it some letters would be more likely.
  const bytes = [...randomBytes(64)].filter((b) => b < 248).slice(0, 20);
  const text = bytes.map((b) => letters[b % letters.length]).join("");
  return text.replace(/.{5}(?=.)/g, "$&-");
}

/** Bytes as base64url without padding. */
export function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-")
    .replaceAll("/", "_").replace(/=+$/, "");
}

/** Bytes of base64url text; what is not base64url gives no bytes. */
export function fromBase64url(text: string): Uint8Array {
  if (!/^[\w-]*$/.test(text) || text.length % 4 === 1) return new Uint8Array();
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (c) => c.charCodeAt(0));
}

function derive(
  password: string,
  salt: Uint8Array,
  cost: { N: number; r: number; p: number },
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, HASH_BYTES, cost, (error, key) => {
      if (error) reject(error);
      else resolve(new Uint8Array(key));
    });
  });
}
