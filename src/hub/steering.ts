/**
 * Messages to turns that run: kept until the agent has read them, handed to the device as often as it
 * takes, and told to the pages. Each has an id, so that a device which gets one twice passes it on once.
 */
import { AppError, errorText } from "../platform/mod.ts";
import {
  type ChatInputEvent,
  type ChatSteer,
  eventAck,
  MAX_STEERS,
  STEER_FEATURE,
  type TaskSteer,
  TO_CHAT,
  TO_DEVICE,
} from "../protocol/mod.ts";
import type { Presence, PresentDevice } from "./presence.ts";
import type { DispatchRow, Store } from "./store/mod.ts";
import type { HubTimings } from "./timings.ts";
import type { Audience } from "./turns.ts";

/** The longest pause between two tries, as a multiple of the shortest. */
const SLOWEST = 10;

/** What steering needs of its surroundings. */
export interface SteeringSeam {
  readonly store: Store;
  readonly presence: Presence;
  readonly audience: Audience;
  readonly timings: HubTimings;
  log(message: string): void;
}

/** An attempt whose messages are on their way. */
interface Delivery {
  /** Ids of messages the device has taken since it registered. */
  readonly taken: Set<string>;
  busy: boolean;
  timer: ReturnType<typeof setTimeout> | null;
  pauseMs: number;
}

/** See the module comment. */
export class Steering {
  readonly #deliveries = new Map<number, Delivery>();

  constructor(private readonly seam: SteeringSeam) {}

  /**
   * Takes in a message to a turn that runs.
   *
   * @returns Its id.
   * @throws {AppError} `not_found` for another user's turn; `wrong_state` when it does not run any more;
   * `not_offered` when its device takes none; `too_many`.
   */
  steer(userId: number, { subtask_id, text }: ChatSteer): string {
    const { store, presence } = this.seam;
    const dispatch = this.#ownDispatch(userId, subtask_id);
    if (dispatch?.state !== "open" || dispatch.cancel_requested) {
      throw new AppError("wrong_state", "The turn does not run any more; send a message instead");
    }
    const features = presence.get(userId, dispatch.device_id)?.features;
    if (features && !features.has(STEER_FEATURE)) {
      throw new AppError("not_offered", "This device takes no messages while a turn runs");
    }
    if (store.inputs.count(dispatch.id) >= MAX_STEERS) {
      throw new AppError("too_many", `A turn takes at most ${MAX_STEERS} messages`);
    }
    const inputId = crypto.randomUUID();
    store.inputs.add(dispatch.id, inputId, text);
    this.#tell(dispatch);
    this.#deliver(dispatch);
    return inputId;
  }

  /**
   * Gives a message that was left unread back to its writer.
   *
   * @throws {AppError} `not_found` for another user's turn, or when there is no such message.
   */
  takeBack(userId: number, subtaskId: number, inputId: string): string {
    const dispatch = this.#ownDispatch(userId, subtaskId);
    const text = this.seam.store.inputs.takeBack(subtaskId, inputId);
    if (!dispatch || text === undefined) throw new AppError("not_found", "Message not found");
    this.#tell(dispatch);
    return text;
  }

  /** A device registered: it may have lost what it had not passed on. */
  registered(device: PresentDevice): void {
    const { dispatches } = this.seam.store;
    for (const dispatch of dispatches.live(device.userId, device.deviceId)) {
      if (dispatch.state !== "open") continue;
      this.#deliveries.get(dispatch.id)?.taken.clear();
      this.#deliver(dispatch);
    }
  }

  /** The agent has read something of an attempt. */
  read(dispatch: DispatchRow): void {
    this.#tell(dispatch);
  }

  /** The turn was settled: what was not read stays unread. */
  settled(dispatch: DispatchRow): void {
    const delivery = this.#deliveries.get(dispatch.id);
    if (delivery?.timer) clearTimeout(delivery.timer);
    this.#deliveries.delete(dispatch.id);
    if (this.seam.store.inputs.count(dispatch.id) > 0) this.#tell(dispatch);
  }

  close(): void {
    for (const { timer } of this.#deliveries.values()) {
      if (timer) clearTimeout(timer);
    }
    this.#deliveries.clear();
  }

  #ownDispatch(userId: number, subtaskId: number): DispatchRow | undefined {
    const { tasks, dispatches } = this.seam.store;
    const turn = tasks.subtask(subtaskId);
    if (!turn || turn.role !== "assistant" || !tasks.task(userId, turn.task_id)) {
      throw new AppError("not_found", "Subtask not found");
    }
    return dispatches.current(subtaskId);
  }

  #tell({ task_id, subtask_id }: DispatchRow): void {
    const inputs = this.seam.store.inputs.unread(subtask_id);
    const event: ChatInputEvent = { task_id, subtask_id, inputs };
    this.seam.audience.toTask(task_id, TO_CHAT.input, event);
  }

  #deliver(dispatch: DispatchRow): void {
    if (this.seam.store.inputs.pending(dispatch.id).length === 0) return;
    let delivery = this.#deliveries.get(dispatch.id);
    if (!delivery) {
      const pauseMs = this.seam.timings.steerRetryMs;
      delivery = { taken: new Set(), busy: false, timer: null, pauseMs };
      this.#deliveries.set(dispatch.id, delivery);
    }
    if (delivery.busy) return;
    if (delivery.timer) clearTimeout(delivery.timer);
    delivery.timer = null;
    this.#run(dispatch, delivery).catch((error) => this.seam.log(errorText(error)));
  }

  /** Hands over one after the other. A turn that still waits for its slot refuses them: later again. */
  async #run(dispatch: DispatchRow, delivery: Delivery): Promise<void> {
    const { steerRetryMs } = this.seam.timings;
    delivery.busy = true;
    let next = this.#next(dispatch, delivery);
    try {
      for (; next; next = this.#next(dispatch, delivery)) {
        const taken = await this.#hand(dispatch, next);
        if (taken === null || this.#deliveries.get(dispatch.id) !== delivery) return;
        if (!taken) break;
        delivery.taken.add(next.input_id);
        delivery.pauseMs = steerRetryMs;
      }
    } finally {
      // Before anybody else runs: who adds a message now finds nobody at work.
      delivery.busy = false;
    }
    if (!next) return;
    delivery.timer = setTimeout(() => this.#deliver(dispatch), delivery.pauseMs);
    delivery.pauseMs = Math.min(delivery.pauseMs * 2, steerRetryMs * SLOWEST);
  }

  /** @returns Null when the device cannot be told now: its next registration goes on with it. */
  async #hand(
    { task_id, subtask_id, user_id, device_id }: DispatchRow,
    next: Pick<TaskSteer, "input_id" | "text">,
  ): Promise<boolean | null> {
    const { presence, timings } = this.seam;
    const device = presence.get(user_id, device_id);
    if (!device?.socket || !device.features?.has(STEER_FEATURE)) return null;
    const message: TaskSteer = { task_id, subtask_id, ...next };
    const answer = await device.socket.request(TO_DEVICE.steer, message, timings.answerAckMs);
    return eventAck.safeParse(answer).data?.success === true;
  }

  #next(dispatch: DispatchRow, { taken }: Delivery) {
    return this.seam.store.inputs.pending(dispatch.id).find(({ input_id }) => !taken.has(input_id));
  }
}
