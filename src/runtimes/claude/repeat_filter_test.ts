import { assertEquals } from "../../../tests/support/assert.ts";
import { RepeatFilter } from "./repeat_filter.ts";

/** Plays pieces into a message and returns what is shown. */
function stream(filter: RepeatFilter, ...pieces: string[]): string {
  filter.messageStarts();
  filter.blockStarts();
  return pieces.map((piece) => filter.streamed(piece)).join("");
}

Deno.test("RepeatFilter.whole() shows a block that was streamed no second time", () => {
  const filter = new RepeatFilter();
  assertEquals(stream(filter, "Hel", "lo"), "Hello");
  assertEquals(filter.whole("Hello"), "");
  filter.messageEnds();
  assertEquals(filter.whole("not streamed"), "not streamed");
});

Deno.test("RepeatFilter.whole() shows only what is missing after a stream that broke", () => {
  const filter = new RepeatFilter();
  stream(filter, "one ", "two");
  assertEquals(filter.whole("one two three"), " three");
});

Deno.test("RepeatFilter.whole() shows another answer on a line of its own", () => {
  const filter = new RepeatFilter();
  stream(filter, "one two");
  assertEquals(filter.whole("eins zwei"), "\n\neins zwei");
});

Deno.test("RepeatFilter.streamed() swallows the repetition after a message that never ended", () => {
  const filter = new RepeatFilter();
  assertEquals(stream(filter, "one ", "two "), "one two ");
  assertEquals(stream(filter, "on", "e t", "wo three"), "three");
  assertEquals(filter.whole("one two three"), "");
  filter.messageEnds();
  assertEquals(stream(filter, "one two"), "one two");
});

Deno.test("RepeatFilter.streamed() shows a repetition that turns out different as a whole", () => {
  const filter = new RepeatFilter();
  stream(filter, "one two");
  assertEquals(stream(filter, "one", " more"), "\n\none more");
});
