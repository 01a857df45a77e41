/** The device: the scoped worker that talks to the server, and the messages it exchanges. */
import { moduleUrl } from "../platform/mod.ts";

export { fromWorker } from "./messages.ts";
export type {
  AdoptedHost,
  DirectoryWish,
  FromWorker,
  HostStart,
  SelfcheckRow,
  ToWorker,
  WorkerInit,
  WorkerStatus,
} from "./messages.ts";

/** Entry module of the worker, for `new Worker`; the executable's build bundles it. */
export const DEVICE_WORKER_URL: string = moduleUrl(import.meta.url, "device/worker");
