import { assertEquals, assertThrows } from "../../../tests/support/assert.ts";
import { AppError } from "../../platform/mod.ts";
import { LineSplitter, parseMessage } from "./stream.ts";

const encoder = new TextEncoder();

Deno.test("LineSplitter.push() gives the same lines for every way of splitting the bytes in three", () => {
  const lines = ['{"a":"Grüße 😀"}', "", "plain", '{"b":"\\n"}', "x"];
  const bytes = encoder.encode(lines.join("\n"));
  for (let i = 0; i <= bytes.length; i++) {
    for (let j = i; j <= bytes.length; j++) {
      const splitter = new LineSplitter();
      const got = [bytes.subarray(0, i), bytes.subarray(i, j), bytes.subarray(j)]
        .flatMap((part) => splitter.push(part));
      assertEquals([...got, splitter.end()], lines);
    }
  }
});

Deno.test("LineSplitter.push() does not depend on the caller's buffer afterwards", () => {
  const splitter = new LineSplitter();
  const buffer = encoder.encode("abc");
  splitter.push(buffer);
  buffer.fill(0);
  assertEquals(splitter.push(encoder.encode("d\n")), ["abcd"]);
});

Deno.test("LineSplitter.push() refuses a line beyond its bound, however it comes", () => {
  const splitter = new LineSplitter(10);
  assertEquals(splitter.push(encoder.encode("0123456789\n")), ["0123456789"]);
  splitter.push(encoder.encode("01234"));
  const error = assertThrows(() => splitter.push(encoder.encode("567890")), AppError);
  assertEquals(error.code, "agent_line_too_long");
  assertThrows(() => new LineSplitter(3).push(encoder.encode("abcd\n")), AppError);
});

Deno.test("parseMessage() reads known types and tells the rest apart", () => {
  const init = parseMessage('{"type":"system","subtype":"init","session_id":"s","new_field":1}');
  assertEquals(typeof init === "object" && init.type, "system");
  assertEquals(parseMessage(""), "noise");
  assertEquals(parseMessage("warning: x"), "noise");
  assertEquals(parseMessage('{"type":"system",'), "noise");
  assertEquals(parseMessage('{"type":"keep_alive"}'), "unknown");
  assertEquals(parseMessage('{"type":"__proto__"}'), "unknown");
  assertEquals(parseMessage('{"type":"assistant","message":7}'), "malformed");
});
