import { assertEquals } from "../../tests/support/assert.ts";
import { parseJson, sameSecret } from "./mod.ts";

Deno.test("parseJson() gives null for what is not JSON", () => {
  assertEquals(parseJson('{"a":1}'), { a: 1 });
  assertEquals(parseJson("{"), null);
  assertEquals(parseJson(""), null);
});

Deno.test("sameSecret() tells equal from different, longer and empty", () => {
  assertEquals(sameSecret("abc", "abc"), true);
  for (const other of ["abd", "ab", "abcd", ""]) assertEquals(sameSecret("abc", other), false);
});
