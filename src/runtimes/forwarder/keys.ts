/** Keys that are good for one session. */

/** A new one: says what it is, and 256 random bits. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  return `wegent-session-${Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("")}`;
}
