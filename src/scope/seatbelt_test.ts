import { assertEquals } from "../../tests/support/assert.ts";
import { renderSeatbelt } from "./seatbelt.ts";

Deno.test("renderSeatbelt() puts the more specific path and the denial last", () => {
  const profile = renderSeatbelt({
    write: ['/Users/u/eh/ws/7 "x"', "/Users/u/Library/Caches"],
    read: ["/Users/u/eh/agents"],
    denyRead: ["/Users/u/eh"],
    denyWrite: ["/Users/u/.zshrc", "/Users/u/Library/Caches"],
  });
  assertEquals(
    profile,
    `(version 1)
(allow default)
(deny file-write*)
(allow file-write* file-ioctl (literal "/dev/null") (literal "/dev/zero") (literal "/dev/random") (literal "/dev/urandom") (literal "/dev/tty") (literal "/dev/ptmx") (literal "/dev/dtracehelper") (regex #"^/dev/ttys[0-9]+$"))
(deny file-write* (subpath "/Users/u/.zshrc"))
(deny file-write* (subpath "/Users/u/eh"))
(allow file-write* (subpath "/Users/u/Library/Caches"))
(deny file-write* (subpath "/Users/u/Library/Caches"))
(allow file-write* (subpath "/Users/u/eh/ws/7 \\"x\\""))
(deny file-read-data (subpath "/Users/u/eh"))
(allow file-read-data (subpath "/Users/u/eh/agents"))
(allow file-read-data (subpath "/Users/u/Library/Caches"))
(allow file-read-data (subpath "/Users/u/eh/ws/7 \\"x\\""))
(deny signal)
(allow signal (target same-sandbox))
(deny process-info*)
(allow process-info* (target same-sandbox))
`,
  );
});
