import { assertEquals } from "../../tests/support/assert.ts";
import { Peer } from "../../tests/support/hub_fixture.ts";
import { openAllOfLibc } from "../platform/libc.ts";
import { startHub } from "./mod.ts";

openAllOfLibc();

const encoder = new TextEncoder();

/** A masked WebSocket frame (mask 0). */
function frame(payload: string | Uint8Array, opcode = 1): Uint8Array {
  const data = typeof payload === "string" ? encoder.encode(payload) : payload;
  const length = data.length < 126
    ? [0x80 | data.length]
    : data.length < 65536
    ? [0xfe, data.length >> 8, data.length & 255]
    : [0xff, 0, 0, 0, 0, ...[24, 16, 8, 0].map((bits) => (data.length >>> bits) & 255)];
  const bytes = new Uint8Array(1 + length.length + 4 + data.length);
  bytes.set([0x80 | opcode, ...length]);
  bytes.set(data, bytes.length - data.length);
  return bytes;
}

/** Sends the parts one after the other, then goes away without a word. */
async function hitAndRun(port: number, parts: readonly (string | Uint8Array)[]): Promise<void> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  for (const part of parts) {
    try {
      await conn.write(typeof part === "string" ? encoder.encode(part) : part);
    } catch (error) {
      // The hub has hung up already.
      const gone = error instanceof Deno.errors.BrokenPipe ||
        error instanceof Deno.errors.ConnectionReset;
      if (gone) return;
      throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
}

function* attacks(port: number, key: string): Iterable<(string | Uint8Array)[]> {
  const host = `host: 127.0.0.1:${port}`;
  const junk = crypto.getRandomValues(new Uint8Array(3000));
  const request = (line: string, ...headers: string[]) =>
    [line + " HTTP/1.1", host, ...headers].join("\r\n") + "\r\n\r\n";
  const upgrade = (path = "/socket.io/?EIO=4&transport=websocket") =>
    request(
      `GET ${path}`,
      "connection: Upgrade",
      "upgrade: websocket",
      "sec-websocket-version: 13",
      "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
    );
  yield [junk];
  yield ["GET / HT"];
  for (
    const line of [
      "GET http://evil.example/",
      "OPTIONS *",
      "CONNECT a:1",
      "TRACE /",
      "GET //evil.example/%zz",
      "GET /%zz%ff?%%%",
      "GET /api/devices/%E0%A4%A/default",
      "GET /socket.io/?EIO=4&transport=polling",
    ]
  ) yield [request(line)];
  const json = "content-type: application/json";
  yield [request("POST /api/auth/login", json, "content-length: 100"), "{"];
  yield [request("POST /api/auth/login", json, "transfer-encoding: chunked"), "zz\r\n"];
  yield [upgrade("/elsewhere")];
  yield [upgrade("/socket.io/?EIO=9&transport=websocket")];
  for (
    const first of [
      junk,
      frame(new Uint8Array([0xff, 0xfe])),
      frame(junk, 2),
      frame("9"),
      frame(""),
      frame("40/nowhere,"),
      frame("40/local-executor,{bad"),
      frame('40/local-executor,{"token":{"a":1}}'),
      frame("40/local-executor,null"),
      frame("40"),
      frame(new Uint8Array([3]), 8),
      frame("x".repeat(200), 9),
    ]
  ) yield [upgrade(), first];
  for (
    const event of [
      '42/local-executor,0["device:register"]',
      "42/local-executor,1[]",
      "42/local-executor,[1]",
      '42/local-executor,["connect",1]',
      '452-/local-executor,["x",{"_placeholder":true,"num":9}]',
      "43/local-executor,77[1]",
      `42/local-executor,5["device:heartbeat",${"[".repeat(50_000)}${"]".repeat(50_000)}]`,
      `42/local-executor,${"x".repeat(5_000_000)}`,
    ]
  ) yield [upgrade(), frame(`40/local-executor,{"token":"${key}"}`), frame(event)];
}

Deno.test("bytes of any kind on the port do not end the hub, and a device is served afterwards", async () => {
  const dataDir = await Deno.makeTempDir();
  const faults: string[] = [];
  const hub = await startHub({
    port: 0,
    dataDir,
    providers: { claude: "demo" },
    log: (level, text) => level === "error" && faults.push(text),
  });
  try {
    const key = await hub.createApiKey("admin");
    for (const parts of attacks(hub.port, key)) {
      await hitAndRun(hub.port, parts);
      const health = await fetch(`${hub.url}/health`);
      assertEquals((await health.json()).status, "healthy");
    }
    const device = await Peer.open(`${hub.url}/local-executor`, await hub.createApiKey("admin"));
    const ack = await device.ask("device:register", { device_id: "d", name: "D" });
    assertEquals(ack.success, true);
    device.socket.disconnect();
    assertEquals(faults, []);
  } finally {
    await hub.stop();
    await Deno.remove(dataDir, { recursive: true });
  }
});
