import { assertEquals, assertThrows } from "../../../tests/support/assert.ts";
import { parseSummary } from "./summary.ts";

const OBJECTS = `${"0".repeat(40)} ${"1".repeat(40)}`;

Deno.test("parseSummary() joins both lists, sorts by path and keeps odd names", () => {
  const text = [
    `:100644 100644 ${OBJECTS} M`,
    "z",
    `:000000 100644 ${OBJECTS} A`,
    "new\nline\tand tab",
    `:100644 100644 ${OBJECTS} R087`,
    "from",
    "to",
    `:100644 120000 ${OBJECTS} T`,
    "link",
    `:100644 000000 ${OBJECTS} D`,
    "gone",
    "1\t2\tz",
    "3\t0\tnew\nline\tand tab",
    "4\t5\t",
    "from",
    "to",
    "-\t-\tlink",
    "0\t7\tgone",
    "",
  ].join("\0");
  const file = (path: string, change_type: string, additions: number, deletions: number) => ({
    old_path: null,
    path: `p/${path}`,
    change_type,
    additions,
    deletions,
    binary: false,
  });
  assertEquals<unknown>(parseSummary(text, "p/"), [
    file("gone", "deleted", 0, 7),
    { ...file("link", "modified", 0, 0), binary: true },
    file("new\nline\tand tab", "created", 3, 0),
    { ...file("to", "renamed", 4, 5), old_path: "p/from" },
    file("z", "modified", 1, 2),
  ]);
  assertEquals(parseSummary(""), []);
});

Deno.test("parseSummary() refuses what is cut or strange", () => {
  for (
    const text of [
      `:100644 100644 ${OBJECTS} M`,
      `:100644 100644 ${OBJECTS} M\0z\0`,
      `:100644 100644 ${OBJECTS} X\0z\x001\t2\tz\0`,
      "1\t2\tz\0",
      "nonsense\0",
    ]
  ) assertThrows(() => parseSummary(text), Error);
});
