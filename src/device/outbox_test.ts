import { assert, assertEquals } from "../../tests/support/assert.ts";
import { JournalWriter } from "../hosts/mod.ts";
import type { ResponseEnvelope } from "../protocol/mod.ts";
import { readTextIfExists } from "../platform/mod.ts";
import { type DeliveryEnd, type OutboxLink, RunDelivery } from "./outbox.ts";
import { Cursor } from "./run_store.ts";

/** A connection whose fate the test decides. */
class ScriptedLink implements OutboxLink {
  registered = true;
  sent: ResponseEnvelope[] = [];
  /** Answers the next requests; the default takes everything. */
  answer: (envelope: ResponseEnvelope) => Promise<unknown> = (e) =>
    Promise.resolve({ success: true, seq: e.seq });

  constructor(readonly sequenced: boolean) {}

  send(envelope: ResponseEnvelope): void {
    this.sent.push(envelope);
  }
  request(envelope: ResponseEnvelope): Promise<unknown> {
    this.sent.push(envelope);
    return this.answer(envelope);
  }
  get text(): string {
    return this.sent.filter((e) => e.event_type === "response.output_text.delta")
      .map((e) => e.data["delta"]).join("");
  }
}

interface Fixture {
  link: ScriptedLink;
  journal: JournalWriter;
  /** A delivery over the same files, as after a restart of the daemon. */
  deliver(): { delivery: RunDelivery; ended: Promise<DeliveryEnd> };
  delta(text: string): void;
  end(): void;
}

async function withRun(sequenced: boolean, test: (f: Fixture) => Promise<void>): Promise<void> {
  const dir = Deno.makeTempDirSync();
  const journal = JournalWriter.open(`${dir}/journal.ndjson`);
  const link = new ScriptedLink(sequenced);
  const deliveries: RunDelivery[] = [];
  const fixture: Fixture = {
    link,
    journal,
    deliver() {
      const { promise, resolve } = Promise.withResolvers<DeliveryEnd>();
      const cursor = new Cursor(`${dir}/cursor`);
      const at = Number(readTextIfExists(`${dir}/cursor`)) || 0;
      const run = { id: "r1", taskId: 1, subtaskId: 2, journal: `${dir}/journal.ndjson` };
      const delivery = new RunDelivery(run, link, cursor, at, resolve, () => {});
      deliveries.push(delivery);
      delivery.grew(journal.tail);
      return { delivery, ended: promise };
    },
    delta: (text) =>
      void journal.append([{ event: "response.output_text.delta", data: { delta: text } }]),
    end: () => void journal.append([{ event: "response.completed", data: {} }]),
  };
  try {
    await test(fixture);
  } finally {
    for (const delivery of deliveries) delivery.close();
    journal.close();
    Deno.removeSync(dir, { recursive: true });
  }
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 20));

Deno.test("RunDelivery sends in order, with session and number for a server that counts", () =>
  withRun(true, async ({ link, deliver, delta, end }) => {
    delta("a");
    delta("b");
    end();
    const { ended } = deliver();
    assertEquals(await ended, { outcome: "delivered" });
    assertEquals(link.sent.map((e) => [e.session, e.seq]), [["r1", 1], ["r1", 2], ["r1", 3]]);
    assertEquals(link.text, "ab");
  }));

Deno.test("RunDelivery leaves session and number out for a server that does not count", () =>
  withRun(false, async ({ link, deliver, delta, end }) => {
    delta("a");
    end();
    await deliver().ended;
    assertEquals(link.sent.some((e) => "seq" in e || "session" in e), false);
  }));

Deno.test("RunDelivery goes on behind what a counting server holds after a cut", () =>
  withRun(true, async ({ link, journal, deliver, delta, end }) => {
    delta("a");
    delta("b");
    link.answer = () => Promise.reject(new Error("disconnected"));
    const { delivery, ended } = deliver();
    await settle();
    link.registered = false;
    delta("c");
    end();
    delivery.grew(journal.tail);
    await settle();
    link.sent = [];
    link.answer = (e) => Promise.resolve({ success: true, seq: e.seq });
    link.registered = true;
    delivery.registered(1);
    assertEquals((await ended).outcome, "delivered");
    assertEquals(link.sent.map((e) => e.seq), [2, 3, 4]);
  }));

Deno.test("RunDelivery repeats from the number that a counting server is missing", () =>
  withRun(true, async ({ link, deliver, delta, end }) => {
    delta("a");
    delta("b");
    end();
    let first = true;
    link.answer = (e) => {
      const seq = first ? 1 : e.seq;
      first = false;
      return Promise.resolve({ success: seq === e.seq, seq });
    };
    const { delivery, ended } = deliver();
    await settle();
    delivery.registered(1);
    assertEquals((await ended).outcome, "delivered");
    assertEquals(link.sent.map((e) => e.seq), [1, 2, 3, 2, 3]);
  }));

Deno.test("RunDelivery never repeats text to a server that does not count, also after a restart", () =>
  withRun(false, async ({ link, deliver, delta, end }) => {
    delta("a");
    delta("b");
    link.answer = () => Promise.reject(new Error("disconnected"));
    const first = deliver();
    await settle();
    first.delivery.close();
    end();
    link.answer = () => Promise.resolve({ success: true });
    const second = deliver();
    second.delivery.registered(null);
    assertEquals((await second.ended).outcome, "delivered");
    assertEquals(link.text, "ab");
  }));

Deno.test("RunDelivery repeats the terminal event until it is acknowledged, and never afterwards", () =>
  withRun(false, async ({ link, deliver, end }) => {
    end();
    link.answer = () => Promise.reject(new Error("disconnected"));
    const { delivery, ended } = deliver();
    await settle();
    delivery.registered(null);
    await settle();
    link.answer = () => Promise.resolve({ success: true });
    delivery.registered(null);
    assertEquals((await ended).outcome, "delivered");
    assertEquals(link.sent.length, 3);
    delivery.registered(null);
    await settle();
    assertEquals(link.sent.length, 3);
  }));

Deno.test("RunDelivery gives up a run that the server refuses", () =>
  withRun(true, async ({ link, deliver, delta }) => {
    delta("a");
    link.answer = () => Promise.resolve({ error: "Subtask not found" });
    const { delivery, ended } = deliver();
    for (let i = 0; i < 3; i++) {
      await settle();
      delivery.pump();
    }
    const end = await ended;
    assertEquals(end, { outcome: "refused", reason: "Subtask not found" });
  }));

Deno.test("RunDelivery sends nothing while the device is not registered", () =>
  withRun(true, async ({ link, deliver, delta }) => {
    link.registered = false;
    delta("a");
    const { delivery } = deliver();
    await settle();
    assertEquals(link.sent, []);
    assertEquals(delivery.undelivered, 1);
    link.registered = true;
    delivery.registered(0);
    await settle();
    assert(link.text === "a");
  }));
