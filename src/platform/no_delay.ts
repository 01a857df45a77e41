/** Sending at once: Nagle's algorithm off, where the runtime offers no way to say so. */
import { setsockopt } from "./libc.ts";

const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
/** More descriptors than this program has open. */
const MAX_DESCRIPTOR = 512;

/**
 * Turns Nagle's algorithm off on every TCP socket of this process: otherwise the second of two small
 * messages waits for the peer's delayed acknowledgement, 40 ms (Linux; elsewhere it does nothing).
 * Deno's WebSocket and its HTTP server leave it on and do not tell their descriptors.
 */
export function sendAtOnce(): void {
  if (Deno.build.os !== "linux") return;
  // Fails on whatever is no TCP socket, which changes nothing.
  for (let fd = 3; fd < MAX_DESCRIPTOR; fd++) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}
