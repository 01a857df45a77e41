/** How the device reaches its server: proxies, certificates, refusals, reconnection. */
import { createServer } from "node:https";
import { connect, createServer as createTcpServer, type Socket } from "node:net";
import { Server } from "socket.io";
import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { makeCertificates } from "../support/certificates.ts";
import { say, script } from "../support/model.ts";
import { startStubBackend, STUB_TOKEN } from "../support/stub_backend.ts";
import { createWorld } from "../support/world.ts";
import { LONG, until, withDevice } from "./fixture.ts";

/** A proxy that opens tunnels to ports of this machine, whatever the host is called. */
async function startTunnelProxy(): Promise<{ url: string; tunnels: string[]; close(): void }> {
  const tunnels: string[] = [];
  const sockets = new Set<Socket>();
  const server = createTcpServer((client) => {
    sockets.add(client);
    client.on("error", () => client.destroy());
    client.once("data", (head) => {
      const port = /^CONNECT [^ ]+:(\d+) /.exec(head.toString())?.[1];
      tunnels.push(head.toString().split("\r\n")[0] ?? "");
      if (!port) {
        client.end("HTTP/1.1 405 Only tunnels\r\n\r\n");
        return;
      }
      const target = connect(Number(port), "127.0.0.1", () => {
        client.write("HTTP/1.1 200 Connection established\r\n\r\n");
        client.pipe(target);
        target.pipe(client);
      });
      sockets.add(target);
      target.on("error", () => client.destroy());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const { port } = server.address() as { port: number };
  return {
    url: `http://user:secret@127.0.0.1:${port}`,
    tunnels,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

const unchecked = { sanitizeOps: false, sanitizeResources: false };

Deno.test({
  name: "a server without TLS is reached through HTTP_PROXY by a tunnel; NO_PROXY goes directly",
  ...unchecked,
  async fn() {
    await using backend = await startStubBackend({ syncCapabilities: false });
    await using world = await createWorld({ claude: false });
    const proxy = await startTunnelProxy();
    const { port } = new URL(backend.url);
    const version = JSON.parse((await world.run(["version", "--json"])).stdout).deno as string;
    const program = world.start(["start", "--verbose"], {
      LOG_LEVEL: "debug",
      WEGENT_BACKEND_URL: `http://backend.test:${port}/some/path`,
      WEGENT_AUTH_TOKEN: STUB_TOKEN,
      HTTP_PROXY: proxy.url,
    });
    const tunnels = Number(version.split(".")[1]) >= 9 ? 1 : 0;
    if (tunnels === 1) await backend.waitDevice(LONG);
    // An executable of an older runtime cannot and says so.
    else await program.waitForLine("cannot reach a server without TLS through a proxy", LONG);
    assertEquals(proxy.tunnels.length, tunnels);
    program.signal("SIGTERM");
    await program.exited(LONG);
    const direct = world.start(["start"], {
      WEGENT_BACKEND_URL: backend.url,
      WEGENT_AUTH_TOKEN: STUB_TOKEN,
      HTTP_PROXY: proxy.url,
      NO_PROXY: "127.0.0.1",
    });
    await backend.waitDevice(LONG, tunnels + 1);
    assertEquals(proxy.tunnels.length, tunnels);
    direct.signal("SIGTERM");
    await direct.exited(LONG);
    proxy.close();
  },
});

Deno.test({
  name:
    "a server with a company's certificate is reached through HTTPS_PROXY with SSL_CERT_FILE only",
  ...unchecked,
  async fn() {
    await using world = await createWorld({ claude: false });
    const { ca, cert, key } = await makeCertificates(["backend.test"], world.tmp);
    const https = createServer({ cert, key });
    const io = new Server(https, { transports: ["websocket"] });
    let registrations = 0;
    io.of("/local-executor").on("connection", (socket) => {
      socket.on("device:register", (request, ack) => {
        registrations++;
        ack({ success: true, device_id: request.device_id });
      });
      socket.onAny((name, _payload, ack) => name !== "device:register" && ack?.({ success: true }));
    });
    await new Promise<void>((resolve) => https.listen(0, "127.0.0.1", () => resolve()));
    const { port } = https.address() as { port: number };
    const proxy = await startTunnelProxy();
    const env = {
      WEGENT_BACKEND_URL: `https://backend.test:${port}`,
      WEGENT_AUTH_TOKEN: "x",
      HTTPS_PROXY: proxy.url,
      DENO_TLS_CA_STORE: "mozilla",
    };
    const without = world.start(["start", "--verbose"], { ...env, LOG_LEVEL: "debug" });
    await without.waitForLine("Cannot connect", LONG);
    assertEquals(registrations, 0);
    without.signal("SIGTERM");
    await without.exited(LONG);
    const trusted = world.start(["start"], { ...env, SSL_CERT_FILE: ca });
    await until(() => registrations === 1, "the registration");
    assert(proxy.tunnels.every((line) => line === `CONNECT backend.test:${port} HTTP/1.1`));
    trusted.signal("SIGTERM");
    await trusted.exited(LONG);
    await io.close();
    https.close();
    proxy.close();
  },
});

Deno.test("a refused credential is said in words, and the device goes on trying until it is good", async () => {
  await using backend = await startStubBackend({ syncCapabilities: false });
  await using world = await createWorld({ claude: false });
  backend.tokens.delete(STUB_TOKEN);
  const program = world.start(["start"], {
    WEGENT_BACKEND_URL: backend.url,
    WEGENT_AUTH_TOKEN: STUB_TOKEN,
  });
  const line = await program.waitForLine("refuses the credential", LONG);
  assertStringIncludes(line.text, "Invalid or expired API key");
  backend.tokens.add(STUB_TOKEN);
  await backend.waitDevice(LONG);
});

Deno.test("a lost connection is registered again within the two seconds a Wegent backend gives", () =>
  withDevice({}, async ({ backend, model, request }) => {
    const turn = request(script(say("t".repeat(60), { chunks: 60, gapMs: 100 })));
    backend.execute(turn);
    await model.waitForSent(5, LONG);
    const lost = Date.now();
    backend.disconnectDevice();
    const device = await backend.waitDevice(LONG, 2);
    assert(device.registrations[1]!.at - lost < 2000);
    const done = await backend.waitTerminal(turn.subtask_id, LONG);
    assertEquals(done.terminals.map((t) => t.event), ["response.completed"]);
    assertEquals(done.finalText, model.sentText());
    // A delta may be lost with the socket, never doubled; the final text is whole.
    assert(model.sentText().startsWith(done.text) || model.sentText().length >= done.text.length);
  }));

Deno.test("heartbeats carry the device's id, version and tasks", () =>
  withDevice({ env: { LOCAL_HEARTBEAT_INTERVAL: "1" } }, async ({ backend }) => {
    const device = backend.device()!;
    await until(() => device.heartbeats.length >= 3, "three heartbeats");
    const { device_id, running_task_ids, executor_version } = device.heartbeats.at(-1)!.payload;
    assertEquals([device_id, running_task_ids], [device.deviceId, []]);
    assert(typeof executor_version === "string" && /^\d+\.\d+\.\d+$/.test(executor_version));
  }));

Deno.test("a connection whose heartbeats go unanswered twice is given up and made anew", () =>
  withDevice({ env: { LOCAL_HEARTBEAT_INTERVAL: "1" } }, async ({ backend }) => {
    backend.ackRule = (event) => event.event === "device:heartbeat" ? { drop: true } : undefined;
    const device = await backend.waitDevice(LONG, 2);
    backend.ackRule = () => undefined;
    const [first, second] = device.registrations;
    assert(second!.at - first!.at >= 5000, "not before an acknowledgement is overdue");
  }));
