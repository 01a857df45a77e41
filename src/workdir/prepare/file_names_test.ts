import { assertEquals } from "../../../tests/support/assert.ts";
import { foldedName, numberedName, safeFileName } from "./file_names.ts";

Deno.test("safeFileName() makes a name any file system takes", () => {
  const names: Record<string, string> = {
    "report.pdf": "report.pdf",
    "../../etc/passwd": "passwd",
    "a/b/": "b",
    "..": "",
    ".": "",
    "": "",
    "a\r\nb\0.txt": "ab.txt",
    "c:\\x\\y?.txt": "c__x_y_.txt",
    "trailing. . ": "trailing",
    "NUL": "_NUL",
    "com1.txt": "_com1.txt",
    "command.txt": "command.txt",
    "\u202Egpj.exe": "gpj.exe",
    "résumé 履歴.pdf": "résumé 履歴.pdf",
  };
  for (const [given, wanted] of Object.entries(names)) {
    assertEquals(safeFileName(given, 200), wanted, JSON.stringify(given));
  }
});

Deno.test("safeFileName() cuts by bytes, between characters, and keeps the extension", () => {
  const long = safeFileName(`${"😀".repeat(80)}.tar`, 200);
  assertEquals(long, `${"😀".repeat(49)}.tar`);
  assertEquals(safeFileName("\uD800x", 200), "\uFFFDx");
  assertEquals(numberedName("a.tar.gz", 2, 200), "a.tar (2).gz");
  assertEquals(new TextEncoder().encode(numberedName(long, 12, 200)).length <= 200, true);
  assertEquals(foldedName("É.TXT"), foldedName("e\u0301.txt"));
});
