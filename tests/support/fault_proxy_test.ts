import { Socket } from "node:net";
import { assert, assertEquals } from "./assert.ts";
import { startFaultProxy } from "./fault_proxy.ts";
import { between, seeded } from "./random.ts";
import { delay } from "../../src/platform/std/async.ts";

/** A server that sends back what it gets; ends with its scope. */
function echo() {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const work = (async () => {
    const all: Promise<void>[] = [];
    for await (const conn of listener) {
      all.push(
        conn.readable.pipeTo(conn.writable).catch(() => {
          // The faults under test break connections; the client's side is what is looked at.
        }),
      );
    }
    await Promise.all(all);
  })();
  return {
    port: listener.addr.port,
    async [Symbol.asyncDispose]() {
      listener.close();
      await work;
    },
  };
}

function connect(port: number): Promise<Deno.TcpConn> {
  return Deno.connect({ hostname: "127.0.0.1", port });
}

/** Reads until `size` bytes are there, the stream ends or breaks. */
async function read(conn: Deno.Conn, size: number): Promise<Uint8Array> {
  const all = new Uint8Array(size);
  let got = 0;
  while (got < size) {
    const n = await conn.read(all.subarray(got)).catch((error) => {
      if (error instanceof Deno.errors.ConnectionReset) return null;
      throw error;
    });
    if (n === null) break;
    got += n;
  }
  return all.subarray(0, got);
}

function bytes(size: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: size }, (_, i) => i % 251);
}

async function send(conn: Deno.Conn, data: Uint8Array): Promise<void> {
  for (let at = 0; at < data.length;) at += await conn.write(data.subarray(at));
}

Deno.test("startFaultProxy() passes data and the end of a stream unchanged", async () => {
  await using server = echo();
  await using proxy = await startFaultProxy({ target: server.port });
  using conn = await connect(proxy.port);
  const data = bytes(500_000);
  const whole = typeof Socket.prototype.resetAndDestroy === "function";
  const sending = send(conn, data).then(async () => {
    if (whole) await conn.closeWrite(); // See the proxy's comment on Deno 2.6.
  });
  const back = await read(conn, data.length + (whole ? 1 : 0));
  assertEquals(back.length, data.length);
  assert(back.every((byte, i) => byte === data[i]));
  await sending;
  assertEquals(proxy.accepted, 1);
});

Deno.test("FaultProxy.latency() delays without reordering", async () => {
  await using server = echo();
  await using proxy = await startFaultProxy({ target: server.port, seed: 7 });
  proxy.latency(60, 20);
  using conn = await connect(proxy.port);
  const start = performance.now();
  const data = bytes(40);
  for (const byte of data) await send(conn, Uint8Array.of(byte));
  assertEquals(await read(conn, 40), data);
  assert(performance.now() - start > 75);
});

Deno.test("FaultProxy.bandwidth() limits the rate", async () => {
  await using server = echo();
  await using proxy = await startFaultProxy({ target: server.port });
  proxy.bandwidth(100_000, "downstream");
  using conn = await connect(proxy.port);
  const start = performance.now();
  await send(conn, bytes(40_000));
  assertEquals((await read(conn, 40_000)).length, 40_000);
  const took = performance.now() - start;
  assert(took > 300 && took < 3000, `${took} ms`);
});

Deno.test("FaultProxy.slicer() loses nothing", async () => {
  await using server = echo();
  await using proxy = await startFaultProxy({ target: server.port });
  proxy.slicer(10, 5);
  using conn = await connect(proxy.port);
  await send(conn, bytes(5000));
  assertEquals(await read(conn, 5000), bytes(5000));
});

Deno.test("FaultProxy.timeout() holds data back until clear()", async () => {
  await using server = echo();
  await using proxy = await startFaultProxy({ target: server.port });
  using conn = await connect(proxy.port);
  await send(conn, bytes(3));
  await read(conn, 3);
  proxy.timeout(0);
  await send(conn, bytes(5));
  let arrived = false;
  const reading = read(conn, 5).then((data) => (arrived = true, data));
  await delay(150);
  assert(!arrived);
  assertEquals(proxy.connections, 1);
  proxy.clear();
  assertEquals(await reading, bytes(5));
});

Deno.test("FaultProxy.timeout() hides the end of the other side", async () => {
  await using server = echo();
  await using proxy = await startFaultProxy({ target: server.port });
  using conn = await connect(proxy.port);
  await send(conn, bytes(1));
  await read(conn, 1);
  proxy.timeout(0, "downstream");
  await conn.closeWrite(); // The server answers with its own end, which must not arrive.
  let ended = false;
  const reading = read(conn, 1).then(() => ended = true);
  await delay(100);
  assert(!ended);
  proxy.reset();
  await reading;
});

Deno.test("FaultProxy.timeout() closes after the given time", async () => {
  await using server = echo();
  await using proxy = await startFaultProxy({ target: server.port });
  using conn = await connect(proxy.port);
  proxy.timeout(50);
  await send(conn, bytes(1));
  assertEquals((await read(conn, 1)).length, 0);
});

Deno.test("FaultProxy.reset() breaks live connections only", async () => {
  await using server = echo();
  await using proxy = await startFaultProxy({ target: server.port });
  using first = await connect(proxy.port);
  await send(first, bytes(1));
  await read(first, 1);
  proxy.reset();
  assertEquals((await read(first, 1)).length, 0);
  using second = await connect(proxy.port);
  await send(second, bytes(1));
  assertEquals((await read(second, 1)).length, 1);
});

Deno.test("FaultProxy.limitData() closes after the given bytes", async () => {
  await using server = echo();
  await using proxy = await startFaultProxy({ target: server.port });
  using conn = await connect(proxy.port);
  await send(conn, bytes(50));
  await read(conn, 50);
  proxy.limitData(1000, "downstream");
  await send(conn, bytes(3000));
  assertEquals((await read(conn, 3000)).length, 1000);
});

Deno.test("FaultProxy.cut() refuses for a while", async () => {
  await using server = echo();
  await using proxy = await startFaultProxy({ target: server.port });
  using first = await connect(proxy.port);
  await send(first, bytes(1));
  await read(first, 1);
  proxy.cut(200);
  assertEquals((await read(first, 1)).length, 0);
  using refused = await connect(proxy.port);
  assertEquals((await read(refused, 1)).length, 0);
  assertEquals(proxy.refused, 1);
  await delay(250);
  using again = await connect(proxy.port);
  await send(again, bytes(1));
  assertEquals((await read(again, 1)).length, 1);
});

Deno.test("seeded() repeats itself", () => {
  const [a, b] = [seeded(5), seeded(5)];
  const first = Array.from({ length: 9 }, () => between(a, 1, 6));
  assertEquals(first, Array.from({ length: 9 }, () => between(b, 1, 6)));
  assert(first.every((n) => n >= 1 && n <= 6));
  assert(new Set(first).size > 1);
});
