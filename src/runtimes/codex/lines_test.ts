import { assert, assertEquals } from "../../../tests/support/assert.ts";
import { BoundedLines, MAX_LINE_BYTES } from "./lines.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("BoundedLines.push() finds the same lines however the bytes are split", () => {
  const whole = bytes('{"a":"é"}\n\n{"b":"日本"}\r\n{"c":1}');
  for (let size = 1; size <= whole.length; size++) {
    const lines = new BoundedLines();
    const found: string[] = [];
    for (let at = 0; at < whole.length; at += size) {
      // The reader's buffer is used again for the next piece.
      const piece = whole.slice(at, at + size);
      found.push(...lines.push(piece));
      piece.fill(0);
    }
    found.push(...lines.push(bytes("\n")));
    assertEquals(found, ['{"a":"é"}', '{"b":"日本"}\r', '{"c":1}'], `pieces of ${size}`);
  }
});

Deno.test("BoundedLines.push() drops a line that is too long and reads on", () => {
  const lines = new BoundedLines(10);
  assertEquals(lines.push(bytes("0123456789\n01234567890\nab\n0123456")), ["0123456789", "ab"]);
  assertEquals(lines.push(bytes("78901234567890")), []);
  assertEquals(lines.push(bytes("more\nnext\n")), ["next"]);
  assertEquals(lines.dropped, 2);
});

Deno.test("BoundedLines.push() takes 50 MB in one line, and no memory for what is beyond its limit", () => {
  const lines = new BoundedLines();
  const piece = new Uint8Array(1 << 20).fill(120);
  for (let i = 0; i < 50; i++) lines.push(piece);
  assertEquals(lines.push(bytes("\n"))[0]?.length, 50 << 20);
  const before = Deno.memoryUsage().rss;
  for (let sent = 0; sent < MAX_LINE_BYTES * 8; sent += piece.length) lines.push(piece);
  assert(Deno.memoryUsage().rss - before < MAX_LINE_BYTES * 4);
  assertEquals(lines.push(bytes("\nshort\n")), ["short"]);
  assertEquals(lines.dropped, 1);
});
