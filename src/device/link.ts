/**
 * The connection to the server: Socket.IO over WebSocket on `/local-executor`.
 *
 * Registers on every connect, sends heartbeats, and reconnects for ever: the first try within half a
 * second (the server fails running tasks two seconds after it loses a device), then with full jitter
 * up to the longest delay. A connection whose heartbeats go unanswered twice is given up.
 */
import type { Socket } from "socket.io-client";
import { errorText } from "../platform/mod.ts";
import {
  FROM_DEVICE,
  HEARTBEAT_ACK_MS,
  type HeartbeatRequest,
  NAMESPACE,
  REGISTER_ACK_MS,
  type RegisterAck,
  registerAck,
  type RegisterRequest,
  type ResponseEnvelope,
  type WorkdirFacts,
} from "../protocol/mod.ts";
import type { OutboxLink } from "./outbox.ts";
import { type Connector, connector } from "./socket_io.ts";

const CONNECT_MS = 30_000;
/** Unanswered heartbeats after which a connection counts as dead. */
const MISSED_HEARTBEATS = 2;

/** Refusals that say the credential is wrong. */
const AUTH_REFUSAL = /(missing authentication token|invalid or expired (api key|token))/i;

export interface LinkOptions {
  readonly backendUrl: string;
  readonly authToken: string;
  readonly register: RegisterRequest;
  readonly heartbeatMs: number;
  readonly reconnect: { readonly firstMs: number; readonly maxMs: number };
  readonly proxyUrl: string | null;
  readonly caCerts: readonly string[];
}

/** What a heartbeat says beside the device's id. */
export interface HeartbeatFacts {
  running_task_ids: number[];
  queued_task_ids: number[];
  slot_max: number;
  executor_version: string;
  workdirs?: WorkdirFacts;
}

/** What the link tells its owner. */
export interface LinkEvents {
  /** Called for each event of the server; the returned object answers an acknowledgement request. */
  onEvent(name: string, payload: unknown): Promise<Record<string, unknown>>;
  onRegistered(ack: RegisterAck): void;
  onLost(reason: string): void;
  onAuthRefused(message: string): void;
  onFault(message: string): void;
  /** Facts of the next heartbeat beside the device's id. */
  heartbeat(): HeartbeatFacts;
}

/** See the module comment. */
export class Link implements OutboxLink {
  #connector: Connector | null = null;
  #socket: Socket | null = null;
  #registered = false;
  #features: ReadonlySet<string> = new Set();
  /** When the connection was lost or first tried; null while registered. */
  #awaySince: number | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #heartbeatTimer: ReturnType<typeof setTimeout> | undefined;
  #missed = 0;
  #stopped = false;
  reconnects = 0;
  lastError: string | null = null;

  constructor(
    private readonly options: LinkOptions,
    private readonly events: LinkEvents,
  ) {}

  get connected(): boolean {
    return this.#socket?.connected ?? false;
  }
  get registered(): boolean {
    return this.#registered;
  }
  get sequenced(): boolean {
    return this.#features.has("seq");
  }
  get features(): string[] {
    return [...this.#features];
  }

  /** Starts connecting; returns at once. */
  start(): void {
    this.#connectOnce();
  }

  /** Closes the connection for good. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#drop();
  }

  send(envelope: ResponseEnvelope): void {
    this.#socket?.emit(envelope.event_type, envelope);
  }

  async request(envelope: ResponseEnvelope, ms: number): Promise<unknown> {
    return await this.#emitWithAck(envelope.event_type, envelope, ms);
  }

  /** Tells the server something it does not answer; nothing while not registered. */
  notify(event: string, payload: unknown): void {
    if (this.#registered) this.#socket?.emit(event, payload);
  }

  /** Sends a heartbeat now, beside the regular ones. */
  beat(): void {
    if (!this.#registered) return;
    clearTimeout(this.#heartbeatTimer);
    this.#heartbeatLoop();
  }

  async #emitWithAck(
    event: string,
    payload: unknown,
    ms: number,
  ): Promise<unknown> {
    const socket = this.#socket;
    if (!socket?.connected) throw new Error("not connected");
    return await socket.timeout(ms).emitWithAck(event, payload);
  }

  async #connectOnce(): Promise<void> {
    try {
      this.#connector ??= await connector(this.options);
      if (!this.#stopped) this.#open(this.#connector);
    } catch (error) {
      this.events.onFault(`Cannot connect: ${errorText(error)}`);
      this.lastError = errorText(error);
      this.#timer = setTimeout(() => this.#connectOnce(), this.#delay());
    }
  }

  #open(connect: Connector): void {
    const socket = connect(socketUrl(this.options.backendUrl), {
      path: "/socket.io",
      transports: ["websocket"],
      auth: { token: this.options.authToken },
      reconnection: false,
      forceNew: true,
      timeout: CONNECT_MS,
      autoConnect: false,
    });
    this.#socket = socket;
    // The handshake may be swallowed without an answer; nobody else limits the namespace's part.
    const limit = setTimeout(
      () => this.#lost(socket, "no answer to the connection attempt"),
      CONNECT_MS,
    );
    socket.on("connect", () => {
      clearTimeout(limit);
      this.#register(socket);
    });
    socket.on("connect_error", (error) => {
      clearTimeout(limit);
      const text = connectErrorText(error);
      if (AUTH_REFUSAL.test(text)) this.events.onAuthRefused(text);
      this.#lost(socket, text);
    });
    socket.on("disconnect", (reason) => {
      clearTimeout(limit);
      this.#lost(socket, reason);
    });
    socket.onAny((name: string, ...args: unknown[]) => this.#incoming(name, args));
    socket.connect();
  }

  async #register(socket: Socket): Promise<void> {
    try {
      const answer = await socket.timeout(REGISTER_ACK_MS)
        .emitWithAck(FROM_DEVICE.register, this.options.register);
      if (socket !== this.#socket) return;
      const ack = registerAck.parse(answer);
      if (ack.success !== true) {
        throw new Error(ack.error ?? "registration refused");
      }
      this.#features = new Set(ack.features ?? []);
      this.#registered = true;
      this.#awaySince = null;
      this.#missed = 0;
      this.lastError = null;
      this.events.onRegistered(ack);
      this.#heartbeatLoop();
    } catch (error) {
      this.#lost(socket, `Registration failed: ${errorText(error)}`);
    }
  }

  #heartbeatLoop(): void {
    const socket = this.#socket;
    if (!socket || !this.#registered) return;
    const payload: HeartbeatRequest = {
      device_id: this.options.register.device_id,
      ...this.events.heartbeat(),
    };
    socket.timeout(HEARTBEAT_ACK_MS).emit(
      FROM_DEVICE.heartbeat,
      payload,
      (error: Error | null, ack: { error?: string } | undefined) => {
        if (socket !== this.#socket) return;
        if (!error && !ack?.error) {
          this.#missed = 0;
          return;
        }
        if (ack?.error) this.events.onFault(`Heartbeat refused: ${ack.error}`);
        if (++this.#missed >= MISSED_HEARTBEATS) {
          this.#lost(socket, "heartbeats unanswered");
        }
      },
    );
    clearTimeout(this.#heartbeatTimer);
    this.#heartbeatTimer = setTimeout(
      () => this.#heartbeatLoop(),
      this.options.heartbeatMs,
    );
  }

  #incoming(name: string, args: unknown[]): void {
    const reply = args.at(-1);
    const answer = typeof reply === "function" ? reply as (value: unknown) => void : null;
    const payload = answer ? (args.length > 1 ? args[0] : undefined) : args[0];
    this.events.onEvent(name, payload).then(
      (result) => answer?.(result),
      (error) => {
        this.events.onFault(`Event ${name}: ${errorText(error)}`);
        answer?.({ success: false, error: errorText(error) });
      },
    );
  }

  #lost(socket: Socket, reason: string): void {
    if (socket !== this.#socket) return;
    const wasRegistered = this.#registered;
    this.#drop();
    this.lastError = reason;
    if (wasRegistered) {
      this.reconnects++;
      this.events.onLost(reason);
    } else this.events.onFault(`Cannot connect: ${reason}`);
    if (this.#stopped) return;
    this.#timer = setTimeout(() => this.#connectOnce(), this.#delay());
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = null;
    this.#registered = false;
    clearTimeout(this.#heartbeatTimer);
    if (!socket) return;
    socket.off();
    socket.offAny();
    socket.disconnect();
    // A refused namespace leaves the transport open; nobody else closes it.
    socket.io.engine?.close();
  }

  /**
   * Full jitter below a ceiling: half a second for the first try, then as long as the connection has been
   * away, so that an outage is at most doubled.
   */
  #delay(): number {
    const { firstMs, maxMs } = this.options.reconnect;
    const away = Date.now() - (this.#awaySince ??= Date.now());
    return Math.random() * Math.min(maxMs, Math.max(Math.min(firstMs, 500), away));
  }
}

/** The namespace's URL: only scheme, authority and query of the configured URL count. */
function socketUrl(backendUrl: string): string {
  const target = new URL(backendUrl);
  if (target.protocol === "wss:") target.protocol = "https:";
  if (target.protocol === "ws:") target.protocol = "http:";
  return `${target.origin}${NAMESPACE.device}${target.search}`;
}

/** The server's refusal, or why the transport failed: the client hides that in a description. */
function connectErrorText(error: Error & { description?: unknown }): string {
  const { message, error: cause } = Object(error.description) as {
    message?: unknown;
    error?: unknown;
  };
  const detail = typeof message === "string" && message ? message : cause ? errorText(cause) : "";
  return [errorText(error) || "Unable to connect", detail].filter(Boolean).join(": ").slice(0, 500);
}
