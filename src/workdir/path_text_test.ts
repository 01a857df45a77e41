import { assertEquals } from "../../tests/support/assert.ts";
import { readPathText, showPath } from "./path_text.ts";

const HOME = "/home/u";
const linux = (text: string | null) => readPathText(text, HOME, { os: "linux" });

Deno.test("readPathText() takes absolute paths and the owner's home, and leaves `..` alone", () => {
  assertEquals(linux(" /a/../b "), { path: "/a/../b" });
  assertEquals(linux("~"), { path: HOME });
  assertEquals(linux("~/Projects/é 👩‍💻"), { path: `${HOME}/Projects/é 👩‍💻` });
  assertEquals(linux("/a/%2e%2e/b"), { path: "/a/%2e%2e/b" });
});

Deno.test("readPathText() says why a text is no path", () => {
  assertEquals([linux(null), linux(""), linux("  ")], [
    { fault: "workdir_missing" },
    { fault: "workdir_missing" },
    { fault: "workdir_missing" },
  ]);
  for (const text of ["a", "./a", "../a", "$HOME/a", "`id`", "C:\\a"]) {
    assertEquals(linux(text), { fault: "workdir_not_absolute" }, text);
  }
  const bad = [
    "/a\0b",
    "/a\nb",
    "/a\x1b[2Jb",
    "/a\u202eb",
    "/a\ud800",
    "~root",
    "~root/x",
    "/" + "a".repeat(4096),
  ];
  for (const text of bad) assertEquals(linux(text), { fault: "workdir_invalid" }, showPath(text));
});

Deno.test("readPathText() counts a relative path from a base where there is one", () => {
  assertEquals(readPathText("projects/7", HOME, { os: "linux", base: "/ws" }), {
    path: "/ws/projects/7",
  });
});

Deno.test("readPathText() refuses what Windows reads as something else than a directory", () => {
  const bad = [
    "\\\\server\\share",
    "//server/share",
    "\\\\?\\C:\\a",
    "\\\\.\\pipe\\x",
    "C:a",
    "C:\\a::$DATA",
    "C:\\a. ",
    "C:\\a.\\b",
    "C:\\NUL",
    "C:\\a\\com1.txt",
    "C:\\a\\Lpt²",
    "C:\\a|b",
    "C:\\a?",
  ];
  for (const text of bad) {
    assertEquals(readPathText(text, "C:\\Users\\u", { os: "windows" }), {
      fault: "workdir_invalid",
    }, text);
  }
});

Deno.test("showPath() escapes what would change the text around it, and cuts", () => {
  assertEquals(showPath("/a\x1b[0m\u202e"), "/a\\u{1b}[0m\\u{202e}");
  assertEquals(showPath("x".repeat(300)).length, 200);
});
