import { assert, assertEquals, assertStringIncludes } from "../../tests/support/assert.ts";
import { SecretMasker } from "../platform/mod.ts";
import { ResponseBuilder } from "../protocol/mod.ts";
import { JournalReader, JournalWriter } from "./journal.ts";
import { JournalSink } from "./journal_sink.ts";
import { EventMasker } from "./secrets.ts";

const RUN = { task_id: 1, subtask_id: 2, response_id: "resp_0", created_at: 0 };

async function withDir(test: (path: string) => Promise<void>): Promise<void> {
  const dir = Deno.makeTempDirSync();
  try {
    await test(`${dir}/journal.ndjson`);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

function read(path: string) {
  const reader = new JournalReader(path);
  const records = reader.read(1 << 20);
  reader.close();
  return records;
}

Deno.test("JournalSink.append() leaves out what exceeds the quota and end() says how much", () =>
  withDir(async (path) => {
    const tails: [number, boolean][] = [];
    const sink = new JournalSink(JournalWriter.open(path, 400), new ResponseBuilder(RUN), {
      onTail: ({ seq }, ended) => tails.push([seq, ended]),
      onFailure: (error) => {
        throw error;
      },
    }, new EventMasker(new SecretMasker(), 0));
    for (let i = 0; i < 10; i++) sink.append(sink.builder.text("x".repeat(100)));
    const written = tails.length;
    assert(written > 0 && written < 10);
    assert(await sink.end((b) => b.completed({ text: "t" }), new AbortController().signal));
    const records = read(path);
    assertEquals(records.map(({ s }) => s), records.map((_, i) => i + 1));
    assertEquals(records.at(-1)?.e, "response.completed");
    assertStringIncludes(
      String(records.at(-2)?.d["delta"]),
      `${10 - written} events are left out`,
    );
    assertEquals(tails.at(-1), [written + 2, true]);
  }));

Deno.test("JournalSink.end() tries again until the disk takes the terminal event", () =>
  withDir(async (path) => {
    const writer = JournalWriter.open(path);
    const append = writer.append.bind(writer);
    let refusals = 2;
    writer.append = (events, options) => {
      if (refusals-- > 0) throw new Error("No space left on device");
      return append(events, options);
    };
    let failures = 0;
    const sink = new JournalSink(writer, new ResponseBuilder(RUN), {
      onTail: () => {},
      onFailure: () => failures++,
    }, new EventMasker(new SecretMasker(), 0));
    sink.append(sink.builder.text("lost"));
    sink.append(sink.builder.text("lost too"));
    assert(await sink.end((b) => b.error("disk"), new AbortController().signal));
    assertEquals(failures, 1);
    const records = read(path);
    assertEquals(records.map(({ e }) => e), ["response.reasoning_summary_text.delta", "error"]);
    assertStringIncludes(String(records[0]?.d["delta"]), "2 events are left out");
  }));

Deno.test("JournalSink.end() gives up when the host must go", () =>
  withDir(async (path) => {
    const writer = JournalWriter.open(path);
    writer.append = () => {
      throw new Error("No space left on device");
    };
    const sink = new JournalSink(writer, new ResponseBuilder(RUN), {
      onTail: () => {},
      onFailure: () => {},
    }, new EventMasker(new SecretMasker(), 0));
    const gone = new AbortController();
    setTimeout(() => gone.abort(), 20);
    assertEquals(await sink.end((b) => b.error("x"), gone.signal), false);
  }));
