/** The device: the scoped worker that talks to the server, and the messages it exchanges. */
export { fromWorker } from "./messages.ts";
export type {
  AdoptedHost,
  FromWorker,
  HostStart,
  SelfcheckRow,
  ToWorker,
  WorkerInit,
  WorkerStatus,
} from "./messages.ts";

/** Entry module of the worker, for `new Worker`. */
export const DEVICE_WORKER_URL: string = new URL("./worker.ts", import.meta.url).href;
