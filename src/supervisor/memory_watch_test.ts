import { assertEquals } from "../../tests/support/assert.ts";
import { MemoryWatch, type WaitingSession } from "./memory_watch.ts";

function watch(sessions: WaitingSession[], available: () => number) {
  const retired: string[] = [];
  const memory = new MemoryWatch({
    available,
    sessions: () => sessions,
    retire: ({ hostId }) => void retired.push(hostId),
  }, { keepFree: 1000, everyMs: 3_600_000, askAgainMs: 60 });
  return { memory, retired };
}

const session = (hostId: string, lastSign: number, spare = false) => ({ hostId, lastSign, spare });

Deno.test("MemoryWatch.look() ends spares first, then who was silent for longest, one at a time", () => {
  const sessions = [session("new", 30), session("spare", 40, true), session("old", 10)];
  const { memory, retired } = watch(sessions, () => 999);
  for (let now = 0; now < 3; now++) memory.look(now);
  assertEquals(retired, ["spare", "old", "new"]);
  // Those that did not end are at work; they are asked again later.
  memory.look(50);
  assertEquals(retired.length, 3);
  memory.look(60);
  assertEquals(retired.slice(3), ["spare"]);
  memory.close();
});

Deno.test("MemoryWatch.look() leaves sessions alone while memory is free", () => {
  let free = 1000;
  const { memory, retired } = watch([session("a", 1)], () => free);
  memory.look(0);
  assertEquals(retired, []);
  free = 999;
  memory.look(1);
  assertEquals(retired, ["a"]);
  memory.close();
});
