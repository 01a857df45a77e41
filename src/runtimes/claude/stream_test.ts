import { assertEquals } from "../../../tests/support/assert.ts";
import { parseMessage } from "./stream.ts";

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
