/** Directories made and asked about where somebody else may be changing the path at the same time. */
import { AppError } from "./errors.ts";
import * as libc from "./libc.ts";

const windows = Deno.build.os === "windows";

/**
 * Makes `path` and what is missing above it, going through no link on the way: a component that is (or
 * becomes) a link is refused instead of followed. On Windows without that guard.
 *
 * @param path Absolute, without `.` and `..`; its existing part without links.
 * @param mode Mode of each new directory. @default 0o755
 * @throws {AppError} `directory_not_made` with the part that failed.
 */
export function makeDirectories(path: string, mode = 0o755): void {
  if (windows) return Deno.mkdirSync(path, { recursive: true });
  const flags = libc.O.RDONLY | libc.O.DIRECTORY | libc.O.NOFOLLOW | libc.O.CLOEXEC | libc.O.PATH;
  let at = "/";
  let fd = libc.open(at, flags);
  try {
    for (const name of path.split("/").filter(Boolean)) {
      at = at === "/" ? `/${name}` : `${at}/${name}`;
      const made = libc.mkdirat(fd, name, mode);
      const next = libc.openat(fd, name, flags);
      // What exists already or may not be written shows in whether it can be entered.
      if (next < 0) {
        const why = next === -libc.ERRNO.ENOENT ? made : next;
        throw new AppError(
          "directory_not_made",
          `Cannot make the directory "${at}": ${libc.errnoText(why)}`,
          { remedy: "Check that its parent may be written and that no part of the path is a link" },
        );
      }
      libc.close(fd);
      fd = next;
    }
  } finally {
    if (fd >= 0) libc.close(fd);
  }
}

/**
 * True when an agent may list, enter and change the directory. Always on Windows.
 *
 * Agents of root run without its powers, so for root the mode decides: `access(2)` would say yes to
 * everything.
 */
export function directoryUsable(path: string): boolean {
  if (windows) return true;
  if (libc.geteuid() !== 0) return libc.access(path, 4 + 2 + 1) === 0;
  const { uid, gid, mode } = Deno.statSync(path);
  const bits = (mode ?? 0) >> (uid === 0 ? 6 : gid === 0 ? 3 : 0);
  return (bits & 0o7) === 0o7;
}
