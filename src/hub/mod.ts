/** The hub: a small server for devices and browsers on one machine. */
export { DEFAULT_HUB_PORT, startHub } from "./main.ts";
export type { Hub, HubOptions } from "./main.ts";
export type { FirstRun } from "./server.ts";
export type { HubTimings } from "./timings.ts";
