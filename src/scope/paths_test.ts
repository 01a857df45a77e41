import { assertEquals, assertThrows } from "../../tests/support/assert.ts";
import { AppError } from "../platform/errors.ts";
import { assertPlain, child, type FileSeam, isWithin, parent, resolvePath } from "./paths.ts";

Deno.test("isWithin() compares whole components", () => {
  const cases: [string, string, boolean][] = [
    ["/a", "/a", true],
    ["/a", "/a/b", true],
    ["/a/", "/a//b/", true],
    ["/a/foo", "/a/foobar", false],
    ["/a/foobar", "/a/foo", false],
    ["/a/b", "/a", false],
    ["/", "/anything", true],
    ["/a", "/b/a", false],
  ];
  for (const [root, path, wanted] of cases) {
    assertEquals(isWithin(root, path), wanted, `${root} ${path}`);
  }
});

Deno.test("child() and parent() are inverse, also at the root", () => {
  assertEquals([child("/", "a"), child("/a", "b"), child("/a/", "b")], ["/a", "/a/b", "/a/b"]);
  assertEquals([parent("/a/b"), parent("/a"), parent("/")], ["/a", "/", "/"]);
});

Deno.test("resolvePath() resolves the deepest existing part", () => {
  const real: Record<string, string> = { "/": "/", "/home": "/data", "/home/u": "/data/u" };
  const seam: FileSeam = { realPath: (path) => real[path] ?? null, entries: () => null };
  assertEquals(resolvePath("/home/u", seam), "/data/u");
  assertEquals(resolvePath("/home/u/x/y", seam), "/data/u/x/y");
  assertEquals(resolvePath("/none/x", seam), "/none/x");
});

Deno.test("assertPlain() refuses relative paths, climbing and NUL", () => {
  for (const path of ["a", "", "./a", "/a/../b", "/..", "/a\0b"]) {
    assertThrows(() => assertPlain(path), AppError, "Expected an absolute path");
  }
  for (const path of ["/", "/a..b", "/...", "/a b"]) assertPlain(path);
});
