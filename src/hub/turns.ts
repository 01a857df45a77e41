/**
 * The life of a turn: sent, handed to a device, cancelled, retried, settled. The hub keeps no queue: the
 * device does.
 */
import { AppError, errorText } from "../platform/mod.ts";
import {
  AGENTS,
  type ChatSend,
  directoryChoice,
  eventAck,
  FINAL_STATUSES,
  TO_CHAT,
  TO_DEVICE,
} from "../protocol/mod.ts";
import { agentOf, modelChoice } from "./agent_choice.ts";
import type { Attachments } from "./attachments.ts";
import { bindDirectory } from "./directories.ts";
import type { Ingest } from "./ingest.ts";
import type { Presence } from "./presence.ts";
import { Reconciler, sendCancel } from "./reconciler.ts";
import type { DispatchRow, Store, SubtaskRow, TaskRow, TurnEnd, UserRow } from "./store/mod.ts";
import type { HubTimings } from "./timings.ts";

/** The browsers, as the core speaks to them. */
export interface Audience {
  /** To every page of a user. */
  toUser(userId: number, event: string, payload: object): void;
  /** To every page that shows a task. */
  toTask(taskId: number, event: string, payload: object): void;
}

/** What turns need of their surroundings. */
export interface TurnsSeam {
  readonly store: Store;
  readonly presence: Presence;
  readonly audience: Audience;
  readonly timings: HubTimings;
  readonly attachments: Attachments;
  ingest(): Ingest;
  /** The request for an attempt. @throws {AppError} When a key cannot be read or the task is gone. */
  request(dispatch: DispatchRow): object;
  /** Tells the user's pages how busy a device is. */
  slotsChanged(userId: number, deviceId: string): void;
  /** Tells the pages that show the task which directory it has on the attempt's device. */
  directoryChanged(dispatch: DispatchRow): void;
  log(message: string): void;
}

/** A message that was taken in; its turn still has to be started. */
export interface SentMessage {
  task: TaskRow;
  userMessage: SubtaskRow;
  turn: SubtaskRow;
  dispatch: DispatchRow;
  created: boolean;
}

const MAX_TITLE_UNITS = 80;

/** See the module comment. */
export class Turns {
  /** Retries that wait until the device has ended the attempt before, by subtask. */
  readonly #held = new Map<
    number,
    { dispatchId: number; timer: ReturnType<typeof setTimeout> }
  >();
  readonly #cancelTimers = new Map<number, ReturnType<typeof setTimeout>>();
  readonly reconciler: Reconciler;

  constructor(private readonly seam: TurnsSeam) {
    const { store, presence, timings, ingest } = seam;
    this.reconciler = new Reconciler({
      store,
      presence,
      timings,
      ingest,
      isHeld: (dispatch) => this.#held.get(dispatch.subtask_id)?.dispatchId === dispatch.id,
      deliver: (dispatch) => this.#deliver(dispatch),
      release: (subtaskId) => this.#release(subtaskId),
    });
  }

  /**
   * Takes in a message; {@link start} must follow, after the sender has its answer.
   *
   * @throws {AppError} When task or device are not the user's, the device is offline or the task runs.
   */
  send(user: UserRow, message: ChatSend): SentMessage {
    const { tasks, dispatches, db } = this.seam.store;
    const known = message.task_id ? this.#ownTask(user.id, message.task_id) : null;
    const deviceId = this.#reachable(
      user.id,
      message.device_id ?? known?.device_id,
    );
    const agent = agentOf(known, message.agent);
    return db.transaction(() => {
      const { task, user: userMessage, turn } = tasks.addTurn(
        user.id,
        known?.id ?? null,
        this.#title(user.id, message),
        message.message,
        deviceId,
        agent,
      );
      const dispatch = dispatches.add(user.id, turn, deviceId);
      this.seam.attachments.claim(user.id, message.attachments, userMessage);
      bindDirectory(this.seam.store, task, deviceId, directoryChoice(message));
      tasks.setModel(task.id, modelChoice(task, message));
      if (message.permission_mode) {
        this.seam.store.permissions.setMode(task.id, message.permission_mode);
      }
      return {
        task: tasks.task(user.id, task.id)!,
        userMessage,
        turn: tasks.subtask(turn.id)!,
        dispatch,
        created: known === null,
      };
    });
  }

  /**
   * Runs a failed or cancelled turn again under the same id; {@link start} must follow.
   *
   * @throws {AppError} See {@link send}; also when the turn is in another state.
   */
  retry(
    user: UserRow,
    subtaskId: number,
    wanted: string | null,
  ): DispatchRow {
    const { tasks, dispatches, db } = this.seam.store;
    const { turn, task } = this.#ownTurn(user.id, subtaskId);
    if (turn.status !== "FAILED" && turn.status !== "CANCELLED") {
      throw new AppError(
        "wrong_state",
        `Cannot retry subtask in ${turn.status} state`,
      );
    }
    if (tasks.openTurn(task.id)) {
      throw new AppError("task_running", "Task is still running");
    }
    const deviceId = this.#reachable(
      user.id,
      wanted ?? turn.device_id ?? task.device_id,
    );
    return db.transaction(() => {
      bindDirectory(this.seam.store, task, deviceId, null);
      return dispatches.add(user.id, turn, deviceId);
    });
  }

  /** Announces an attempt and hands it to its device, or waits for the one before it to end there. */
  start(dispatch: DispatchRow): void {
    const { store, audience, timings } = this.seam;
    const turn = store.tasks.subtask(dispatch.subtask_id);
    const task = store.tasks.task(dispatch.user_id, dispatch.task_id);
    if (!turn || !task) return;
    const { name, shell_type } = AGENTS[task.agent];
    audience.toTask(dispatch.task_id, TO_CHAT.start, {
      task_id: dispatch.task_id,
      subtask_id: dispatch.subtask_id,
      message_id: turn.message_id,
      bot_name: name,
      shell_type,
      attempt: dispatch.attempt,
      device_id: dispatch.device_id,
    });
    this.seam.directoryChanged(dispatch);
    const before = this.#unended(dispatch);
    if (before.length === 0) return this.#deliver(dispatch);
    // A device ignores a turn it is still working on: the retry would be lost.
    for (const old of before) this.reconciler.tellCancelled(old);
    this.#held.set(dispatch.subtask_id, {
      dispatchId: dispatch.id,
      timer: setTimeout(() => {
        for (const old of before) {
          store.dispatches.setDeviceState(old.id, "ended");
        }
        this.#release(dispatch.subtask_id);
      }, timings.cancelConfirmMs),
    });
  }

  /**
   * Asks for the end of a turn. It is settled by the device's answer, or here when none is expected.
   *
   * @throws {AppError} When there is no such turn of this user, or it is final.
   */
  cancel(userId: number, subtaskId: number): void {
    const { turn } = this.#ownTurn(userId, subtaskId);
    if (FINAL_STATUSES.has(turn.status)) {
      throw new AppError(
        "wrong_state",
        `Cannot cancel subtask in ${turn.status} state`,
      );
    }
    const { dispatches } = this.seam.store;
    const dispatch = dispatches.current(subtaskId);
    if (!dispatch) {
      throw new AppError("not_found", "Subtask not found");
    }
    dispatches.setCancelRequested(dispatch.id);
    const device = this.seam.presence.get(userId, dispatch.device_id);
    if (dispatch.device_state === "unsent" || !device?.socket) {
      this.#settle(dispatch.id, { status: "CANCELLED" });
      return;
    }
    sendCancel(device, dispatch);
    this.seam.audience.toUser(userId, TO_CHAT.taskStatus, {
      task_id: dispatch.task_id,
      subtask_id: subtaskId,
      status: turn.status,
      progress: 0,
      completed_at: null,
      cancelling: true,
    });
    clearTimeout(this.#cancelTimers.get(dispatch.id));
    this.#cancelTimers.set(
      dispatch.id,
      setTimeout(() => {
        this.#cancelTimers.delete(dispatch.id);
        this.#settle(dispatch.id, { status: "CANCELLED" });
      }, this.seam.timings.cancelConfirmMs),
    );
  }

  /** Cancels whatever turn of the task is not final. @throws {AppError} When none is. */
  cancelTask(userId: number, taskId: number): void {
    const task = this.#ownTask(userId, taskId);
    const turn = this.seam.store.tasks.openTurn(task.id);
    if (!turn) {
      throw new AppError("wrong_state", "Task is not running");
    }
    this.cancel(userId, turn.id);
  }

  /** Ends the agent's process of a task on its device; files and conversation stay. */
  closeSession(userId: number, taskId: number): void {
    const task = this.#ownTask(userId, taskId);
    if (!task.device_id) {
      throw new AppError(
        "no_device",
        "No device executor found for this task",
      );
    }
    this.seam.presence.get(userId, task.device_id)?.socket?.send(
      TO_DEVICE.closeSession,
      { task_id: taskId },
    );
  }

  /** Removes a conversation from the lists and ends what still runs of it. */
  deleteTask(userId: number, taskId: number): void {
    const { tasks } = this.seam.store;
    const task = this.#ownTask(userId, taskId);
    const open = tasks.openTurn(task.id);
    if (open) this.cancel(userId, open.id);
    if (task.device_id) this.closeSession(userId, taskId);
    tasks.removeTask(userId, taskId);
    this.seam.attachments.removeOfTask(taskId);
  }

  /** A turn was settled: pages learn it. */
  settled(dispatch: DispatchRow, end: TurnEnd, offset: number): void {
    clearTimeout(this.#cancelTimers.get(dispatch.id));
    this.#cancelTimers.delete(dispatch.id);
    this.reconciler.settled(dispatch);
    const held = this.#held.get(dispatch.subtask_id);
    if (held?.dispatchId === dispatch.id) {
      clearTimeout(held.timer);
      this.#held.delete(dispatch.subtask_id);
    }
    const { audience, store } = this.seam;
    const ids = { task_id: dispatch.task_id, subtask_id: dispatch.subtask_id };
    const messageId = store.tasks.subtask(dispatch.subtask_id)?.message_id;
    if (end.status === "COMPLETED") {
      audience.toTask(dispatch.task_id, TO_CHAT.done, {
        ...ids,
        offset,
        message_id: messageId,
        result: { value: end.content, usage: end.usage ?? null },
      });
    } else if (end.status === "CANCELLED") {
      audience.toTask(dispatch.task_id, TO_CHAT.cancelled, ids);
    } else {
      audience.toTask(dispatch.task_id, TO_CHAT.error, {
        ...ids,
        error: end.error,
        type: end.errorCode,
        message_id: messageId,
      });
    }
    audience.toUser(dispatch.user_id, TO_CHAT.taskStatus, {
      ...ids,
      status: end.status,
      progress: 100,
      waiting: false,
      completed_at: new Date().toISOString(),
    });
    this.seam.slotsChanged(dispatch.user_id, dispatch.device_id);
  }

  /** The device has ended a run: a retry that waited for it may start. */
  deviceEnded(dispatch: DispatchRow): void {
    this.reconciler.ended(dispatch);
    this.#release(dispatch.subtask_id);
  }

  close(): void {
    for (const timer of this.#cancelTimers.values()) clearTimeout(timer);
    this.reconciler.close();
    for (const { timer } of this.#held.values()) clearTimeout(timer);
  }

  /** What a new conversation is called: as the sender says, else by its first words or file. */
  #title(userId: number, { title, message, attachments }: ChatSend): string {
    const [first] = attachments;
    const file = first && this.seam.store.attachments.get(userId, first)?.filename;
    return (title?.trim() || message.trim() || file || "")
      .replaceAll(/\s+/g, " ").replaceAll("\0", "").slice(0, MAX_TITLE_UNITS).toWellFormed();
  }

  #ownTask(userId: number, taskId: number): TaskRow {
    const task = this.seam.store.tasks.task(userId, taskId);
    if (!task) throw new AppError("not_found", "Task not found");
    return task;
  }

  #ownTurn(
    userId: number,
    subtaskId: number,
  ): { turn: SubtaskRow; task: TaskRow } {
    const { tasks } = this.seam.store;
    const turn = tasks.subtask(subtaskId);
    const task = turn && tasks.task(userId, turn.task_id);
    if (!turn || !task || turn.role !== "assistant") {
      throw new AppError("not_found", "Subtask not found");
    }
    return { turn, task };
  }

  #reachable(userId: number, wanted: string | null | undefined): string {
    const { devices } = this.seam.store;
    const id = wanted ?? devices.default(userId)?.device_id;
    if (!id) throw new AppError("no_device", "No device selected");
    if (!devices.get(userId, id)) {
      throw new AppError("not_found", `Device '${id}' not found`);
    }
    if (!this.seam.presence.reachable(userId, id)) {
      throw new AppError("device_offline", "Selected device is offline");
    }
    return id;
  }

  /** Earlier attempts of the same turn that its device may still be working on. */
  #unended(dispatch: DispatchRow): DispatchRow[] {
    const { dispatches } = this.seam.store;
    return dispatches.live(dispatch.user_id, dispatch.device_id).filter((
      old,
    ) =>
      old.subtask_id === dispatch.subtask_id && old.id !== dispatch.id &&
      old.device_state !== "ended" && old.device_state !== "unsent"
    );
  }

  #release(subtaskId: number): void {
    const held = this.#held.get(subtaskId);
    if (!held) return;
    const dispatch = this.seam.store.dispatches.get(held.dispatchId);
    if (dispatch && this.#unended(dispatch).length > 0) return;
    clearTimeout(held.timer);
    this.#held.delete(subtaskId);
    if (dispatch?.state === "open") this.#deliver(dispatch);
  }

  /** Hands an attempt to its device; while the device is reconnecting the attempt waits for it. */
  #deliver(dispatch: DispatchRow): void {
    const { store, presence, timings } = this.seam;
    const device = presence.get(dispatch.user_id, dispatch.device_id);
    if (!device?.socket) return;
    let request;
    try {
      request = this.seam.request(dispatch);
    } catch (error) {
      this.#settle(dispatch.id, {
        status: "FAILED",
        error: errorText(error),
        errorCode: "pre_execute_error",
      });
      return;
    }
    store.dispatches.setDeviceState(dispatch.id, "sent");
    store.tasks.setRunning(dispatch.subtask_id);
    this.reconciler.sent(dispatch);
    device.socket.request(TO_DEVICE.execute, request, timings.executeAckMs)
      .then((answer) => this.#answered(dispatch, answer))
      .catch((error) => this.seam.log(errorText(error)));
    this.seam.audience.toUser(dispatch.user_id, TO_CHAT.taskStatus, {
      task_id: dispatch.task_id,
      subtask_id: dispatch.subtask_id,
      status: "RUNNING",
      progress: 0,
      completed_at: null,
    });
    this.seam.slotsChanged(dispatch.user_id, dispatch.device_id);
  }

  /** The acknowledgement of `task:execute`; a device that gives none is known by its events. */
  #answered(dispatch: DispatchRow, answer: unknown): void {
    const ack = eventAck.safeParse(answer);
    if (!ack.success) return;
    if (ack.data.success === true) {
      this.seam.store.dispatches.setDeviceState(dispatch.id, "accepted");
    } else if (ack.data.error) {
      this.#settle(dispatch.id, {
        status: "FAILED",
        error: `The device refused the task: ${ack.data.error.slice(0, 1000)}`,
        errorCode: "execution_error",
      });
    }
  }

  #settle(dispatchId: number, end: Omit<TurnEnd, "content">): void {
    this.seam.ingest().settle(dispatchId, end);
  }
}
