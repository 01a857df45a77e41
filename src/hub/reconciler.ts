/**
 * What a device works on against what it was given: after a registration, with every heartbeat, and
 * when the device is given up.
 */
import { TO_DEVICE } from "../protocol/mod.ts";
import type { Ingest } from "./ingest.ts";
import type { Presence, PresentDevice } from "./presence.ts";
import type { DispatchRow, Store, TurnEnd } from "./store/mod.ts";
import type { HubTimings } from "./timings.ts";

/** What reconciling needs of the turns. */
export interface ReconcilerSeam {
  readonly store: Store;
  readonly presence: Presence;
  readonly timings: HubTimings;
  ingest(): Ingest;
  /** The attempt waits for the one before it. */
  isHeld(dispatch: DispatchRow): boolean;
  deliver(dispatch: DispatchRow): void;
  /** The device works on no earlier attempt of the turn any more. */
  release(subtaskId: number): void;
}

/** See the module comment. */
export class Reconciler {
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();
  /** When a dispatch was handed to its device, in milliseconds since 1970. */
  readonly #sentAt = new Map<number, number>();
  /** Turns nobody waits for whose device was told to stop, since its last registration. */
  readonly #told = new Set<number>();

  constructor(private readonly seam: ReconcilerSeam) {}

  /** The dispatch was handed to its device just now. */
  sent(dispatch: DispatchRow): void {
    this.#sentAt.set(dispatch.id, Date.now());
  }

  /** The turn was settled. */
  settled(dispatch: DispatchRow): void {
    this.#sentAt.delete(dispatch.id);
  }

  /** The device has ended the run. */
  ended(dispatch: DispatchRow): void {
    this.#told.delete(dispatch.id);
  }

  /** A device registered: what it should have and does not is sent, what it should stop is said. */
  registered(device: PresentDevice): void {
    const { dispatches } = this.seam.store;
    for (const dispatch of dispatches.live(device.userId, device.deviceId)) {
      this.#told.delete(dispatch.id);
      if (this.seam.isHeld(dispatch)) continue;
      if (dispatch.state === "closed" && dispatch.device_state === "unsent") {
        dispatches.setDeviceState(dispatch.id, "ended");
      } else if (dispatch.cancel_requested) this.tellCancelled(dispatch);
      else if (dispatch.state === "open" && dispatch.device_state !== "accepted") {
        this.seam.deliver(dispatch);
      }
    }
    const key = `${device.userId}:${device.deviceId}`;
    clearTimeout(this.#timers.get(key));
    this.#timers.set(
      key,
      setTimeout(() => {
        this.#timers.delete(key);
        this.compare(device);
      }, this.seam.timings.reconcileGraceMs + 50),
    );
  }

  /** Compares what a device says it works on with what it was given. */
  compare(device: PresentDevice): void {
    if (!device.reportsTasks || device.running === null || !device.socket) return;
    const here = new Set([...device.running, ...device.queued]);
    const live = this.seam.store.dispatches.live(device.userId, device.deviceId);
    for (const dispatch of live) {
      if (dispatch.device_state === "unsent") continue;
      if (here.has(dispatch.task_id)) {
        const explained = live.some((d) => d.state === "open" && d.task_id === dispatch.task_id);
        if (dispatch.state === "closed" && !explained) this.tellCancelled(dispatch);
      } else if (this.#forgotten(device, dispatch)) this.#forget(dispatch);
    }
  }

  /** A device is given up: its open turns fail. */
  gone(device: PresentDevice, silent: boolean): void {
    const { dispatches } = this.seam.store;
    for (const dispatch of dispatches.live(device.userId, device.deviceId)) {
      if (dispatch.state === "closed") continue;
      this.#settle(dispatch, {
        status: "FAILED",
        error: silent ? "Device connection lost (heartbeat timeout)" : "Device disconnected",
        errorCode: "device_disconnected",
      });
    }
  }

  /** Tells a device, once, to stop what nobody waits for any more. */
  tellCancelled(dispatch: DispatchRow): void {
    const device = this.seam.presence.get(dispatch.user_id, dispatch.device_id);
    if (!device?.socket || this.#told.has(dispatch.id)) return;
    this.#told.add(dispatch.id);
    sendCancel(device, dispatch);
  }

  close(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }

  /** The device had time to name the task and did not. */
  #forgotten(device: PresentDevice, dispatch: DispatchRow): boolean {
    const { reconcileGraceMs } = this.seam.timings;
    const now = Date.now();
    const sentAt = this.#sentAt.get(dispatch.id) ?? Date.parse(dispatch.created_at);
    const active = this.seam.ingest().lastActivity(dispatch.id);
    const heard = sentAt < device.registeredAt
      ? device.lastHeartbeat >= device.registeredAt
      : device.lastHeartbeat >= sentAt + reconcileGraceMs;
    return heard && now - device.registeredAt >= reconcileGraceMs &&
      now - active >= reconcileGraceMs;
  }

  #forget(dispatch: DispatchRow): void {
    if (dispatch.state === "open") {
      this.#settle(
        dispatch,
        dispatch.cancel_requested ? { status: "CANCELLED" } : {
          status: "FAILED",
          error:
            "The device no longer knows this task; it was probably restarted. Retry to run it again",
          errorCode: "device_lost_task",
        },
      );
    }
    this.seam.store.dispatches.setDeviceState(dispatch.id, "ended");
    this.ended(dispatch);
    this.seam.release(dispatch.subtask_id);
  }

  #settle(dispatch: DispatchRow, end: Omit<TurnEnd, "content">): void {
    this.seam.ingest().settle(dispatch.id, end);
  }
}

/** Asks a device to stop a turn. */
export function sendCancel(device: PresentDevice, dispatch: DispatchRow): void {
  device.socket?.send(TO_DEVICE.cancel, {
    task_id: dispatch.task_id,
    subtask_id: dispatch.subtask_id,
  });
}
