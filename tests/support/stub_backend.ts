/**
 * A stand-in for the Wegent backend: a real Socket.IO server with the namespace `/local-executor`, its
 * checks, refusals, limits and its blindness (text is appended as it comes), plus our hub's `seq`
 * feature when asked for. Records everything and can be told to misbehave.
 */
import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server, type Socket } from "socket.io";
import { z } from "zod";
import type { ExecutionRequest } from "./execution_request.ts";
import { applyEvent, isTerminal, newTurn, SequenceLedger, type StubTurn } from "./stub_turns.ts";
import {
  type AckRule,
  envelope,
  heartbeat,
  type RecordedEvent,
  registration,
  type StubDevice,
  type StubOptions,
  type StubStats,
} from "./stub_types.ts";
import { Pulse } from "./waiting.ts";

export { type ExecutionRequest, executionRequest, freshId } from "./execution_request.ts";
export type { StubTurn } from "./stub_turns.ts";
export type {
  AckAction,
  AckRule,
  RecordedEvent,
  StubDevice,
  StubOptions,
  StubStats,
} from "./stub_types.ts";

/** The credential the stub accepts by default. */
export const STUB_TOKEN = "wg-stub-token";

const NAMESPACE = "/local-executor";
/** The backend counts characters (code points) of a whole frame and closes above this. */
const MAX_FRAME_CHARACTERS = 1_000_000;

type Answer = Record<string, unknown>;
type Reply = (answer?: Answer) => void;

/** Starts a stub. */
export async function startStubBackend(
  options: StubOptions = {},
): Promise<StubBackend> {
  const backend = new StubBackend(options);
  await backend.listen();
  return backend;
}

/** A running stub; see the module comment. */
export class StubBackend {
  readonly events: RecordedEvent[] = [];
  readonly turns = new Map<number, StubTurn>();
  readonly devices = new Map<string, StubDevice>();
  readonly stats: StubStats = freshStats();
  readonly token: string;
  /** Decides what becomes of events; replaced at any time. */
  ackRule: AckRule | undefined;
  /** Refuses connections with "Server is shutting down". */
  draining = false;
  /** Refuses connections with "Authentication service unavailable". */
  authUnavailable = false;
  /** Accepted credentials; may be changed at any time. */
  readonly tokens: Set<string>;
  /** Base URL for `WEGENT_BACKEND_URL`. */
  url = "";

  #http: HttpServer = createServer((request, response) => {
    const answer = this.options.http?.(request.url ?? "/", request.headers);
    response.writeHead(answer?.status ?? 404).end(answer?.body);
  });
  #io: Server;
  #pulse = new Pulse();
  #ledger = new SequenceLedger();
  #registered = new WeakMap<Socket, string>();
  #graces = new Set<ReturnType<typeof setTimeout>>();
  #attempts: number[] = [];

  constructor(readonly options: StubOptions) {
    this.tokens = new Set(options.tokens ?? [STUB_TOKEN]);
    this.token = [...this.tokens][0] ?? "";
    this.#io = new Server(this.#http, {
      path: "/socket.io",
      serveClient: false,
      transports: ["websocket"],
      pingInterval: options.pingIntervalMs ?? 25_000,
      pingTimeout: options.pingTimeoutMs ?? 20_000,
      // In bytes; the backend's own limit counts characters and is checked in #watchFrames.
      maxHttpBufferSize: 4 * MAX_FRAME_CHARACTERS + 16,
      cors: { origin: "*" },
    });
    this.#watchFrames();
    const namespace = this.#io.of(NAMESPACE);
    namespace.use((socket, next) => this.#admit(socket, next));
    namespace.on("connection", (socket) => this.#welcome(socket));
  }

  /** Opens the port. */
  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#http.once("error", reject);
      this.#http.listen(this.options.port ?? 0, "127.0.0.1", () => {
        const { port } = this.#http.address() as AddressInfo;
        this.url = `http://127.0.0.1:${port}`;
        resolve();
      });
    });
  }

  /**
   * Sends `task:execute` to a device and keeps a turn for it. A second call with the same ids is a
   * retry: the turn starts afresh.
   *
   * @param deviceId @default the only device that has registered
   */
  execute(request: ExecutionRequest, deviceId?: string): StubTurn {
    const turn = newTurn(request.task_id, request.subtask_id);
    this.turns.set(request.subtask_id, turn);
    this.emit("task:execute", request, deviceId);
    return turn;
  }

  /** Cancels a turn; as the backend does, its row says CANCELLED at once. */
  cancel(
    ids: { taskId: number; subtaskId?: number | null },
    deviceId?: string,
  ): void {
    this.emit("task:cancel", {
      task_id: ids.taskId,
      subtask_id: ids.subtaskId ?? null,
    }, deviceId);
    const turn = this.turns.get(ids.subtaskId ?? 0);
    if (turn?.status === "RUNNING") turn.status = "CANCELLED";
  }

  /** Sends `task:close-session`. */
  closeSession(taskId: number, deviceId?: string): void {
    this.emit("task:close-session", { task_id: taskId }, deviceId);
  }

  /** Sends any event with any argument to a device's room. */
  emit(event: string, payload: unknown, deviceId?: string): void {
    this.#io.of(NAMESPACE).to(roomOf(deviceId ?? this.#onlyDevice()))
      .emit(event, payload);
  }

  /**
   * Sends an event to a device and waits for its answer.
   *
   * @throws {Error} When no answer comes within `ms` or the device has no socket.
   */
  async call(
    event: string,
    payload: unknown,
    ms: number,
    deviceId?: string,
  ): Promise<unknown> {
    const socket = this.#socketOf(deviceId ?? this.#onlyDevice());
    if (socket === undefined) throw new Error("The device has no socket");
    return await socket.timeout(ms).emitWithAck(event, payload);
  }

  /** What is known of a device; undefined before its first registration. */
  device(deviceId?: string): StubDevice | undefined {
    return this.devices.get(deviceId ?? this.#onlyDevice());
  }

  /** Closes the sockets of a device from the server's side. */
  disconnectDevice(deviceId?: string): void {
    this.#io.of(NAMESPACE).in(roomOf(deviceId ?? this.#onlyDevice()))
      .disconnectSockets(true);
  }

  /** Response events of a turn that were applied, oldest first. */
  eventsOf(subtaskId: number): RecordedEvent[] {
    return this.events.filter((record) =>
      record.subtaskId === subtaskId && record.error === undefined &&
      !record.duplicate
    );
  }

  /** Waits for an event for which `wanted` holds (needs `record`). */
  waitFor(
    wanted: (record: RecordedEvent) => boolean,
    ms: number,
    what = "an event",
  ): Promise<RecordedEvent> {
    return this.#pulse.until(
      () => this.events.find(wanted),
      ms,
      () => `${what}; the last events were ${this.#tail()}`,
    );
  }

  /** Waits until a condition on the stub holds; looked at after every event. */
  async waitUntil(
    condition: (backend: StubBackend) => boolean,
    ms: number,
    what: string,
  ): Promise<void> {
    await this.#pulse.until(
      () => condition(this),
      ms,
      () => `${what}; the last events were ${this.#tail()}`,
    );
  }

  /** Waits until a turn has had `count` terminal events. */
  async waitTerminal(
    subtaskId: number,
    ms: number,
    count = 1,
  ): Promise<StubTurn> {
    await this.waitUntil(
      () => (this.turns.get(subtaskId)?.terminals.length ?? 0) >= count,
      ms,
      `terminal event ${count} of subtask ${subtaskId}`,
    );
    return this.turns.get(subtaskId)!;
  }

  /** Waits until a turn has at least `units` UTF-16 units of text. */
  async waitText(subtaskId: number, units: number, ms: number): Promise<void> {
    await this.waitUntil(
      () => (this.turns.get(subtaskId)?.text.length ?? 0) >= units,
      ms,
      `${units} units of text of subtask ${subtaskId}`,
    );
  }

  /** Waits until some device has registered `count` times and is online. */
  async waitDevice(ms: number, count = 1): Promise<StubDevice> {
    return await this.#pulse.until(
      () =>
        [...this.devices.values()].find((device) =>
          device.online && device.registrations.length >= count
        ),
      ms,
      () => `registration ${count} of a device; ${JSON.stringify(this.stats)}`,
    );
  }

  /** Sets all counters to zero. */
  resetStats(): void {
    Object.assign(this.stats, freshStats());
  }

  /** Closes all connections and the port. */
  async close(): Promise<void> {
    for (const timer of this.#graces) clearTimeout(timer);
    this.#graces.clear();
    await this.#io.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #watchFrames(): void {
    this.#io.engine.on("connection", (connection: EngineConnection) => {
      connection.on("packet", (packet: { data?: unknown }) => {
        if (typeof packet.data !== "string") return;
        // One more for the packet type, which the text of the frame begins with.
        const length = 1 + codePoints(packet.data);
        this.stats.longestFrame = Math.max(this.stats.longestFrame, length);
        if (length <= MAX_FRAME_CHARACTERS) return;
        this.stats.oversized++;
        packet.data = "";
        connection.close(true);
        this.#pulse.beat();
      });
    });
  }

  #admit(socket: Socket, next: (error?: Error) => void): void {
    const refusal = this.#refusal(socket.handshake.auth);
    if (refusal === "no answer") return;
    if (refusal === undefined) return next();
    this.stats.refusals.push(refusal);
    this.#pulse.beat();
    next(new Error(refusal));
  }

  /** The checks of a connection, in the backend's order. */
  #refusal(auth: unknown): string | undefined {
    if (this.draining) return "Server is shutting down";
    if (this.#limited()) return "Too many device connection attempts";
    const token = auth !== null && typeof auth === "object"
      ? (auth as Record<string, unknown>)["token"]
      : undefined;
    if (token === undefined || token === null || token === "") {
      return "Missing authentication token";
    }
    // The backend's handler dies without a word.
    if (typeof token !== "string") return "no answer";
    if (this.authUnavailable) return "Authentication service unavailable";
    if (this.tokens.has(token)) return undefined;
    return token.startsWith("wg-") ? "Invalid or expired API key" : "Invalid or expired token";
  }

  #limited(): boolean {
    const { rateLimit } = this.options;
    if (rateLimit === undefined) return false;
    const now = Date.now();
    this.#attempts = this.#attempts.filter((at) => now - at < 30_000);
    if (this.#attempts.length >= rateLimit) return true;
    this.#attempts.push(now);
    return false;
  }

  #welcome(socket: Socket): void {
    this.stats.connects++;
    socket.onAny((event: string, ...args: unknown[]) => {
      const last = args.at(-1);
      const reply = typeof last === "function" ? args.pop() as Reply : undefined;
      this.#receive(socket, event, args, reply);
      this.#pulse.beat();
    });
    socket.on("disconnect", () => this.#lost(socket));
    this.#pulse.beat();
  }

  #receive(
    socket: Socket,
    event: string,
    args: unknown[],
    reply: Reply | undefined,
  ): void {
    const record = recordOf(socket.id, this.#registered.get(socket), event, args[0], reply);
    if (this.options.record !== false) this.events.push(record);
    const action = this.ackRule?.(record);
    if (action?.lose) return;
    const answer = action?.error !== undefined
      ? { error: action.error }
      : this.#handle(socket, record, args);
    if (typeof answer?.["error"] === "string") record.error = answer["error"];
    if (reply === undefined || action?.drop || answer === undefined) return;
    if (!action?.delayMs) return reply(...unknownAnswer(answer));
    const timer = setTimeout(() => {
      this.#graces.delete(timer);
      reply(...unknownAnswer(answer));
    }, action.delayMs);
    this.#graces.add(timer);
  }

  /** The answer of the handler; undefined where the backend gives none. */
  #handle(
    socket: Socket,
    record: RecordedEvent,
    args: unknown[],
  ): Answer | undefined {
    const { event, payload } = record;
    // A handler that is called without its argument raises, and then there is no ack.
    if (event.startsWith("device:") && args.length === 0) return undefined;
    if (event === "device:register") return this.#register(socket, payload);
    if (event === "device:heartbeat") return this.#heartbeat(socket, payload);
    if (event.startsWith("response.") || event.startsWith("error")) {
      const answer = this.#response(socket, record, args);
      if (answer["error"] !== undefined) this.stats.rejected++;
      return answer;
    }
    const known = ["device:status", "device:upgrade_status", "terminal:output"];
    return [...known, "terminal:exit", "runtime.tasks.updated"].includes(event)
      ? { success: true }
      : NO_HANDLER;
  }

  #register(socket: Socket, payload: unknown): Answer {
    const parsed = registration.safeParse(payload);
    if (!parsed.success) return invalid(parsed.error);
    const { device_id } = parsed.data;
    const device: StubDevice = this.devices.get(device_id) ?? {
      deviceId: device_id,
      online: true,
      socketId: socket.id,
      registrations: [],
      heartbeats: [],
      runningTaskIds: [],
      losses: [],
    };
    this.devices.set(device_id, device);
    device.online = true;
    device.socketId = socket.id;
    device.runningTaskIds = [];
    device.registrations.push({ at: Date.now(), payload: parsed.data });
    this.#registered.set(socket, device_id);
    socket.join(roomOf(device_id));
    this.stats.registrations++;
    if (this.options.syncCapabilities !== false) this.#syncLater(socket);
    if (!this.#hasSeq) return { success: true, device_id };
    return {
      success: true,
      device_id,
      features: ["seq"],
      last_seq: this.#ledger.live(),
    };
  }

  /** The call a registration triggers in the background; nobody waits for its answer. */
  #syncLater(socket: Socket): void {
    queueMicrotask(() => {
      socket.emit(
        "device:sync_capabilities",
        { mode: "replace", skills: [], plugins: [], mcps: [] },
        () => {},
      );
    });
  }

  #heartbeat(socket: Socket, payload: unknown): Answer {
    const parsed = heartbeat.safeParse(payload);
    if (!parsed.success) return invalid(parsed.error);
    if (parsed.data.device_id !== this.#registered.get(socket)) {
      return { error: "Device ID mismatch" };
    }
    const device = this.devices.get(parsed.data.device_id)!;
    device.heartbeats.push({ at: Date.now(), payload: parsed.data });
    device.runningTaskIds = parsed.data.running_task_ids;
    device.online = true;
    this.stats.heartbeats++;
    return { success: true };
  }

  #response(socket: Socket, record: RecordedEvent, args: unknown[]): Answer {
    if (!this.#registered.has(socket)) {
      return { error: "Not authenticated or not registered" };
    }
    if (args.length === 0) return { error: "Missing event data" };
    if (!isObject(record.payload)) return { error: "Invalid event data format" };
    const parsed = envelope.safeParse(record.payload);
    if (!parsed.success) return { error: z.prettifyError(parsed.error) };
    const { task_id, subtask_id, data = {}, session, seq } = parsed.data;
    if (!task_id || !subtask_id) {
      return { error: "Missing task_id or subtask_id" };
    }
    if (!this.#hasSeq || session === undefined || seq === undefined) {
      return this.#apply(record.event, task_id, subtask_id, data);
    }
    return this.#applyOnce(
      record,
      { session, seq },
      () => this.#apply(record.event, task_id, subtask_id, data),
    );
  }

  #applyOnce(
    record: RecordedEvent,
    { session, seq }: { session: string; seq: number },
    apply: () => Answer,
  ): Answer {
    const verdict = this.#ledger.judge(session, seq);
    if (verdict === "duplicate") {
      record.duplicate = true;
      this.stats.duplicates++;
      return { success: true, seq: this.#ledger.last(session) };
    }
    if (verdict === "gap") {
      this.stats.gaps++;
      const last = this.#ledger.last(session);
      return { error: `Sequence gap: ${seq} after ${last}`, seq: last };
    }
    const answer = apply();
    if (answer["error"] !== undefined) return answer;
    this.#ledger.note(session, seq, isTerminal(record.event));
    return { ...answer, seq };
  }

  #apply(
    event: string,
    taskId: number,
    subtaskId: number,
    data: Record<string, unknown>,
  ): Answer {
    // Events of unknown subtasks are acknowledged all the same.
    const turn = this.turns.get(subtaskId) ?? newTurn(taskId, subtaskId);
    this.turns.set(subtaskId, turn);
    try {
      applyEvent(turn, event, data);
    } catch (error) {
      return { error: error instanceof Error ? error.message : String(error) };
    }
    this.#count(event, data);
    return { success: true };
  }

  #count(event: string, data: Record<string, unknown>): void {
    const { stats } = this;
    stats.events++;
    stats.byEvent[event] = (stats.byEvent[event] ?? 0) + 1;
    stats.lastEventAt = Date.now();
    stats.firstEventAt ||= stats.lastEventAt;
    if (event !== "response.output_text.delta") return;
    if (typeof data["delta"] === "string") {
      stats.textUnits += data["delta"].length;
    }
  }

  #lost(socket: Socket): void {
    const device = this.devices.get(this.#registered.get(socket) ?? "");
    if (device === undefined) return;
    device.losses.push(Date.now());
    const timer = setTimeout(() => {
      this.#graces.delete(timer);
      if (device.socketId === socket.id) this.#fail(device);
    }, this.options.graceMs ?? 2000);
    this.#graces.add(timer);
    this.#pulse.beat();
  }

  #fail(device: StubDevice): void {
    device.online = false;
    for (const turn of this.turns.values()) {
      if (turn.status !== "RUNNING") continue;
      turn.status = "FAILED";
      turn.error = "Device disconnected unexpectedly";
    }
    this.#pulse.beat();
  }

  get #hasSeq(): boolean {
    return this.options.features?.includes("seq") ?? false;
  }

  #onlyDevice(): string {
    if (this.devices.size > 1) throw new Error("Name the device: there are two");
    const [only] = this.devices.keys();
    if (only === undefined) throw new Error("No device has registered yet");
    return only;
  }

  #socketOf(deviceId: string): Socket | undefined {
    const id = this.devices.get(deviceId)?.socketId ?? "";
    return this.#io.of(NAMESPACE).sockets.get(id);
  }

  #tail(): string {
    return JSON.stringify(
      this.events.slice(-8).map((r) => [r.event, r.subtaskId, r.error]),
    );
  }
}

/** What the stub needs of an Engine.IO connection. */
interface EngineConnection {
  on(event: "packet", listener: (packet: { data?: unknown }) => void): void;
  close(discard: boolean): void;
}

/** An event nobody handles is acknowledged with an empty argument list. */
const NO_HANDLER: Answer = Object.freeze({});

function unknownAnswer(answer: Answer): [Answer] | [] {
  return answer === NO_HANDLER ? [] : [answer];
}

function recordOf(
  socketId: string,
  deviceId: string | undefined,
  event: string,
  payload: unknown,
  reply: Reply | undefined,
): RecordedEvent {
  const parsed = envelope.safeParse(payload);
  const members = parsed.success ? parsed.data : {};
  return {
    at: Date.now(),
    socketId,
    deviceId: deviceId ?? "",
    event,
    payload,
    taskId: members.task_id,
    subtaskId: members.subtask_id,
    data: members.data,
    session: members.session,
    seq: members.seq,
    ackWanted: reply !== undefined,
    error: undefined,
    duplicate: false,
  };
}

function freshStats(): StubStats {
  return {
    connects: 0,
    refusals: [],
    registrations: 0,
    heartbeats: 0,
    events: 0,
    duplicates: 0,
    gaps: 0,
    rejected: 0,
    textUnits: 0,
    longestFrame: 0,
    oversized: 0,
    firstEventAt: 0,
    lastEventAt: 0,
    byEvent: {},
  };
}

function invalid(error: z.ZodError): Answer {
  return { error: `Invalid payload: ${z.prettifyError(error)}` };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function roomOf(deviceId: string): string {
  return `device:1:${deviceId}`;
}

/** Code points of `text`, without walking it when it is short enough either way. */
function codePoints(text: string): number {
  if (text.length < MAX_FRAME_CHARACTERS) return text.length;
  let count = 0;
  for (const _ of text) count++;
  return count;
}
