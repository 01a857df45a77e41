/** Everything the hub remembers, in one SQLite database. */
import { type Database, openDatabase } from "./database.ts";
import { AttachmentStore } from "./attachments.ts";
import { DeviceStore } from "./devices.ts";
import { DispatchStore } from "./dispatches.ts";
import { InputStore } from "./inputs.ts";
import { McpServerStore } from "./mcp_servers.ts";
import { PermissionStore } from "./permissions.ts";
import { RunStore } from "./runs.ts";
import { SettingsStore } from "./settings.ts";
import { TaskStore } from "./tasks.ts";
import { UserStore } from "./users.ts";
import { WorkdirStore } from "./workdirs.ts";

export type { AttachmentRow } from "./attachments.ts";
export type { DeviceRow } from "./devices.ts";
export type { AgentSettingsRow } from "./settings.ts";
export type { DispatchRow, TurnEnd } from "./dispatches.ts";
export type { SubtaskRow, TaskRow } from "./tasks.ts";
export type { ApiKeyRow, UserRow } from "./users.ts";
export type { WorkdirRow } from "./workdirs.ts";

/** The hub's memory. */
export interface Store {
  readonly db: Database;
  readonly users: UserStore;
  readonly devices: DeviceStore;
  readonly tasks: TaskStore;
  readonly dispatches: DispatchStore;
  readonly runs: RunStore;
  readonly inputs: InputStore;
  readonly attachments: AttachmentStore;
  readonly permissions: PermissionStore;
  readonly settings: SettingsStore;
  readonly mcpServers: McpServerStore;
  readonly workdirs: WorkdirStore;
}

/**
 * Opens the store in `dataDir`, which must exist.
 *
 * @throws {AppError} `hub_data_in_use` or `hub_data_newer`.
 */
export function openStore(dataDir: string): Store {
  const db = openDatabase(dataDir);
  return {
    db,
    users: new UserStore(db),
    devices: new DeviceStore(db),
    tasks: new TaskStore(db),
    dispatches: new DispatchStore(db),
    runs: new RunStore(db),
    inputs: new InputStore(db),
    attachments: new AttachmentStore(db),
    permissions: new PermissionStore(db),
    settings: new SettingsStore(db),
    mcpServers: new McpServerStore(db),
    workdirs: new WorkdirStore(db),
  };
}
