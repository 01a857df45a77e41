/**
 * The device worker's life: started with the scope's rights, started again with growing delays when
 * it dies. Hosts do not notice; a new worker is told of them in its first message.
 */
import { DEVICE_WORKER_URL, type FromWorker, fromWorker, type ToWorker } from "../device/mod.ts";
import { errorText, type Logger } from "../platform/mod.ts";

const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 30_000;
/** A worker that lived so long counts as healthy: the next restart is quick again. */
const HEALTHY_MS = 60_000;

export interface WorkerSeam {
  /** Rights of the next worker. */
  permissions(): Deno.PermissionOptions;
  /** The first message for each new worker. */
  init(): Promise<ToWorker>;
  onMessage(message: FromWorker): void;
  readonly log: Logger;
  /** Module of the worker. @default the device's */
  readonly url?: string;
}

/** See the module comment. */
export class DeviceWorkerProcess {
  #worker: Worker | null = null;
  #delay = FIRST_DELAY_MS;
  #startedAt = 0;
  #stopped = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Times the worker died and was started again. */
  restarts = 0;

  constructor(private readonly seam: WorkerSeam) {}

  start(): void {
    this.#startedAt = Date.now();
    const worker = new Worker(this.seam.url ?? DEVICE_WORKER_URL, {
      type: "module",
      name: "device",
      deno: { permissions: this.seam.permissions() },
    } as WorkerOptions);
    this.#worker = worker;
    worker.onmessage = (event) => this.#incoming(worker, event.data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#died(worker, event.message);
    };
    worker.onmessageerror = () => this.#died(worker, "unreadable message");
  }

  send(message: ToWorker): void {
    this.#worker?.postMessage(message);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#worker?.terminate();
    this.#worker = null;
  }

  /** Puts a new worker, with new rights, in the place of this one. */
  replace(): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    this.#worker?.terminate();
    this.start();
  }

  #incoming(worker: Worker, data: unknown): void {
    if (worker !== this.#worker) return;
    const parsed = fromWorker.safeParse(data);
    if (!parsed.success) {
      const where = parsed.error.issues[0]?.path.join(".") ?? "";
      this.seam.log.error("Refused a message of the device worker", { where });
      return;
    }
    if (parsed.data.t !== "ready") return this.seam.onMessage(parsed.data);
    this.seam.init().then(
      (init) => worker === this.#worker && worker.postMessage(init),
      (error) => this.#died(worker, errorText(error)),
    );
  }

  #died(worker: Worker, reason: string): void {
    if (worker !== this.#worker || this.#stopped) return;
    worker.terminate();
    this.#worker = null;
    this.restarts++;
    if (Date.now() - this.#startedAt > HEALTHY_MS) this.#delay = FIRST_DELAY_MS;
    this.seam.log.error("The device worker died and is started again", {
      reason,
      in_ms: this.#delay,
    });
    this.#timer = setTimeout(() => this.start(), this.#delay);
    this.#delay = Math.min(this.#delay * 2, MAX_DELAY_MS);
  }
}
