/** Standard input, output and error of a host: one line in, one line out, then a log file. */
import { AppError } from "../platform/mod.ts";
import * as libc from "../platform/libc.ts";

/**
 * Reads the first line of standard input.
 *
 * @throws {AppError} `host_spec_missing` when it is longer than `maxBytes`, takes longer than `ms`
 *   milliseconds, or never ends.
 */
export async function readFirstLine(maxBytes: number, ms: number): Promise<string> {
  const reader = Deno.stdin.readable.getReader();
  const timer = setTimeout(() => reader.cancel(), ms);
  const decoder = new TextDecoder();
  let text = "";
  try {
    while (!text.includes("\n")) {
      const { value, done } = await reader.read();
      if (done || text.length > maxBytes) {
        throw new AppError(
          "host_spec_missing",
          "Expected one line with the session host's specification on standard input",
        );
      }
      text += decoder.decode(value, { stream: true });
    }
  } finally {
    clearTimeout(timer);
    reader.releaseLock();
  }
  return text.slice(0, text.indexOf("\n"));
}

/**
 * Points standard output and error to the file `path` (appending) and standard input to nothing: the
 * daemon that holds the other ends of the pipes may go away at any time.
 */
export function redirectOutput(path: string): void {
  if (Deno.build.os === "windows") return;
  const log = Deno.openSync(path, { append: true, create: true, mode: 0o600 });
  const nothing = libc.check(libc.open("/dev/null", libc.O.RDONLY), "Cannot open /dev/null");
  const fd = libc.descriptorOf(log);
  for (const [from, to] of [[nothing, 0], [fd, 1], [fd, 2]] as const) {
    libc.check(libc.dup2(from, to), "Cannot redirect a standard stream");
  }
  libc.close(nothing);
  log.close();
}
