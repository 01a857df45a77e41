/**
 * What agents ask their person: answers on their way to the device, who is waited for, and whether the
 * agent of a conversation asks at all. The questions themselves are part of the transcript.
 */
import { AppError } from "../platform/mod.ts";
import {
  type ChatAnswer,
  eventAck,
  type PermissionMode,
  type QuestionView,
  type TaskPermissionEvent,
  TO_CHAT,
  TO_DEVICE,
} from "../protocol/mod.ts";
import type { Ingest } from "./ingest.ts";
import type { Presence } from "./presence.ts";
import type { DispatchRow, Store } from "./store/mod.ts";
import type { HubTimings } from "./timings.ts";
import type { Audience } from "./turns.ts";

/** Longest text of a device that is passed on, in UTF-16 units. */
const MAX_ERROR_UNITS = 1000;

/** What questions need of their surroundings. */
export interface QuestionsSeam {
  readonly store: Store;
  readonly presence: Presence;
  readonly audience: Audience;
  readonly timings: HubTimings;
  ingest(): Ingest;
}

/** See the module comment. */
export class PersonQuestions {
  constructor(private readonly seam: QuestionsSeam) {}

  /**
   * Hands an answer to the device whose agent waits for it.
   *
   * @returns `closed: true` when nobody waits any more: it was answered before, or the turn has ended.
   * @throws {AppError} `not_found` for another user's turn; when the answer does not fit the question;
   * `device_offline`, `device_silent` and `device_refused`, after which it can be given again.
   */
  async answer(
    userId: number,
    given: ChatAnswer,
  ): Promise<{ success: true; closed: boolean }> {
    const dispatch = this.#ownDispatch(userId, given.subtask_id);
    const question = dispatch?.state === "open"
      ? this.seam.ingest().transcript(dispatch).openQuestion(given.request_id)
      : undefined;
    if (!dispatch || !question) return { success: true, closed: true };
    const misfit = whyMisfit(question, given);
    if (misfit) throw new AppError("invalid_payload", misfit);
    const device = this.seam.presence.get(userId, dispatch.device_id);
    if (!device?.socket) {
      throw new AppError("device_offline", "The device is offline; answer when it is back");
    }
    const { request_id, decision, message, answers } = given;
    const { task_id, subtask_id } = dispatch;
    const reply = await device.socket.request(
      TO_DEVICE.answer,
      { task_id, subtask_id, request_id, decision, message, answers },
      this.seam.timings.answerAckMs,
    );
    const ack = eventAck.safeParse(reply);
    if (reply === null || !ack.success) {
      throw new AppError("device_silent", "The device did not take the answer; give it again");
    }
    if (ack.data.success !== true) {
      throw new AppError(
        "device_refused",
        ack.data.error?.slice(0, MAX_ERROR_UNITS) || "The device did not take the answer",
      );
    }
    return { success: true, closed: false };
  }

  /** @throws {AppError} `not_found` for another user's conversation. */
  setMode(userId: number, taskId: number, mode: PermissionMode): void {
    const { store } = this.seam;
    if (!store.tasks.task(userId, taskId)) throw new AppError("not_found", "Task not found");
    store.permissions.setMode(taskId, mode);
    this.tellMode(taskId, mode);
  }

  /** Tells the pages that show the task. */
  tellMode(task_id: number, permission_mode: PermissionMode): void {
    const event: TaskPermissionEvent = { task_id, permission_mode };
    this.seam.audience.toTask(task_id, TO_CHAT.taskPermission, event);
  }

  /** A turn waits for its person, or does not any more. */
  waiting(dispatch: DispatchRow, waiting: boolean): void {
    const turn = this.seam.store.tasks.subtask(dispatch.subtask_id);
    if (!turn) return;
    this.seam.audience.toUser(dispatch.user_id, TO_CHAT.taskStatus, {
      task_id: dispatch.task_id,
      subtask_id: dispatch.subtask_id,
      status: turn.status,
      progress: 0,
      completed_at: null,
      waiting,
    });
  }

  #ownDispatch(userId: number, subtaskId: number): DispatchRow | undefined {
    const { tasks, dispatches } = this.seam.store;
    const turn = tasks.subtask(subtaskId);
    if (!turn || !tasks.task(userId, turn.task_id)) {
      throw new AppError("not_found", "Subtask not found");
    }
    return dispatches.current(subtaskId);
  }
}

/** Why an answer does not fit its question; null: it does. */
function whyMisfit({ kind, rule, questions }: QuestionView, given: ChatAnswer): string | null {
  const { decision, answers } = given;
  if (decision === "deny") return null;
  if ((decision === "answer") !== (kind === "form")) {
    return `The decision "${decision}" does not fit this question`;
  }
  if (decision === "allow_always" && !rule) {
    return "This cannot be allowed for the whole conversation";
  }
  if (decision !== "answer") return null;
  if (answers.length > questions.length) return "There are more answers than questions";
  return answers.flat().some((text) => text.trim() !== "") ? null : "An answer is missing";
}
