/** Starts the hub in a worker of its own rights and keeps it running. */
import {
  AppError,
  errorText,
  type LogFields,
  type LogLevel,
  moduleUrl,
  sendAtOnce,
} from "../platform/mod.ts";
import type { FirstRun } from "./server.ts";
import type { DefaultProviders } from "./settings.ts";
import type { HubTimings } from "./timings.ts";
import { type FromWorker, fromWorker, type ToWorker } from "./worker_messages.ts";

/** Where the hub listens when nobody says otherwise. */
export const DEFAULT_HUB_PORT = 8787;

/** How a hub is started. */
export interface HubOptions {
  /** Port on the loopback address; 0: any free one. @default 8787 */
  port?: number;
  /** Directory of the hub's data; made (owner-only) when it is missing. Absolute. */
  dataDir: string;
  /** The hub is only ever reachable from this machine. @default "127.0.0.1" */
  host?: "127.0.0.1";
  /** By agent, who answers users who have not chosen in the settings. @default "own_login" */
  providers?: Partial<DefaultProviders>;
  /** Waiting times; for tests. */
  timings?: Partial<HubTimings>;
  /** Called for each line of the hub's log. */
  log?: (level: LogLevel, message: string, fields?: LogFields) => void;
}

/** A running hub. */
export interface Hub {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly port: number;
  /** Only at the first start in a data directory: shown once, kept nowhere. */
  readonly firstRun?: FirstRun;
  /** Closes connections and database; resolves within two seconds. */
  stop(): Promise<void>;
  /**
   * Makes an API key (`wg-…`) a device can connect with.
   *
   * @param user Name of the owner; the administrator is `admin`.
   * @throws {AppError} `not_found` when there is no such user.
   */
  createApiKey(user: string, name?: string): Promise<string>;
  /** A link that signs the administrator in, once, within 15 minutes. */
  issueLoginLink(): Promise<string>;
}

const START_MS = 15_000;
const REPLY_MS = 10_000;
const STOP_MS = 1800;
/** Pauses before a dead worker is started again, in milliseconds. */
const RESTART_MS = [100, 500, 2000, 10_000, 30_000] as const;
/** A worker that lived this long has recovered. */
const HEALTHY_MS = 60_000;

/**
 * Starts a hub.
 *
 * Needs read and write permission for the data directory and net permission for the address; the
 * worker gets exactly these.
 *
 * @throws {AppError} `port_in_use`, `hub_data_in_use` or `hub_data_newer`.
 */
export async function startHub(options: HubOptions): Promise<Hub> {
  const dataDir = await prepareDataDir(options.dataDir);
  const attempts = options.port === 0 ? 3 : 1;
  for (let attempt = 1;; attempt++) {
    const port = options.port || (options.port === 0 ? freePort() : DEFAULT_HUB_PORT);
    const runner = new HubRunner({ ...options, dataDir, port });
    try {
      return await runner.start();
    } catch (error) {
      const taken = error instanceof AppError && error.code === "port_in_use";
      if (!taken || attempt >= attempts) throw error;
    }
  }
}

interface Waiting {
  resolve(value: string): void;
  reject(error: AppError): void;
}

/** Owns the worker: starts it, passes requests to it, starts it again when it dies. */
class HubRunner {
  #worker: Worker | null = null;
  #stopping = false;
  #failures = 0;
  #startedAt = 0;
  #restart: ReturnType<typeof setTimeout> | null = null;
  #nextId = 1;
  readonly #waiting = new Map<number, Waiting>();
  #stopped: (() => void) | null = null;

  constructor(
    private readonly options: HubOptions & { dataDir: string; port: number },
  ) {}

  async start(): Promise<Hub> {
    const firstRun = await this.#spawn();
    const { port } = this.options;
    return {
      url: `http://127.0.0.1:${port}`,
      port,
      ...(firstRun && { firstRun }),
      stop: () => this.#stop(),
      createApiKey: (user, name = "device") =>
        this.#ask((id) => ({ type: "create_api_key", id, user, name })),
      issueLoginLink: () => this.#ask((id) => ({ type: "issue_login_link", id })),
    };
  }

  /** Resolves when the worker answers requests. */
  #spawn(): Promise<FirstRun | null> {
    const { dataDir, port, providers, timings } = this.options;
    const worker = new Worker(moduleUrl(import.meta.url, "hub/worker"), {
      type: "module",
      name: "hub",
      deno: {
        permissions: {
          read: [dataDir],
          write: [dataDir],
          net: [`127.0.0.1:${port}`],
          run: false,
          ffi: false,
          env: false,
          // How much room there is on the disk for files of messages.
          sys: ["statfs"],
          import: false,
        },
      },
    });
    this.#worker = worker;
    this.#startedAt = Date.now();
    return new Promise((resolve, reject) => {
      const fail = (error: AppError) => {
        clearTimeout(timer);
        this.#discard(worker);
        reject(error);
      };
      const timer = setTimeout(
        () => fail(new AppError("hub_start_failed", "The hub did not start in time")),
        START_MS,
      );
      worker.onmessage = (event) => {
        const parsed = fromWorker.safeParse(event.data);
        if (!parsed.success) {
          // Nothing a worker says may end the thread that watches over it.
          return this.options.log?.("error", "The hub's thread sent an unknown message");
        }
        const message = parsed.data;
        if (message.type === "ready") {
          clearTimeout(timer);
          worker.onerror = (event) => {
            event.preventDefault();
            this.#died(worker, event.message);
          };
          resolve(message.firstRun);
        } else if (message.type === "failed") {
          const { code, message: text, remedy } = message.error;
          fail(new AppError(code, text, remedy ? { remedy } : {}));
        } else this.#handle(message);
      };
      worker.onerror = (event) => {
        event.preventDefault();
        fail(new AppError("hub_start_failed", `The hub cannot start: ${event.message}`));
      };
      this.#post({
        type: "start",
        dataDir,
        host: "127.0.0.1",
        port,
        providers: { claude: "own_login", codex: "own_login", ...providers },
        timings: timings ?? {},
      });
    });
  }

  #handle(message: Exclude<FromWorker, { type: "ready" | "failed" }>): void {
    switch (message.type) {
      case "reply":
        this.#waiting.get(message.id)?.resolve(message.value);
        return void this.#waiting.delete(message.id);
      case "refused": {
        const { code, message: text, remedy } = message.error;
        this.#waiting.get(message.id)?.reject(
          new AppError(code, text, remedy ? { remedy } : {}),
        );
        return void this.#waiting.delete(message.id);
      }
      case "connected":
        return sendAtOnce();
      case "stopped":
        return this.#stopped?.();
      case "log":
        this.options.log?.(message.level, message.message, message.fields);
    }
  }

  #died(worker: Worker, reason: string): void {
    if (worker !== this.#worker || this.#stopping) return;
    this.#discard(worker);
    this.#failAll("The hub's thread has ended");
    if (Date.now() - this.#startedAt > HEALTHY_MS) this.#failures = 0;
    const pause = RESTART_MS[Math.min(this.#failures++, RESTART_MS.length - 1)] ?? 1000;
    this.options.log?.("error", "The hub's thread has ended; starting it again", {
      reason,
      pause_ms: pause,
    });
    this.#restart = setTimeout(() => {
      this.#restart = null;
      this.#spawn().catch((error) => {
        if (this.#stopping) return;
        this.options.log?.("error", "The hub could not be started again", {
          error: errorText(error),
        });
        // The failed worker is gone already; the next try follows the same rules.
        this.#worker = worker;
        this.#died(worker, errorText(error));
      });
    }, pause);
  }

  async #stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    if (this.#restart !== null) clearTimeout(this.#restart);
    this.#failAll("The hub is stopping");
    const worker = this.#worker;
    if (!worker) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      this.#stopped = resolve;
      timer = setTimeout(resolve, STOP_MS);
      worker.onerror = (event) => {
        event.preventDefault();
        resolve();
      };
      this.#post({ type: "stop" });
    });
    clearTimeout(timer);
    this.#discard(worker);
  }

  #ask(message: (id: number) => ToWorker): Promise<string> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      if (!this.#worker || this.#stopping) {
        return reject(new AppError("hub_stopped", "The hub is not running"));
      }
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new AppError("hub_busy", "The hub does not answer"));
      }, REPLY_MS);
      this.#waiting.set(id, {
        resolve: (value) => {
          clearTimeout(timer);
          resolve(value);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
      this.#post(message(id));
    });
  }

  #post(message: ToWorker): void {
    this.#worker?.postMessage(message);
  }

  #failAll(reason: string): void {
    for (const waiting of this.#waiting.values()) {
      waiting.reject(new AppError("hub_stopped", reason));
    }
    this.#waiting.clear();
  }

  #discard(worker: Worker): void {
    worker.terminate();
    if (this.#worker === worker) this.#worker = null;
  }
}

/** Makes the directory, closes it to others, and resolves links: permissions go by real paths. */
async function prepareDataDir(path: string): Promise<string> {
  await Deno.mkdir(path, { recursive: true, mode: 0o700 });
  const real = await Deno.realPath(path);
  if (Deno.build.os !== "windows") await Deno.chmod(real, 0o700);
  return real;
}

/** A port that was free a moment ago. */
function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}
