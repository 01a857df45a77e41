/** Root's powers, given up for good. */
import { AppError } from "../platform/errors.ts";
import * as libc from "../platform/libc.ts";

/**
 * Drops every capability of the calling thread: bounding and ambient set, then effective, permitted and
 * inheritable. With an empty bounding set, user id 0 gets none back at the next `execve` either. An
 * ordinary user has none to drop; no_new_privs keeps it so.
 *
 * @throws {AppError} `capabilities_kept` when root would keep some (a container without CAP_SETPCAP).
 */
export function dropCapabilities(): void {
  let kept = 0;
  // EINVAL marks the first number the kernel does not know.
  for (let capability = 0; libc.prctl(libc.PR.CAPBSET_READ, capability) >= 0; capability++) {
    if (libc.prctl(libc.PR.CAPBSET_READ, capability) === 0) continue;
    if (libc.prctl(libc.PR.CAPBSET_DROP, capability) < 0) kept++;
  }
  libc.prctl(libc.PR.CAP_AMBIENT, libc.PR.CAP_AMBIENT_CLEAR_ALL);
  libc.check(libc.clearCapabilities(), "Cannot give up the capabilities");
  if (kept > 0 && libc.geteuid() === 0) {
    throw new AppError("capabilities_kept", `Cannot give up ${kept} of root's capabilities`, {
      remedy: "Run as an ordinary user, or give the container CAP_SETPCAP",
    });
  }
}
