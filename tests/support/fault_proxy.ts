/**
 * A TCP proxy on 127.0.0.1 that can be told to misbehave, in the words of toxiproxy. Faults act on live
 * connections at once and are repeatable by seed.
 *
 * On Deno 2.6 a reset is a plain close, and a client that ends its side first may lose the answer (its
 * `node:net` closes both directions); HTTP and WebSocket clients do not do that.
 */
import net from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { between, type Random, seeded } from "./random.ts";
import { resetSocket } from "./raw_http.ts";
import { Pulse } from "./waiting.ts";

/** Which way a fault acts: client to server, server to client, or both. */
export type Stream = "upstream" | "downstream" | "both";

/** Options of {@link startFaultProxy}. */
export interface FaultProxyOptions {
  /** Where the proxy leads: a port on 127.0.0.1 or a URL with a port. */
  readonly target: number | string;
  /** @default 1 */
  readonly seed?: number;
}

/** Faults of one direction; absent members are off. */
interface Toxics {
  latencyMs?: number;
  jitterMs?: number;
  bytesPerSecond?: number;
  slicer?: { size: number; variation: number; delayMs: number };
  hang?: boolean;
  limit?: number;
}

/** Starts a proxy. */
export async function startFaultProxy(
  options: FaultProxyOptions,
): Promise<FaultProxy> {
  const proxy = new FaultProxy(options);
  await proxy.listen();
  return proxy;
}

/** A running proxy; see the methods for its faults. */
export class FaultProxy {
  #server: net.Server;
  #pairs = new Set<Pair>();
  #pulse = new Pulse();
  #down = false;
  #timers = new Set<ReturnType<typeof setTimeout>>();
  #target: { host: string; port: number };
  #random: Random;
  #toxics: { upstream: Toxics; downstream: Toxics } = {
    upstream: {},
    downstream: {},
  };
  /** Port the proxy listens on. */
  port = 0;
  /** Connections accepted and led on so far. */
  accepted = 0;
  /** Connections refused so far, see {@link FaultProxy.down}. */
  refused = 0;

  constructor(options: FaultProxyOptions) {
    this.#target = targetOf(options.target);
    this.#random = seeded(options.seed ?? 1);
    this.#server = net.createServer(
      { allowHalfOpen: true },
      (socket: Socket) => this.#accept(socket),
    );
  }

  /** Opens the proxy's port. */
  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(0, "127.0.0.1", () => {
        this.port = (this.#server.address() as AddressInfo).port;
        resolve();
      });
    });
  }

  /** The proxy as the base of a URL. */
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Live connections. */
  get connections(): number {
    return this.#pairs.size;
  }

  /** Every piece of data arrives `ms` later, give or take up to `jitterMs`. */
  latency(ms: number, jitterMs = 0, stream: Stream = "both"): void {
    this.#change(stream, (t) => {
      t.latencyMs = ms;
      t.jitterMs = jitterMs;
    });
  }

  /** Limits the rate. */
  bandwidth(bytesPerSecond: number, stream: Stream = "both"): void {
    this.#change(stream, (t) => t.bytesPerSecond = bytesPerSecond);
  }

  /** Cuts data into pieces of `size` bytes, give or take `variation`, with a pause between two. */
  slicer(
    size: number,
    variation = 0,
    delayMs = 0,
    stream: Stream = "both",
  ): void {
    this.#change(stream, (t) => t.slicer = { size, variation, delayMs });
  }

  /**
   * Stops all data. With 0 the connections stay open for ever, as when the other machine is gone
   * without a word; data is held back until {@link clear}. Otherwise they are closed after `ms`.
   */
  timeout(ms: number, stream: Stream = "both"): void {
    this.#change(stream, (t) => t.hang = true);
    if (ms > 0) this.#later(ms, () => this.#each((pair) => pair.close()));
  }

  /** Resets the present connections, after `ms` when given. */
  reset(ms = 0): void {
    const now = () => this.#each((pair) => pair.reset());
    if (ms > 0) this.#later(ms, now);
    else now();
  }

  /** Closes a connection once `bytes` more have passed through it. */
  limitData(bytes: number, stream: Stream = "both"): void {
    this.#each((pair) => pair.restartCount());
    this.#change(stream, (t) => t.limit = bytes);
  }

  /** Resets the present connections and refuses new ones for `ms` milliseconds. */
  cut(ms: number): void {
    this.down();
    this.#later(ms, () => this.up());
  }

  /**
   * Resets the present connections and every new one right after it was accepted (the port stays
   * taken, so that no other process can get it meanwhile).
   */
  down(): void {
    this.#down = true;
    this.reset();
  }

  /** Ends {@link down}. */
  up(): void {
    this.#down = false;
  }

  /** Ends all faults; data held back flows on. */
  clear(): void {
    this.#toxics = { upstream: {}, downstream: {} };
    this.up();
    this.#pulse.beat();
  }

  /** Drops all connections and closes the port. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    // Not its callback: Deno 2.6 does not call it after a client has closed its end first.
    this.#server.close();
    const all = [...this.#pairs];
    this.#each((pair) => pair.reset());
    this.#pulse.beat();
    await Promise.all(all.map((pair) => pair.done));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #accept(socket: Socket): void {
    if (this.#down) {
      this.refused++;
      socket.on("error", () => {}); // The client may be gone already.
      resetSocket(socket);
      return;
    }
    this.accepted++;
    const pair = new Pair(socket, this.#target, {
      toxics: (direction) => this.#toxics[direction],
      random: this.#random,
      pulse: this.#pulse,
    });
    this.#pairs.add(pair);
    pair.done.finally(() => this.#pairs.delete(pair));
  }

  #change(stream: Stream, change: (toxics: Toxics) => void): void {
    if (stream !== "downstream") change(this.#toxics.upstream);
    if (stream !== "upstream") change(this.#toxics.downstream);
    this.#pulse.beat();
  }

  #each(act: (pair: Pair) => void): void {
    for (const pair of [...this.#pairs]) act(pair);
  }

  #later(ms: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, ms);
    this.#timers.add(timer);
  }
}

interface Surroundings {
  toxics(direction: "upstream" | "downstream"): Toxics;
  readonly random: Random;
  readonly pulse: Pulse;
}

/** One connection through the proxy: two sockets, two directions. */
class Pair {
  #server: Socket;
  #ended = new AbortController();
  #links: Link[];
  readonly done: Promise<void>;

  constructor(
    readonly client: Socket,
    target: { host: string; port: number },
    around: Surroundings,
  ) {
    this.#server = net.connect({ ...target, allowHalfOpen: true });
    for (const socket of [client, this.#server]) socket.setNoDelay(true);
    const { signal } = this.#ended;
    this.#links = [
      new Link(client, this.#server, around, "upstream", signal),
      new Link(this.#server, client, around, "downstream", signal),
    ];
    this.done = this.#run();
  }

  /** Closes both sockets. */
  close(): void {
    this.#ended.abort();
    this.client.destroy();
    this.#server.destroy();
  }

  /** Resets both sockets. */
  reset(): void {
    this.#ended.abort();
    resetSocket(this.client);
    resetSocket(this.#server);
  }

  restartCount(): void {
    for (const link of this.#links) link.passed = 0;
  }

  async #run(): Promise<void> {
    const [up, down] = this.#links.map((link) => link.run());
    // A broken side ends the pair; a side that only finished leaves the other direction open.
    const broken = (link: Promise<boolean> | undefined) =>
      link?.then((whole) => whole ? new Promise<void>(() => {}) : undefined);
    await Promise.race([Promise.all([up, down]), broken(up), broken(down)]);
    this.close();
  }
}

type Piece = { bytes: Uint8Array; at: number };

/** One direction of a connection. */
class Link {
  /** Bytes passed on since the start or since a limit was set. */
  passed = 0;
  #queue: Piece[] = [];
  #ending: "open" | "finished" | "broken" = "open";
  #changed = new Pulse();

  constructor(
    readonly from: Socket,
    readonly to: Socket,
    readonly around: Surroundings,
    readonly direction: "upstream" | "downstream",
    readonly signal: AbortSignal,
  ) {
    from.on("data", (bytes: Uint8Array) => {
      this.#queue.push({ bytes, at: performance.now() });
      if (this.#queue.length > 32) from.pause();
      this.#changed.beat();
    });
    from.on("end", () => this.#end("finished"));
    from.on("close", () => this.#end("broken"));
    from.on("error", () => this.#end("broken"));
    signal.addEventListener("abort", () => this.#end("broken"));
  }

  /** Passes data on until the source ends. @returns False when it broke off. */
  async run(): Promise<boolean> {
    for (;;) {
      await forEver(
        this.#changed,
        () => this.#queue.length > 0 || this.#ending !== "open" || undefined,
      );
      await forEver(
        this.around.pulse,
        () => !this.#toxics.hang || this.signal.aborted || undefined,
      );
      if (this.signal.aborted) return false;
      const piece = this.#queue.shift();
      if (piece === undefined) return this.#finish();
      if (this.#queue.length < 16) this.from.resume();
      if (!await this.#pass(piece)) return false;
    }
  }

  get #toxics(): Toxics {
    return this.around.toxics(this.direction);
  }

  #finish(): boolean {
    if (this.#ending === "broken") return false;
    this.to.end();
    return true;
  }

  #end(how: "finished" | "broken"): void {
    if (this.#ending === "open") this.#ending = how;
    this.#changed.beat();
    if (this.signal.aborted) this.around.pulse.beat();
  }

  async #pass({ bytes, at }: Piece): Promise<boolean> {
    const { latencyMs = 0, jitterMs = 0 } = this.#toxics;
    const wobble = (this.around.random() * 2 - 1) * jitterMs;
    await this.#rest(at + latencyMs + wobble - performance.now());
    for (const slice of this.#slices(bytes)) {
      const { limit, bytesPerSecond, slicer } = this.#toxics;
      const room = (limit ?? Infinity) - this.passed;
      if (bytesPerSecond) await this.#rest(slice.length * 1000 / bytesPerSecond);
      if (this.signal.aborted) return false;
      if (!await this.#write(slice.subarray(0, room))) return false;
      if (slice.length >= room) return false;
      if (slicer) await this.#rest(slicer.delayMs);
    }
    return true;
  }

  *#slices(bytes: Uint8Array): Generator<Uint8Array> {
    for (let start = 0; start < bytes.length;) {
      const size = Math.max(1, this.#sliceSize());
      yield bytes.subarray(start, start + size);
      start += size;
    }
  }

  #sliceSize(): number {
    const { slicer, bytesPerSecond } = this.#toxics;
    const tenth = bytesPerSecond ? Math.ceil(bytesPerSecond / 10) : Infinity;
    if (!slicer) return tenth;
    const { size, variation } = slicer;
    const wanted = between(this.around.random, size - variation, size + variation);
    return Math.min(wanted, tenth);
  }

  #write(bytes: Uint8Array): Promise<boolean> {
    if (this.to.destroyed) return Promise.resolve(false);
    this.passed += bytes.length;
    return new Promise((resolve) => {
      const stop = () => resolve(false);
      this.signal.addEventListener("abort", stop, { once: true });
      this.to.write(bytes, (error?: Error | null) => {
        this.signal.removeEventListener("abort", stop);
        resolve(!error);
      });
    });
  }

  /** Waits `ms` milliseconds or until the connection ends. */
  #rest(ms: number): Promise<void> {
    if (!(ms > 0) || this.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.signal.removeEventListener("abort", wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      this.signal.addEventListener("abort", wake);
    });
  }
}

/** Waits without a limit; {@link FaultProxy.close} ends every wait. */
async function forEver(pulse: Pulse, probe: () => true | undefined) {
  await pulse.until(probe, 86_400_000, "the proxy");
}

function targetOf(target: number | string): { host: string; port: number } {
  if (typeof target === "number") return { host: "127.0.0.1", port: target };
  const url = new URL(target);
  return { host: url.hostname, port: Number(url.port) };
}
