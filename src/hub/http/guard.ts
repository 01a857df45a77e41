/**
 * Who may speak to a server on the loopback address: pages of other sites (cross-site requests) and
 * names that were made to point here (DNS rebinding) may not.
 */

/** Headers of every answer. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    // Pictures of messages are fetched with the sign-in and shown from memory.
    "img-src 'self' data: blob:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; "),
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
};

/**
 * Checks the `Host` and `Origin` of a request. The host must be a name of this machine; its port may be
 * another one, since ports are forwarded.
 *
 * @returns Why the request is refused, or null.
 */
export function refusal(
  host: string | null | undefined,
  origin: string | null | undefined,
): string | null {
  if (!host || !/^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/i.test(host)) {
    return "This host name is not served here";
  }
  // Programs send no origin; browsers always do where it matters.
  if (origin && origin.toLowerCase() !== `http://${host.toLowerCase()}`) {
    return "Requests from other sites are refused";
  }
  return null;
}
