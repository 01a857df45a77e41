/**
 * A hub in this process with real sockets and a real database, stub devices and stub browsers.
 * Everything is closed by `await using`.
 */
import { io, type Socket } from "socket.io-client";
import type { ProviderKind, SubtaskView } from "../../src/protocol/mod.ts";
import { type HubServer, serveHub } from "../../src/hub/server.ts";
import type { CoreOptions } from "../../src/hub/core.ts";

// deno-lint-ignore no-explicit-any -- answers of the wire, looked at field by field
export type Wire = any;

const ACK_MS = 5000;

/** A port that was free a moment ago. */
export function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

/** Resolves when `check` gives a value; fails after `ms`. */
export async function until<T>(
  check: () => T | Promise<T>,
  what: string,
  ms = 5000,
): Promise<NonNullable<T>> {
  const end = Date.now() + ms;
  for (;;) {
    const value = await check();
    if (value) return value as NonNullable<T>;
    if (Date.now() > end) throw new Error(`Waited ${ms} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A Socket.IO client that keeps what it was sent. */
export class Peer implements AsyncDisposable {
  readonly events: { name: string; payload: Wire }[] = [];
  refusal: string | null = null;

  constructor(readonly socket: Socket) {
    socket.onAny((name: string, payload: Wire) => this.events.push({ name, payload }));
    socket.on("connect_error", (error) => this.refusal = error.message);
  }

  static async open(url: string, token: unknown): Promise<Peer> {
    const peer = new Peer(io(url, {
      transports: ["websocket"],
      auth: token === undefined ? {} : { token },
      forceNew: true,
      reconnection: false,
    }));
    await until(() => peer.socket.connected || peer.refusal !== null, "a connection");
    return peer;
  }

  ask(name: string, ...payload: unknown[]): Promise<Wire> {
    return this.socket.timeout(ACK_MS).emitWithAck(name, ...payload);
  }

  /** The first event of that name (for which `match` holds), now or later. */
  async event(name: string, match: (payload: Wire) => boolean = () => true): Promise<Wire> {
    const found = await until(
      () => this.events.find((e) => e.name === name && match(e.payload)),
      `event ${name}`,
    );
    return found.payload;
  }

  named(name: string): Wire[] {
    return this.events.filter((e) => e.name === name).map((e) => e.payload);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.socket.disconnect();
    return Promise.resolve();
  }
}

/** A stub device: registers, beats, and sends the events of one run at a time. */
export class StubDevice extends Peer {
  constructor(socket: Socket, readonly id: string) {
    super(socket);
    socket.on("task:execute", (_request: Wire, ack?: (answer: object) => void) => {
      if (this.acknowledges) ack?.({ success: true });
    });
  }
  acknowledges = true;

  static async start(url: string, token: string, id: string): Promise<StubDevice> {
    const device = new StubDevice(
      io(`${url}/local-executor`, {
        transports: ["websocket"],
        auth: { token },
        forceNew: true,
        reconnection: false,
      }),
      id,
    );
    await until(() => device.socket.connected || device.refusal !== null, "a device connection");
    return device;
  }

  register(extra: object = {}): Promise<Wire> {
    return this.ask("device:register", { device_id: this.id, name: `Device ${this.id}`, ...extra });
  }

  beat(running: number[] = [], queued: number[] = []): Promise<Wire> {
    return this.ask("device:heartbeat", {
      device_id: this.id,
      running_task_ids: running,
      queued_task_ids: queued,
      slot_max: 5,
    });
  }

  /** Dies without a word: the transport is closed under the protocol. */
  cut(): void {
    this.socket.io.engine.close();
  }
}

/** The events of one run, numbered. */
export class StubRun {
  seq = 0;

  constructor(
    readonly device: StubDevice,
    readonly request: { task_id: number; subtask_id: number },
    readonly session: string = `run-${crypto.randomUUID()}`,
  ) {}

  envelope(event: string, data: object, seq: number): object {
    const { task_id, subtask_id } = this.request;
    return {
      event_type: event,
      task_id,
      subtask_id,
      session: this.session,
      seq,
      data: { type: event, ...data },
    };
  }

  send(event: string, data: object = {}, seq = ++this.seq): Promise<Wire> {
    return this.device.ask(event, this.envelope(event, data, seq));
  }

  text(delta: string): Promise<Wire> {
    return this.send("response.output_text.delta", { delta });
  }

  complete(text: string): Promise<Wire> {
    return this.send("response.completed", {
      response: {
        output: [{ type: "message", content: [{ type: "output_text", text }] }],
        usage: { output_tokens: 1 },
      },
    });
  }
}

export interface FixtureOptions {
  /** Of both agents. */
  provider?: ProviderKind;
  timings?: CoreOptions["timings"];
}

/** See the module comment. */
export class HubFixture implements AsyncDisposable {
  readonly log: string[] = [];
  readonly #peers: AsyncDisposable[] = [];
  server!: HubServer;

  private constructor(
    readonly dir: string,
    readonly port: number,
    readonly options: FixtureOptions,
  ) {}

  static async start(options: FixtureOptions = {}): Promise<HubFixture> {
    const fixture = new HubFixture(await Deno.makeTempDir(), freePort(), options);
    await fixture.serve();
    return fixture;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async serve(): Promise<void> {
    const { provider = "own_login" } = this.options;
    this.server = await serveHub({
      dataDir: this.dir,
      host: "127.0.0.1",
      port: this.port,
      providers: { claude: provider, codex: provider },
      ...(this.options.timings && { timings: this.options.timings }),
      log: (level, message, fields) =>
        this.log.push(`${level} ${message} ${JSON.stringify(fields ?? {})}`),
    });
  }

  /** Stops the hub and starts it again on the same data. */
  async restart(): Promise<void> {
    await this.server.close();
    await this.serve();
  }

  async user(name: string): Promise<{ token: string; key: string }> {
    const { core } = this.server;
    if (!core.store.users.byName(name)) await core.auth.createUser(name, "secret1");
    const token = core.auth.loginWithLink(
      core.auth.issueLink(core.store.users.byName(name)!.id),
    );
    return { token, key: core.createApiKey(name, "test") };
  }

  async browser(token: unknown): Promise<Peer> {
    const peer = await Peer.open(`${this.url}/chat`, token);
    this.#peers.push(peer);
    return peer;
  }

  /** A connected and registered device. */
  async device(key: string, id: string): Promise<StubDevice> {
    const device = await StubDevice.start(this.url, key, id);
    this.#peers.push(device);
    await device.register();
    await device.beat();
    return device;
  }

  async call(
    method: string,
    path: string,
    token: string | null,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; body: Wire }> {
    const response = await fetch(this.url + path, {
      method,
      headers: {
        ...(token !== null && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text ? JSON.parse(text) : null };
  }

  /** The turn `subtaskId` as its owner sees it. */
  async turn(token: string, taskId: number, subtaskId: number): Promise<SubtaskView> {
    const { body } = await this.call("GET", `/api/tasks/${taskId}`, token);
    return body.subtasks.find((s: SubtaskView) => s.subtask_id === subtaskId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const peer of this.#peers) await peer[Symbol.asyncDispose]();
    await this.server.close();
    await Deno.remove(this.dir, { recursive: true });
  }
}

/** A user with one device and one page, and a turn that the device was given. */
export async function runningTurn(hub: HubFixture, name = "ann", deviceId = "dev-1") {
  const { token, key } = await hub.user(name);
  const device = await hub.device(key, deviceId);
  const page = await hub.browser(token);
  const sent = await page.ask("chat:send", { message: "do it", device_id: deviceId });
  const request = await device.event("task:execute", (r) => r.task_id === sent.task_id);
  return {
    token,
    key,
    device,
    page,
    request,
    taskId: sent.task_id as number,
    turnId: sent.assistant_subtask_id as number,
    run: new StubRun(device, request),
  };
}
