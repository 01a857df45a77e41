/** Devices: the Socket.IO namespace `/local-executor`. */
import type { Namespace, Socket } from "socket.io";
import * as z from "zod";
import { errorText, toAppError } from "../../platform/mod.ts";
import {
  FROM_DEVICE,
  type HeartbeatRequest,
  heartbeatRequest,
  parsePayload,
  registerRequest,
  responseEnvelope,
  TO_CHAT,
} from "../../protocol/mod.ts";
import { RateLimit } from "../auth/mod.ts";
import type { HubCore } from "../core.ts";
import { type Ack, receive } from "./receive.ts";
import type { DeviceSocket, PresentDevice } from "../presence.ts";
import type { UserRow } from "../store/mod.ts";

/** Connection attempts of one peer and credential within half a minute. */
const MAX_ATTEMPTS = 30;
const ATTEMPT_WINDOW_MS = 30_000;

/** Answers of events that are not registered names. */
const statusRequest = z.looseObject({
  device_id: z.string(),
  status: z.enum(["online", "offline", "busy"]),
});

/** Serves devices on `namespace`. */
export function serveDevices(namespace: Namespace, core: HubCore): void {
  const attempts = new RateLimit(MAX_ATTEMPTS, ATTEMPT_WINDOW_MS);
  namespace.use((socket, next) => {
    try {
      socket.data = { user: admit(socket, core, attempts) };
      next();
    } catch (error) {
      next(new Error(errorText(error)));
    }
  });
  namespace.on("connection", (socket) => {
    new DeviceConnection(socket, core).serve();
  });
}

/** @throws With the text the device is refused with. */
function admit(socket: Socket, core: HubCore, attempts: RateLimit): UserRow {
  if (core.draining) throw new Error("Server is shutting down");
  const token: unknown = socket.handshake.auth?.token;
  const name = `${peerOf(socket)} ${typeof token === "string" ? token.slice(0, 200) : ""}`;
  if (!attempts.take(name)) {
    throw new Error("Too many device connection attempts");
  }
  if (typeof token !== "string" || token === "") {
    throw new Error("Missing authentication token");
  }
  if (token.startsWith("wg-")) {
    const owner = core.auth.byKey(token);
    if (!owner) throw new Error("Invalid or expired API key");
    return owner;
  }
  const login = core.auth.byToken(token);
  if (!login?.user.is_active) throw new Error("Invalid or expired token");
  return login.user;
}

/** The peer's address; Deno 2.6 does not name it, and only this machine can connect. */
function peerOf(socket: Socket): string {
  const address: string | undefined = socket.handshake.address;
  return address ?? "127.0.0.1";
}

/** One connection of one device. */
class DeviceConnection implements DeviceSocket {
  readonly #user: UserRow;
  #device: PresentDevice | null = null;
  /** Requests without an answer yet; the end of the connection answers them all. */
  readonly #waiting = new Set<() => void>();

  constructor(
    private readonly socket: Socket,
    private readonly core: HubCore,
  ) {
    this.#user = (socket.data as { user: UserRow }).user;
  }

  get id(): string {
    return this.socket.id;
  }

  serve(): void {
    receive(this.socket, this.core, (name, args, ack) => this.#handle(name, args, ack));
    this.socket.on("disconnect", (reason) => {
      for (const giveUp of [...this.#waiting]) giveUp();
      if (!this.#device) return;
      this.core.presence.lost(
        this.#user.id,
        this.#device.deviceId,
        this.id,
        reason === "client namespace disconnect",
      );
      this.#device = null;
    });
  }

  send(event: string, payload: object): void {
    this.socket.emit(event, payload);
  }

  request(event: string, payload: object, ms: number): Promise<unknown> {
    return new Promise((resolve) => {
      // No acknowledgement: the device is gone or is of a kind that gives none.
      const giveUp = () => finish(null);
      const finish = (answer: unknown) => {
        clearTimeout(timer);
        this.#waiting.delete(giveUp);
        resolve(answer);
      };
      const timer = setTimeout(giveUp, ms);
      this.#waiting.add(giveUp);
      this.socket.emit(event, payload, finish);
    });
  }

  close(): void {
    this.#device = null;
    this.socket.disconnect(true);
  }

  #handle(name: string, args: unknown[], ack: Ack): void {
    const payload = args[0];
    if (name === FROM_DEVICE.register) return ack(this.#register(payload));
    if (name === FROM_DEVICE.heartbeat) return ack(this.#heartbeat(payload));
    if (name === FROM_DEVICE.status) return ack(this.#status(payload));
    if (name.startsWith("response.") || name.startsWith("error")) {
      return this.#response(name, args, ack);
    }
    ack({ error: "Unknown event" });
  }

  #register(payload: unknown): object {
    const request = wired(registerRequest, payload, FROM_DEVICE.register);
    if (/\p{Cc}/u.test(request.device_id + request.name)) {
      return { error: "Invalid payload: control characters in a name" };
    }
    if (this.#device && this.#device.deviceId !== request.device_id) {
      return {
        error: "Registration failed: this connection belongs to another device",
      };
    }
    const { store, presence, turns, steering } = this.core;
    try {
      store.devices.register(this.#user.id, request, peerOf(this.socket));
    } catch (error) {
      return { error: `Registration failed: ${errorText(error)}` };
    }
    // The server's count must be final before it is told.
    this.core.ingest.flush();
    const device = presence.register(this.#user.id, request, this);
    this.#device = device;
    this.core.log("info", "A device registered", {
      device: device.deviceId,
      user: this.#user.user_name,
    });
    this.core.announce(device);
    const answer = {
      success: true,
      device_id: device.deviceId,
      features: ["seq"],
      last_seq: store.dispatches.lastSeqs(this.#user.id, device.deviceId),
    };
    // What is due follows the acknowledgement.
    queueMicrotask(() => {
      if (this.#device !== device) return;
      turns.reconciler.registered(device);
      steering.registered(device);
    });
    return answer;
  }

  #heartbeat(payload: unknown): object {
    const beat: HeartbeatRequest = wired(
      heartbeatRequest,
      payload,
      FROM_DEVICE.heartbeat,
    );
    if (!this.#device || beat.device_id !== this.#device.deviceId) {
      return { error: "Device ID mismatch" };
    }
    const { version: before, workdirs } = this.#device;
    this.core.presence.heartbeat(this.#device, beat);
    if (beat.workdirs && JSON.stringify(this.#device.workdirs) !== JSON.stringify(workdirs)) {
      this.core.audience.toUser(this.#user.id, TO_CHAT.deviceStatus, {
        device_id: beat.device_id,
        status: "workdirs",
      });
    }
    if (beat.executor_version && beat.executor_version !== before) {
      this.core.store.devices.setVersion(
        this.#user.id,
        beat.device_id,
        beat.executor_version,
      );
    }
    this.core.turns.reconciler.compare(this.#device);
    this.core.slotsChanged(this.#user.id, beat.device_id);
    return { success: true };
  }

  /** Accepted and passed on; what counts is the heartbeat. */
  #status(payload: unknown): object {
    const status = wired(statusRequest, payload, FROM_DEVICE.status);
    if (!this.#device || status.device_id !== this.#device.deviceId) {
      return { error: "Device ID mismatch" };
    }
    this.core.audience.toUser(this.#user.id, FROM_DEVICE.status, {
      device_id: status.device_id,
      status: status.status,
    });
    return { success: true };
  }

  #response(name: string, args: unknown[], ack: Ack): void {
    const device = this.#device;
    if (!device) {
      return ack({ error: "Not authenticated or not registered" });
    }
    if (args.length === 0) return ack({ error: "Missing event data" });
    const payload = args[0];
    if (
      typeof payload !== "object" || payload === null || Array.isArray(payload)
    ) return ack({ error: "Invalid event data format" });
    const { task_id, subtask_id } = payload as Record<string, unknown>;
    if (!task_id || !subtask_id) {
      return ack({ error: "Missing task_id or subtask_id" });
    }
    const result = responseEnvelope.safeParse(payload);
    if (!result.success || result.data.event_type !== name) {
      return ack({ error: "Invalid event data format" });
    }
    const { session, seq } = result.data;
    if ((session === undefined) !== (seq === undefined)) {
      return ack({
        error: "Invalid event data format: session and seq belong together",
      });
    }
    if (session !== undefined && /\p{Cc}/u.test(session)) {
      return ack({ error: "Invalid event data format: session" });
    }
    device.lastSeen = Date.now();
    this.core.ingest.accept(device, result.data, ack);
  }
}

/** Parses a request; its refusal has the wire's own words. */
function wired<S extends z.ZodType>(
  schema: S,
  payload: unknown,
  what: string,
): z.output<S> {
  try {
    return parsePayload(schema, payload, what);
  } catch (error) {
    const known = toAppError(error);
    known.message = known.message.replace(
      /^Invalid payload for (\S+)/,
      "Invalid payload: $1",
    );
    throw known;
  }
}
