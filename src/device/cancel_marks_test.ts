import { assertEquals } from "../../tests/support/assert.ts";
import { CancelMarks } from "./cancel_marks.ts";

Deno.test("take() finds a cancel of the subtask once", () => {
  const marks = new CancelMarks();
  marks.add(1, 11);
  assertEquals(marks.take(1, 12), false);
  assertEquals(marks.take(1, 11), true);
  assertEquals(marks.take(1, 11), false);
});

Deno.test("take() finds a cancel of the whole task", () => {
  const marks = new CancelMarks();
  marks.add(1, null);
  assertEquals(marks.take(1, 12), true);
});

Deno.test("take() forgets a cancel after ten minutes", () => {
  let now = 0;
  const marks = new CancelMarks(() => now);
  marks.add(1, 11);
  now = 11 * 60_000;
  assertEquals(marks.take(1, 11), false);
});

Deno.test("add() takes a late cancel for the run that has ended, not for its retry", () => {
  const marks = new CancelMarks();
  marks.ended(11);
  marks.add(1, 11);
  assertEquals(marks.take(1, 11), false);
  for (let i = 100; i < 1100; i++) marks.ended(i);
  marks.add(1, 11);
  assertEquals(marks.take(1, 11), true);
});

Deno.test("add() keeps a bounded number of marks", () => {
  const marks = new CancelMarks();
  for (let i = 1; i <= 1001; i++) marks.add(i, i);
  assertEquals(marks.take(1, 1), false);
  assertEquals(marks.take(1001, 1001), true);
});
