import { assert, assertEquals, assertThrows } from "../../../tests/support/assert.ts";
import { AppError } from "../../platform/mod.ts";
import { LineSplitter, MAX_LINE_BYTES } from "./lines.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("LineSplitter.push() gives the same lines for every way of splitting the bytes in three", () => {
  const lines = ['{"a":"Grüße 😀"}', "", "plain", '{"b":"\\n"}', "x"];
  const whole = bytes(lines.join("\n"));
  for (let i = 0; i <= whole.length; i++) {
    for (let j = i; j <= whole.length; j++) {
      const splitter = new LineSplitter();
      const got = [whole.subarray(0, i), whole.subarray(i, j), whole.subarray(j)]
        .flatMap((part) => splitter.push(part));
      assertEquals([...got, splitter.end()], lines);
    }
  }
});

Deno.test("LineSplitter.push() does not depend on the caller's buffer afterwards", () => {
  const splitter = new LineSplitter();
  const buffer = bytes("abc");
  splitter.push(buffer);
  buffer.fill(0);
  assertEquals(splitter.push(bytes("d\n")), ["abcd"]);
});

Deno.test("LineSplitter.push() refuses a line beyond its bound, however it comes", () => {
  const splitter = new LineSplitter(10);
  assertEquals(splitter.push(bytes("0123456789\n")), ["0123456789"]);
  splitter.push(bytes("01234"));
  const error = assertThrows(() => splitter.push(bytes("567890")), AppError);
  assertEquals(error.code, "agent_line_too_long");
  assertThrows(() => new LineSplitter(3).push(bytes("abcd\n")), AppError);
});

Deno.test("LineSplitter.push() drops a line that is too long and reads on", () => {
  const lines = new LineSplitter(10, "drop");
  assertEquals(lines.push(bytes("0123456789\n01234567890\nab\n0123456")), ["0123456789", "ab"]);
  assertEquals(lines.push(bytes("78901234567890")), []);
  assertEquals(lines.push(bytes("more\nnext\n")), ["next"]);
  assertEquals(lines.dropped, 2);
});

Deno.test("LineSplitter.push() takes 49 MiB in one line, and no memory for what is beyond its limit", () => {
  const lines = new LineSplitter(MAX_LINE_BYTES, "drop");
  const piece = new Uint8Array(1 << 20).fill(120);
  for (let i = 0; i < 49; i++) lines.push(piece);
  assertEquals(lines.push(bytes("\n"))[0]?.length, 49 << 20);
  const before = Deno.memoryUsage().rss;
  for (let sent = 0; sent < MAX_LINE_BYTES * 8; sent += piece.length) lines.push(piece);
  assert(Deno.memoryUsage().rss - before < MAX_LINE_BYTES * 4);
  assertEquals(lines.push(bytes("\nshort\n")), ["short"]);
  assertEquals(lines.dropped, 1);
});
