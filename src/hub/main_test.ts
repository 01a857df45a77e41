import { assert, assertEquals, assertMatch, assertRejects } from "../../tests/support/assert.ts";
import { freePort, Peer, StubDevice, until } from "../../tests/support/hub_fixture.ts";
import { AppError } from "../platform/mod.ts";
import { openAllOfLibc } from "../platform/libc.ts";
import { startHub } from "./mod.ts";

openAllOfLibc();

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/health`);
    await response.body?.cancel();
    return response.ok;
  } catch (error) {
    // Nobody listens.
    if (error instanceof TypeError) return false;
    throw error;
  }
}

Deno.test("startHub() serves from a worker, hands out keys and links, and stops within two seconds", async () => {
  const dataDir = await Deno.makeTempDir();
  try {
    const hub = await startHub({ port: 0, dataDir, providers: { claude: "demo" } });
    assertEquals(hub.url, `http://127.0.0.1:${hub.port}`);
    assertEquals(hub.firstRun?.userName, "admin");
    const key = await hub.createApiKey("admin");
    const link = await hub.issueLoginLink();
    assertMatch(link, /#login=/);
    const device = await StubDevice.start(hub.url, key, "dev-1");
    assertEquals((await device.register()).success, true);
    const refused = await assertRejects(() => hub.createApiKey("nobody"), AppError);
    assertEquals(refused.code, "not_found");
    const started = performance.now();
    await hub.stop();
    assert(performance.now() - started < 2000);
    await until(() => !device.socket.connected, "the device to notice");
    assertEquals(await answers(hub.url), false);
    const again = await startHub({ port: hub.port, dataDir });
    assertEquals(again.firstRun, undefined);
    const peer = await Peer.open(`${again.url}/local-executor`, key);
    assertEquals(peer.refusal, null);
    peer.socket.disconnect();
    await again.stop();
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});

Deno.test("startHub() says which port or directory is taken", async () => {
  const dataDir = await Deno.makeTempDir();
  const other = await Deno.makeTempDir();
  const hub = await startHub({ port: freePort(), dataDir });
  try {
    const port = await assertRejects(
      () => startHub({ port: hub.port, dataDir: other }),
      AppError,
    );
    assertEquals([port.code, port.message], ["port_in_use", `Port ${hub.port} is in use`]);
    const dir = await assertRejects(() => startHub({ port: 0, dataDir }), AppError);
    assertEquals(dir.code, "hub_data_in_use");
  } finally {
    await hub.stop();
    await Deno.remove(dataDir, { recursive: true });
    await Deno.remove(other, { recursive: true });
  }
});

Deno.test("startHub() starts its worker again when it dies, on the same port and data", async () => {
  const dataDir = await Deno.makeTempDir();
  const workers: Worker[] = [];
  const RealWorker = globalThis.Worker;
  globalThis.Worker = class extends RealWorker {
    constructor(specifier: string | URL, options?: WorkerOptions) {
      super(specifier, options);
      workers.push(this);
    }
  };
  const lines: string[] = [];
  try {
    const hub = await startHub({ port: 0, dataDir, log: (_level, text) => lines.push(text) });
    const key = await hub.createApiKey("admin");
    // A message of no known type is a fault the worker does not survive.
    workers[0]?.postMessage({ type: "nonsense" });
    await until(() => workers.length === 2, "a second worker");
    await until(() => answers(hub.url), "the hub to answer again");
    const peer = await Peer.open(`${hub.url}/local-executor`, key);
    assertEquals(peer.refusal, null);
    peer.socket.disconnect();
    assert(lines.some((line) => line.includes("starting it again")));
    await hub.stop();
  } finally {
    globalThis.Worker = RealWorker;
    await Deno.remove(dataDir, { recursive: true });
  }
});
