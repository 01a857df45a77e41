/** Access tokens: JWT, HS256, seven days. */
import { createHmac, timingSafeEqual } from "node:crypto";
import * as z from "zod";
import { base64url, fromBase64url } from "./password.ts";

/** Life of an access token in seconds: seven days. */
export const TOKEN_SECONDS: number = 7 * 24 * 3600;

const MAX_TOKEN_UNITS = 4096;
const header = z.looseObject({ alg: z.literal("HS256") });
const claims = z.looseObject({
  sub: z.string(),
  user_id: z.number().int().positive(),
  /** Unix seconds. */
  exp: z.number(),
});
/** What a valid token says. */
export type Claims = z.infer<typeof claims>;

/** Makes a token for a user; `now` in milliseconds since 1970. */
export function signToken(
  key: Uint8Array,
  user: { id: number; user_name: string },
  now: number = Date.now(),
): string {
  const iat = Math.floor(now / 1000);
  const body = [
    { alg: "HS256", typ: "JWT" },
    { sub: user.user_name, user_id: user.id, iat, exp: iat + TOKEN_SECONDS },
  ].map((part) => base64url(new TextEncoder().encode(JSON.stringify(part))))
    .join(".");
  return `${body}.${base64url(mac(key, body))}`;
}

/** The claims of `token` when its signature holds, expired or not; null otherwise. */
export function readToken(key: Uint8Array, token: string): Claims | null {
  if (token.length > MAX_TOKEN_UNITS) return null;
  const [head, body, signature, more] = token.split(".");
  if (!head || !body || !signature || more !== undefined) return null;
  const wanted = mac(key, `${head}.${body}`);
  const got = fromBase64url(signature);
  if (got.length !== wanted.length || !timingSafeEqual(got, wanted)) {
    return null;
  }
  if (!header.safeParse(decoded(head)).success) return null;
  return claims.safeParse(decoded(body)).data ?? null;
}

/** True once a token's time is over. */
export function isExpired(token: Claims, now: number = Date.now()): boolean {
  return token.exp * 1000 <= now;
}

function mac(key: Uint8Array, text: string): Uint8Array {
  return new Uint8Array(createHmac("sha256", key).update(text).digest());
}

function decoded(part: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(fromBase64url(part)));
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
