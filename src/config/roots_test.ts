import { assertEquals } from "../../tests/support/assert.ts";
import { splitRoots, usableRoots } from "./roots.ts";

Deno.test("splitRoots() takes a comma list; a blank one counts as not set", () => {
  assertEquals(splitRoots(" ~/a , /b,, "), ["~/a", "/b"]);
  assertEquals([splitRoots(undefined), splitRoots(" , ")], [null, null]);
});

Deno.test("usableRoots() expands the home and drops what can be no root, saying why", () => {
  const { roots, refused } = usableRoots(
    [
      "~/Projects/",
      "~",
      "/srv/work",
      "/srv/work",
      "/",
      "*",
      "work",
      "//",
      "~root/x",
      "/a\n",
      "/a/../b",
    ],
    "/home/u",
  );
  assertEquals(roots, ["/home/u/Projects", "/home/u", "/srv/work"]);
  assertEquals(refused.map(({ root }) => root), [
    "/",
    "*",
    "work",
    "//",
    "~root/x",
    "/a\n",
    "/a/../b",
  ]);
});
