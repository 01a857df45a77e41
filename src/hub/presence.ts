/**
 * Which devices are connected right now, what they work on, and when one counts as gone.
 *
 * A device has at most one live socket: the newest. When it is lost without a word the device is
 * "reconnecting" for a while and its tasks stay; when that time is over it is gone.
 */
import type {
  DeviceInfo,
  HeartbeatRequest,
  RegisterRequest,
  RunningTask,
  WorkdirFacts,
} from "../protocol/mod.ts";
import { VERSION } from "../platform/mod.ts";
import type { DeviceRow } from "./store/mod.ts";
import type { HubTimings } from "./timings.ts";

/** Slots of a device that does not say how many it has. */
const DEFAULT_SLOTS = 5;

/** A device's socket as the hub's core needs it. */
export interface DeviceSocket {
  readonly id: string;
  /** Sends an event without waiting. */
  send(event: string, payload: object): void;
  /** Sends and resolves with the acknowledgement, or null when none came within `ms`. */
  request(event: string, payload: object, ms: number): Promise<unknown>;
  close(): void;
}

/** A device that is connected or was a moment ago. */
export interface PresentDevice {
  readonly userId: number;
  readonly deviceId: string;
  /** Null while it is reconnecting. */
  socket: DeviceSocket | null;
  /** Milliseconds since 1970. */
  registeredAt: number;
  lastSeen: number;
  lastHeartbeat: number;
  /** Task ids of the last heartbeat since the registration; null before the first one. */
  running: number[] | null;
  queued: number[];
  slotMax: number;
  /** The device reports what it runs and what it holds back (Wegent's own executor does not). */
  reportsTasks: boolean;
  /** It said goodbye, so nobody expects it back at once. */
  left: boolean;
  version: string | null;
  /** What it takes beyond the protocol; null: it has not registered since the hub's start. */
  features: ReadonlySet<string> | null;
  /** Where its sessions may work and have worked; null: it never said. */
  workdirs: WorkdirFacts | null;
}

/** What happens to devices. */
export interface PresenceEvents {
  /** The connection is lost; `left`: on purpose. */
  lost(device: PresentDevice): void;
  /** The device is given up; `silent`: its connection stood, but nothing came over it. */
  gone(device: PresentDevice, silent: boolean): void;
}

/** See the module comment. */
export class Presence {
  readonly #devices = new Map<string, PresentDevice>();
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();
  readonly #expiry: ReturnType<typeof setInterval>;

  constructor(
    private readonly timings: HubTimings,
    private readonly events: PresenceEvents,
  ) {
    this.#expiry = setInterval(
      () => this.#expire(),
      Math.max(50, Math.min(5000, timings.onlineExpiryMs / 3)),
    );
  }

  get(userId: number, deviceId: string): PresentDevice | undefined {
    return this.#devices.get(keyOf(userId, deviceId));
  }

  /** Connected, or expected back at any moment. */
  reachable(userId: number, deviceId: string): boolean {
    const device = this.get(userId, deviceId);
    return device !== undefined && (device.socket !== null || !device.left);
  }

  /** A registration: this socket is the device's from now on; an older one is closed. */
  register(
    userId: number,
    request: RegisterRequest,
    socket: DeviceSocket,
  ): PresentDevice {
    const key = keyOf(userId, request.device_id);
    this.#stopTimer(key);
    const known = this.#devices.get(key);
    const now = Date.now();
    const device: PresentDevice = {
      userId,
      deviceId: request.device_id,
      socket,
      registeredAt: now,
      lastSeen: now,
      lastHeartbeat: now,
      running: null,
      queued: known?.queued ?? [],
      slotMax: known?.slotMax ?? DEFAULT_SLOTS,
      reportsTasks: known?.reportsTasks ?? false,
      left: false,
      version: request.executor_version ?? null,
      features: new Set(request.features ?? []),
      workdirs: known?.workdirs ?? null,
    };
    this.#devices.set(key, device);
    if (known?.socket && known.socket.id !== socket.id) known.socket.close();
    return device;
  }

  heartbeat(device: PresentDevice, beat: HeartbeatRequest): void {
    device.lastSeen = device.lastHeartbeat = Date.now();
    device.running = [...new Set(beat.running_task_ids)];
    device.queued = [...new Set(beat.queued_task_ids ?? [])];
    device.slotMax = beat.slot_max ?? DEFAULT_SLOTS;
    device.reportsTasks = beat.slot_max !== undefined ||
      beat.queued_task_ids !== undefined;
    if (beat.executor_version) device.version = beat.executor_version;
    if (beat.workdirs) device.workdirs = knownFacts(beat.workdirs);
  }

  /** A socket was lost; ignored when the device has a newer one. */
  lost(userId: number, deviceId: string, socketId: string, left: boolean): void {
    const device = this.get(userId, deviceId);
    if (!device || device.socket?.id !== socketId) return;
    device.socket = null;
    device.left = left;
    this.expect(device);
    this.events.lost(device);
  }

  /** Starts the time within which a device without a socket must be back. */
  expect(device: PresentDevice): void {
    const key = keyOf(device.userId, device.deviceId);
    this.#devices.set(key, device);
    this.#stopTimer(key);
    this.#timers.set(
      key,
      setTimeout(() => this.#gone(key, false), this.timings.reconnectWindowMs),
    );
  }

  /** A device that was known to an earlier run of the hub and may still work on its tasks. */
  absent(userId: number, deviceId: string): PresentDevice {
    return {
      userId,
      deviceId,
      socket: null,
      registeredAt: 0,
      lastSeen: 0,
      lastHeartbeat: 0,
      running: null,
      queued: [],
      slotMax: DEFAULT_SLOTS,
      reportsTasks: false,
      left: false,
      version: null,
      features: null,
      workdirs: null,
    };
  }

  /** The device as the browser sees it; `dispatched`: turns the hub gave it that are not final. */
  info(row: DeviceRow, dispatched: readonly RunningTask[]): DeviceInfo {
    const device = this.get(row.user_id, row.device_id);
    const queued = new Set(device?.queued ?? []);
    const busy = new Set([
      ...device?.running ?? [],
      ...dispatched.map((task) => task.task_id),
    ].filter((id) => !queued.has(id)));
    const max = device?.slotMax ?? DEFAULT_SLOTS;
    const used = Math.min(busy.size, max);
    const online = device !== undefined && device.socket !== null;
    return {
      id: row.id,
      device_id: row.device_id,
      name: row.alias ?? row.name,
      status: !online ? "offline" : used >= max ? "busy" : "online",
      reconnecting: device !== undefined && !online && !device.left,
      is_default: row.is_default === 1,
      last_heartbeat: online ? new Date(device.lastHeartbeat).toISOString() : null,
      device_type: row.device_type,
      connection_mode: "websocket",
      capabilities: tags(row.capabilities),
      slot_used: device ? used : 0,
      slot_max: max,
      running_tasks: [...dispatched],
      queued_task_ids: [...queued],
      executor_version: device?.version ?? row.executor_version,
      latest_version: VERSION,
      update_available: false,
      client_ip: row.client_ip,
      runtime_transfer_host: row.runtime_transfer_host,
      cloud_config: null,
      remote_config: null,
      bind_shell: row.bind_shell,
      features: [...device?.features ?? []],
      sandbox: row.sandbox,
      workdirs: device?.workdirs ?? null,
    };
  }

  close(): void {
    clearInterval(this.#expiry);
    for (const key of [...this.#timers.keys()]) this.#stopTimer(key);
  }

  /** A live socket whose device has been silent for too long is as good as lost. */
  #expire(): void {
    const limit = Date.now() - this.timings.onlineExpiryMs;
    for (const device of this.#devices.values()) {
      if (device.socket && device.lastSeen < limit) {
        const socket = device.socket;
        device.socket = null;
        socket.close();
        this.#gone(keyOf(device.userId, device.deviceId), true);
      }
    }
  }

  #gone(key: string, silent: boolean): void {
    this.#stopTimer(key);
    const device = this.#devices.get(key);
    if (!device || device.socket) return;
    this.#devices.delete(key);
    this.events.gone(device, silent);
  }

  #stopTimer(key: string): void {
    clearTimeout(this.#timers.get(key));
    this.#timers.delete(key);
  }
}

function keyOf(userId: number, deviceId: string): string {
  return `${userId}:${deviceId}`;
}

/** The members this hub knows, within their bounds; others are not kept. */
function knownFacts(facts: WorkdirFacts): WorkdirFacts {
  const { home, workspace_root, roots, open_directory } = facts;
  return {
    home,
    workspace_root,
    roots,
    recent: facts.recent.map(({ path, used_at }) => ({ path, used_at })),
    repos: facts.repos.map(({ git_url, branch, path }) => ({ git_url, branch, path })),
    open_directory,
  };
}

function tags(json: string | null): string[] | null {
  return json === null ? null : JSON.parse(json);
}
