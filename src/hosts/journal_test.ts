import { assertEquals, assertThrows } from "../../tests/support/assert.ts";
import { AppError } from "../platform/mod.ts";
import { JournalReader, JournalWriter } from "./journal.ts";

function withJournal(test: (path: string) => void): void {
  const dir = Deno.makeTempDirSync();
  try {
    test(`${dir}/journal.ndjson`);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

const event = (n: number, text = "") => ({ event: "e", data: { n, text } });

function readAll(path: string, step = 1024): number[] {
  const reader = new JournalReader(path);
  const seqs: number[] = [];
  for (let part = reader.read(step); part.length; part = reader.read(step)) {
    seqs.push(...part.map(({ s }) => s));
  }
  reader.close();
  return seqs;
}

Deno.test("JournalWriter.append() numbers events without gaps over reopening", () =>
  withJournal((path) => {
    const first = JournalWriter.open(path);
    first.append([event(1), event(2, "Grüße 😀\n")]);
    const tail = first.append([event(3)], { sync: true });
    assertEquals(first.append([]), tail);
    first.close();
    assertEquals(tail, { seq: 3, bytes: Deno.statSync(path).size });
    const second = JournalWriter.open(path);
    assertEquals(second.tail, tail);
    second.append([event(4)]);
    second.close();
    assertEquals(readAll(path), [1, 2, 3, 4]);
  }));

Deno.test("JournalWriter.open() cuts off a torn last line at every length", () =>
  withJournal((path) => {
    const writer = JournalWriter.open(path);
    writer.append([event(1)]);
    const { bytes } = writer.append([event(2)]);
    writer.append([event(3, "long enough to be torn")]);
    writer.close();
    const whole = Deno.readFileSync(path);
    for (let length = bytes; length < whole.length; length++) {
      Deno.writeFileSync(path, whole.subarray(0, length));
      const reopened = JournalWriter.open(path);
      assertEquals(reopened.tail, { seq: 2, bytes });
      reopened.close();
      assertEquals(Deno.statSync(path).size, bytes);
    }
  }));

Deno.test("JournalWriter.open() finds the end behind a line longer than its window", () =>
  withJournal((path) => {
    const writer = JournalWriter.open(path);
    writer.append([event(1), event(2, "x".repeat(500_000))]);
    writer.close();
    const again = JournalWriter.open(path);
    assertEquals(again.tail.seq, 2);
    again.close();
    const bare = `${path}.bare`;
    Deno.writeTextFileSync(bare, "y".repeat(300_000));
    const empty = JournalWriter.open(bare);
    assertEquals(empty.tail, { seq: 0, bytes: 0 });
    empty.close();
  }));

Deno.test("JournalWriter.full tells when the quota is reached", () =>
  withJournal((path) => {
    const writer = JournalWriter.open(path, 100);
    writer.append([event(1)]);
    assertEquals(writer.full, false);
    writer.append([event(2, "x".repeat(100))]);
    assertEquals(writer.full, true);
    writer.close();
  }));

Deno.test("JournalReader.read() returns whole records in steps and waits for a torn one", () =>
  withJournal((path) => {
    const writer = JournalWriter.open(path);
    writer.append(Array.from({ length: 200 }, (_, n) => event(n + 1, "x".repeat(n))));
    writer.append([event(201, "y".repeat(300_000))]);
    assertEquals(readAll(path), Array.from({ length: 201 }, (_, n) => n + 1));
    Deno.writeTextFileSync(path, '{"s":202,"e":"e","d"', { append: true });
    const reader = new JournalReader(path);
    reader.skipTo(201);
    assertEquals(reader.read(1024), []);
    Deno.writeTextFileSync(path, ":{}}\n", { append: true });
    assertEquals(reader.read(1024).map(({ s }) => s), [202]);
    reader.close();
    writer.close();
  }));

Deno.test("JournalReader.skipTo() goes on after any record", () =>
  withJournal((path) => {
    const writer = JournalWriter.open(path);
    writer.append(Array.from({ length: 40 }, (_, n) => event(n + 1, "x".repeat(20_000))));
    writer.close();
    for (const seq of [0, 1, 12, 13, 39, 40]) {
      const reader = new JournalReader(path);
      reader.skipTo(seq);
      assertEquals(reader.read(1024)[0]?.s, seq < 40 ? seq + 1 : undefined);
      reader.close();
    }
  }));

Deno.test("JournalReader.read() refuses a damaged record", () =>
  withJournal((path) => {
    Deno.writeTextFileSync(path, '{"s":0,"e":"e","d":{}}\n');
    const reader = new JournalReader(path);
    assertEquals(assertThrows(() => reader.read(1024), AppError).code, "journal_corrupt");
    reader.close();
  }));
