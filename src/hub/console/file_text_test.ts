import { assertEquals } from "../../../tests/support/assert.ts";
import { isPicture, sizeText } from "./file_text.ts";

Deno.test("sizeText() is short and never says 1000 of a unit", () => {
  const shown = [0, 1, 1023, 1024, 1536, 1023 * 1024, 1024 ** 2, 104_857_600, 3 * 1024 ** 3]
    .map(sizeText);
  assertEquals(shown, [
    "0 bytes",
    "1 byte",
    "1023 bytes",
    "1 KB",
    "1.5 KB",
    "1 MB",
    "1 MB",
    "100 MB",
    "3 GB",
  ]);
});

Deno.test("isPicture() leaves out what could hold a script", () => {
  assertEquals(["image/png", "IMAGE/JPEG", "image/svg+xml", "text/html"].map(isPicture), [
    true,
    true,
    false,
    false,
  ]);
});
