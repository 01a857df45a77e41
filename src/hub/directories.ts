/**
 * Directories of conversations: what a person chose, what a device says it uses, and what is sent along
 * with a turn. A binding belongs to (task, device), since a path means something on one machine only.
 */
import { AppError } from "../platform/mod.ts";
import { type DirectoryChoice, type TaskWorkdir, workdirEvent } from "../protocol/mod.ts";
import type { Store, TaskRow, WorkdirRow } from "./store/mod.ts";
import type { Effective } from "./store/workdirs.ts";

/** Longest path that is kept, in UTF-16 units. */
const MAX_PATH_UNITS = 4096;

/**
 * Settles the directory of the task's next turn on `deviceId`. Runs inside the caller's transaction.
 *
 * A choice is stored. Without one the binding of (task, device) stays; where there is none and the task
 * worked in a chosen directory of another device, the conversation is told that it left it.
 *
 * @param choice Null: the message says nothing of a directory.
 */
export function bindDirectory(
  store: Store,
  task: Pick<TaskRow, "id" | "user_id">,
  deviceId: string,
  choice: DirectoryChoice | null,
): void {
  const { workdirs } = store;
  const known = workdirs.get(task.id, deviceId);
  if (choice) {
    // The same choice again keeps what the device said of it, above all a chat's directory.
    if (!known || !sameChoice(known, choice)) workdirs.choose(task.id, deviceId, choice);
    return;
  }
  if (known) return;
  const before = workdirs.lastChosen(task.id);
  if (!before || before.policy === "managed") return;
  const device = store.devices.get(task.user_id, before.device_id);
  const where = before.path ?? before.workdir;
  workdirs.explainMove(
    task.id,
    deviceId,
    `The directory of this conversation${
      where ? ` ("${shortened(where)}")` : ""
    } is on the device ` +
      `"${
        device?.alias ?? device?.name ?? before.device_id
      }". On this device it works in a managed ` +
      "directory until another one is chosen",
  );
}

/** What the pages see of a binding. */
export function directoryView(row: WorkdirRow | undefined): TaskWorkdir | null {
  if (!row) return null;
  const { policy, workdir, path, origin, code, notice, git_url, branch_name } = row;
  return { policy, workdir, path, origin, code, notice, git_url, branch_name };
}

/** The members of an execution request that say where the turn works. */
export interface DirectoryFields {
  readonly workdir: string | null;
  readonly workdir_policy: string | null;
  readonly git_url: string | null;
  readonly branch_name: string | null;
  readonly project_id: number | null;
  readonly standalone_chat_workspace: boolean;
  readonly workspace_source: string | null;
  readonly project_workspace_path: string | null;
}

const NOWHERE: DirectoryFields = {
  workdir: null,
  workdir_policy: null,
  git_url: null,
  branch_name: null,
  project_id: null,
  standalone_chat_workspace: false,
  workspace_source: null,
  project_workspace_path: null,
};

/**
 * A binding as the device is told it; nobody chose: nothing but nulls, as from any server. A dated folder
 * is the protocol's standalone chat, whose reported path goes back with each later turn.
 */
export function directoryFields(row: WorkdirRow | undefined): DirectoryFields {
  if (!row?.policy) return NOWHERE;
  if (row.policy === "chat") {
    return {
      ...NOWHERE,
      project_id: 0,
      standalone_chat_workspace: true,
      project_workspace_path: row.chat_path,
    };
  }
  const { workdir, policy, git_url, branch_name } = row;
  return { ...NOWHERE, workdir, workdir_policy: policy, git_url, branch_name };
}

/**
 * The data of `response.workdir`.
 *
 * @throws {AppError} `invalid_event` when it has the wrong shape.
 */
export function effectiveDirectory(data: unknown): Effective {
  const parsed = workdirEvent.safeParse(data);
  const path = parsed.success ? storable(parsed.data.path) : "";
  if (!parsed.success || path === "") {
    throw new AppError("invalid_event", "Invalid event data format: the directory is unreadable");
  }
  const { origin, code, notice } = parsed.data;
  return {
    path,
    origin: storable(origin),
    code: code === null ? null : storable(code),
    notice: notice === null ? null : storable(notice),
  };
}

/** The directory of a standalone chat in the data of `response.completed`; null: it brings none. */
export function chatDirectory(data: unknown): string | null {
  const path = member(member(data, "response"), "standalone_chat_workspace_path");
  if (typeof path !== "string" || path.length > MAX_PATH_UNITS) return null;
  return storable(path) || null;
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? (value as Record<string, unknown>)[name]
    : undefined;
}

function sameChoice(row: WorkdirRow, choice: DirectoryChoice): boolean {
  return row.policy === choice.policy && row.workdir === choice.workdir &&
    row.git_url === choice.git_url && row.branch_name === choice.branch_name;
}

/** SQLite text ends at a NUL and holds no half of a surrogate pair. */
function storable(text: string): string {
  return text.replaceAll("\0", "").toWellFormed();
}

/** The end of a path says more than its beginning. */
function shortened(path: string): string {
  return path.length > 300 ? `…${path.slice(-300)}`.toWellFormed() : path;
}
