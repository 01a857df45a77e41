import { assertEquals, assertThrows } from "../../tests/support/assert.ts";
import { Slots } from "./slots.ts";

const run = (subtaskId: number, taskId = subtaskId) => ({ subtaskId, taskId });

Deno.test("next() starts as many runs as there are slots, in the order they came", () => {
  const slots = new Slots(5);
  for (let i = 1; i <= 6; i++) slots.enqueue(run(i));
  assertEquals(slots.next().map((r) => r.subtaskId), [1, 2, 3, 4, 5]);
  assertEquals(slots.queuedTaskIds, [6]);
  slots.release(3);
  assertEquals(slots.next().map((r) => r.subtaskId), [6]);
});

Deno.test("next() serialises the turns of one task without holding up others", () => {
  const slots = new Slots(2);
  slots.enqueue(run(1, 10));
  slots.enqueue(run(2, 10));
  slots.enqueue(run(3, 11));
  assertEquals(slots.next().map((r) => r.subtaskId), [1, 3]);
  slots.release(1);
  assertEquals(slots.next().map((r) => r.subtaskId), [2]);
});

Deno.test("release() takes a waiting run out of the queue so that it never starts", () => {
  const slots = new Slots(1);
  slots.enqueue(run(1));
  slots.enqueue(run(2));
  slots.next();
  assertEquals(slots.release(2), true);
  slots.release(1);
  assertEquals(slots.next(), []);
  assertEquals(slots.release(2), false);
});

Deno.test("runningTaskIds is sorted and unique", () => {
  const slots = new Slots(3);
  slots.hold(run(7, 70));
  slots.hold(run(6, 60));
  slots.hold(run(8, 70));
  assertEquals(slots.runningTaskIds, [60, 70]);
});

Deno.test("Slots refuses a number of slots that is no number of slots", () => {
  assertThrows(() => new Slots(0), RangeError, "0 slots");
});
