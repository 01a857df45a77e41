/** The daemon's main thread and its control socket. */
export { askDaemon } from "./control.ts";
export { deviceScope } from "./device_scope.ts";
export { Supervisor } from "./supervisor.ts";
export type { DaemonEnd, SupervisorOptions } from "./supervisor.ts";
