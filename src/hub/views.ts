/** What the browser gets to see of tasks, turns and devices. */
import type {
  DeviceInfo,
  InputView,
  JoinAck,
  SubtaskStatus,
  SubtaskView,
  TaskView,
  TaskWorkdir,
} from "../protocol/mod.ts";
import { attachmentView } from "./attachments.ts";
import { directoryView } from "./directories.ts";
import type { Ingest } from "./ingest.ts";
import type { Presence } from "./presence.ts";
import type { AttachmentRow, DeviceRow, Store, SubtaskRow, TaskRow } from "./store/mod.ts";

/** Messages of one answer to `task:join`. */
const MAX_MESSAGES = 200;

/** See the module comment. */
export class Views {
  constructor(
    private readonly store: Store,
    private readonly presence: Presence,
    private readonly ingest: Ingest,
  ) {}

  device(row: DeviceRow): DeviceInfo {
    return this.presence.info(
      row,
      this.store.dispatches.runningTasks(row.user_id, row.device_id),
    );
  }

  devices(userId: number): DeviceInfo[] {
    return this.store.devices.list(userId).map((row) => this.device(row));
  }

  /** `known` spares a look into the database. */
  task(row: TaskRow, known: { status?: SubtaskStatus; waiting?: boolean } = {}): TaskView {
    return {
      task_id: row.id,
      title: row.title,
      agent: row.agent,
      model: row.model,
      effort: row.effort,
      status: known.status ??
        this.store.tasks.subtasks(row.id, 0, 1)[0]?.status ?? "COMPLETED",
      device_id: row.device_id,
      workdir: row.device_id ? this.directory(row.id, row.device_id) : null,
      permission_mode: row.permission_mode,
      waiting: known.waiting ?? this.store.permissions.waiting(row.id),
      created_at: row.created_at,
      updated_at: row.updated_at,
    };
  }

  /** The directory of a task on a device. */
  directory(taskId: number, deviceId: string): TaskWorkdir | null {
    return directoryView(this.store.workdirs.get(taskId, deviceId));
  }

  /** `files` of the message and `inputs` it has not read are found where they are not given. */
  subtask(
    row: SubtaskRow,
    userId: number,
    files: readonly AttachmentRow[] = this.store.attachments.of(row.id),
    inputs: InputView[] = this.store.inputs.unread(row.id),
  ): SubtaskView {
    const dispatch = row.role === "assistant" ? this.store.dispatches.current(row.id) : undefined;
    const transcript = dispatch && this.ingest.transcript(dispatch);
    const device = row.device_id ? this.presence.get(userId, row.device_id) : undefined;
    const open = row.status === "RUNNING" || row.status === "PENDING";
    return {
      subtask_id: row.id,
      task_id: row.task_id,
      message_id: row.message_id,
      role: row.role,
      status: row.status,
      content: row.content,
      streamed_text: transcript?.text ?? "",
      blocks: transcript?.views() ?? [],
      inputs,
      attachments: files.map(attachmentView),
      error: row.error,
      error_code: row.error_code,
      device_id: row.device_id,
      queued: open && (device?.queued.includes(row.task_id) ?? false),
      cancelling: open && dispatch?.cancel_requested === 1,
      attempt: row.attempt,
      usage: row.usage === null ? null : JSON.parse(row.usage),
      created_at: row.created_at,
      updated_at: row.updated_at,
    };
  }

  /** The whole state of a conversation, or of its end. */
  join(task: TaskRow, afterMessageId: number): JoinAck {
    // Stored first, so that no piece is both in this answer and on its way.
    this.ingest.flush();
    const rows = this.store.tasks.subtasks(
      task.id,
      afterMessageId,
      MAX_MESSAGES + 1,
    );
    const truncated = rows.length > MAX_MESSAGES;
    const files = Map.groupBy(this.store.attachments.ofTask(task.id), (row) => row.subtask_id);
    const inputs = this.store.inputs.unreadOfTask(task.id);
    const subtasks = (truncated ? rows.slice(1) : rows).map((row) =>
      this.subtask(row, task.user_id, files.get(row.id) ?? [], inputs.get(row.id) ?? [])
    );
    const live = subtasks.find((s) => s.status === "RUNNING");
    return {
      task: this.task(task),
      streaming: live
        ? {
          subtask_id: live.subtask_id,
          offset: live.streamed_text.length,
          cached_content: live.streamed_text,
          blocks: live.blocks,
          started_at: live.created_at,
          last_activity_at: live.updated_at,
        }
        : null,
      subtasks,
      truncated,
    };
  }
}
