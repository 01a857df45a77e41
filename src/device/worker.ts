/**
 * Entry of the device worker: everything that handles data from the network, with the rights that
 * the supervisor derived from the workdir roots and no way to start a process.
 */
import { type HostCommand } from "../hosts/mod.ts";
import { errorText } from "../platform/mod.ts";
import { dirname } from "../platform/std/path.ts";
import {
  cancelRequest,
  closeSessionRequest,
  type EventAck,
  type OpenDirectoryRequest,
  openDirectoryRequest,
  parsePayload,
  type RegisterAck,
  RUN_EXTENSION_EVENT,
  runExtension,
  RUNTIME_RPC_EVENT,
  STEER_FEATURE,
  taskAnswer,
  TASKS_UPDATED_EVENT,
  taskSteer,
  TO_DEVICE,
  type WorkdirFacts,
} from "../protocol/mod.ts";
import { Dispatcher } from "./dispatch.ts";
import type { StartedHost } from "./dispatch_seam.ts";
import { Link } from "./link.ts";
import type { FromWorker, HostStart, ToWorker, WorkerInit } from "./messages.ts";
import { LocalTasks } from "./rpc/local_tasks.ts";
import { RuntimeRpc } from "./rpc/runtime_rpc.ts";
import { TaskStore } from "./rpc/task_store.ts";
import { unsupported } from "./rpc/unsupported.ts";
import { RunStore } from "./run_store.ts";
import { selfcheck } from "./selfcheck.ts";

/** The supervisor kills a start that takes longer itself; this bounds a lost answer. */
const HOST_START_MS = 10 * 60_000;
const OPEN_MS = 10_000;
/** The script itself is given a minute. */
const EXTENSION_MS = 90_000;
const PURGE_EVERY_MS = 6 * 3_600_000;
const ALIVE_EVERY_MS = 1000;
/** After the start, when the device has registered. */
const WARM_MS = 500;
/** A Wegent backend fails the tasks of a device that was away longer. */
const BACKEND_GRACE_MS = 2000;

const scope = self as unknown as {
  postMessage(message: FromWorker): void;
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
};

/** The worker's parts, built when the supervisor's first message has come. */
class DeviceWorker {
  readonly #store: RunStore;
  readonly #link: Link;
  readonly #dispatcher: Dispatcher;
  readonly #tasks: LocalTasks;
  readonly #rpc: RuntimeRpc;
  readonly #waiting = new Map<number, (message: ToWorker) => void>();
  /** Who is told what a start waits for. */
  readonly #notes = new Map<number, (text: string) => void>();
  readonly #partial = new Map<string, string>();
  readonly #decoders = new Map<string, TextDecoder>();
  /** From a random number on: an answer meant for a worker before this one must fit nobody. */
  #nextId = Math.floor(Math.random() * 2 ** 40);
  #workdirs: WorkdirFacts;
  /** What this connection's server has been told of directories. */
  #told: WorkdirFacts | null = null;
  #lostAt: number | null;
  #awayMs: number;
  #drained: Promise<void> | null = null;

  constructor(private readonly init: WorkerInit) {
    this.#store = new RunStore(init.runsDir, init.doneDir, init.sealKey);
    this.#awayMs = init.awayMs;
    this.#workdirs = init.workdirs;
    this.#lostAt = null;
    this.#link = new Link({
      backendUrl: init.backendUrl,
      authToken: init.authToken,
      heartbeatMs: init.heartbeatMs,
      reconnect: init.reconnect,
      proxyUrl: init.proxyUrl,
      caCerts: init.caCerts,
      register: {
        device_id: init.deviceId,
        name: init.deviceName,
        device_type: init.deviceType as "local",
        bind_shell: init.bindShell as "claudecode",
        executor_version: init.version,
        sandbox: init.sandbox,
        restart: true,
        features: [STEER_FEATURE],
      },
    }, {
      onEvent: (name, payload) => this.#onEvent(name, payload),
      onRegistered: (ack) => this.#onRegistered(ack),
      onLost: (reason) => {
        this.#lostAt = Date.now();
        log("warn", "Connection lost", { reason });
      },
      onAuthRefused: (message) => scope.postMessage({ t: "auth_refused", message }),
      onFault: (message) => log("debug", message),
      heartbeat: () => ({
        running_task_ids: this.#dispatcher.runningTaskIds,
        queued_task_ids: this.#dispatcher.queuedTaskIds,
        slot_max: this.#dispatcher.slotMax,
        executor_version: init.version,
        ...this.#news(),
      }),
    });
    this.#tasks = new LocalTasks({
      openStore: () =>
        new TaskStore(init.tasksFile, (message) => {
          log("warn", "The list of tasks is unreadable and put aside", { message });
        }),
      runs: this.#store,
      sealKey: init.sealKey,
      updated: (event) => this.#link.notify(TASKS_UPDATED_EVENT, event),
      log,
    });
    this.#dispatcher = new Dispatcher(this.#store, {
      link: this.#link,
      startHost: (request, onNote) => this.#startHost(request, onNote),
      sendToHost: (hostId, command) => sendToHost(hostId, command),
      keepSpare: (like) => scope.postMessage({ t: "host.spare", like }),
      killHost: (hostId) => scope.postMessage({ t: "host.kill", hostId }),
      changed: (run) => this.#tasks.changed(run),
      log,
    }, init.slots);
    this.#rpc = new RuntimeRpc({
      tasks: this.#tasks,
      places: () => ({ home: this.#workdirs.home, workspaceRoot: this.#workdirs.workspace_root }),
      accepting: () => this.#drained === null,
      submit: (request, local) => this.#dispatcher.submit(request, local),
      cancel: (ids) => this.#dispatcher.cancel(ids),
    });
    this.#dispatcher.recover(init.hosts);
    this.#link.start();
    setInterval(() => this.#purge(), PURGE_EVERY_MS);
    setInterval(() => this.#markAlive(), ALIVE_EVERY_MS);
    setTimeout(() => this.#purge(), 60_000);
    setTimeout(() => this.#tasks.warm(), WARM_MS);
  }

  handle(message: Exclude<ToWorker, { t: "init" }>): void {
    switch (message.t) {
      case "host.data":
        return this.#hostData(message.hostId, message.bytes);
      case "host.closed":
        this.#partial.delete(message.hostId);
        this.#decoders.delete(message.hostId);
        return this.#dispatcher.hostClosed(message.hostId);
      case "host.started":
      case "host.failed":
      case "directory.opened":
      case "extension.ended":
        this.#waiting.get(message.id)?.(message);
        this.#waiting.delete(message.id);
        return;
      case "host.note":
        return this.#notes.get(message.id)?.(message.text);
      case "spare.started":
        return this.#dispatcher.spareStarted(message.like, message.hostId);
      case "workdirs":
        this.#workdirs = message.facts;
        return this.#link.beat();
      case "status":
        return this.#status(message.id);
      case "selfcheck":
        return void this.#selfcheck(message.id, message.otherPort);
      case "drain":
        return void this.#drain(message.id, message.graceMs);
    }
  }

  /** Directories for our own hub, when there is something new; they are no business of other servers. */
  #news(): { workdirs?: WorkdirFacts } {
    if (!this.#link.sequenced || this.#told === this.#workdirs) return {};
    return { workdirs: this.#told = this.#workdirs };
  }

  #onRegistered(ack: RegisterAck): void {
    this.#told = null;
    scope.postMessage({ t: "registered", server: this.init.backendUrl });
    const sequenced = this.#link.sequenced;
    const away = this.#lostAt === null ? this.#awayMs : Date.now() - this.#lostAt;
    this.#awayMs = 0;
    this.#lostAt = null;
    if (!sequenced && away > BACKEND_GRACE_MS) {
      this.#dispatcher.failQueued(
        "The device was away too long; the task was not started",
      );
    }
    this.#dispatcher.registered(sequenced ? ack.last_seq ?? {} : null);
  }

  async #onEvent(name: string, payload: unknown): Promise<EventAck | Record<string, unknown>> {
    switch (name) {
      case TO_DEVICE.execute:
      case TO_DEVICE.chatMessage:
        this.#dispatcher.execute(payload);
        return { success: true };
      case TO_DEVICE.cancel:
        this.#dispatcher.cancel(parsePayload(cancelRequest, payload, name));
        return { success: true };
      case TO_DEVICE.answer:
        this.#dispatcher.answer(parsePayload(taskAnswer, payload, name));
        return { success: true };
      case TO_DEVICE.steer:
        this.#dispatcher.steer(parsePayload(taskSteer, payload, name));
        return { success: true };
      case TO_DEVICE.closeSession:
        this.#dispatcher.closeSession(
          parsePayload(closeSessionRequest, payload, name).task_id,
        );
        return { success: true };
      case TO_DEVICE.openDirectory:
        return await this.#openDirectory(parsePayload(openDirectoryRequest, payload, name));
      case RUN_EXTENSION_EVENT:
        return await this.#runExtension(payload);
      case RUNTIME_RPC_EVENT:
        return await this.#rpc.answer(payload);
      default: {
        const { answer, event } = unsupported(name, payload, this.init.deviceId);
        if (event) this.#link.notify(event.name, event.payload);
        return answer;
      }
    }
  }

  async #startHost(
    request: Omit<HostStart, "t" | "id">,
    onNote: (text: string) => void,
  ): Promise<StartedHost> {
    const answer = await this.#ask(
      (id) => ({ t: "host.start", id, ...request }),
      HOST_START_MS,
      "The session host did not start in time",
      onNote,
    );
    if (answer.t === "host.started") {
      const { host, where } = answer;
      return { hostId: host.hostId, taskId: host.taskId, where };
    }
    if (answer.t === "host.failed") {
      const { message, remedy } = answer.error;
      throw Object.assign(new Error(message), remedy && { remedy });
    }
    throw new Error("Unexpected answer to a host start");
  }

  /**
   * Sends a request to the supervisor and waits for the answer with its id.
   *
   * @param ms Longest silence.
   * @param onNote Told what the answer waits for.
   */
  async #ask(
    request: (id: number) => FromWorker,
    ms: number,
    late: string,
    onNote: (text: string) => void = () => {},
  ): Promise<ToWorker> {
    const id = this.#nextId++;
    const answer = Promise.withResolvers<ToWorker>();
    const wait = () => setTimeout(() => answer.reject(new Error(late)), ms);
    let timer = wait();
    this.#waiting.set(id, answer.resolve);
    this.#notes.set(id, (text) => {
      clearTimeout(timer);
      timer = wait();
      onNote(text);
    });
    scope.postMessage(request(id));
    try {
      return await answer.promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
      this.#notes.delete(id);
    }
  }

  async #openDirectory({ path }: OpenDirectoryRequest): Promise<EventAck> {
    const answer = await this.#ask(
      (id) => ({ t: "directory.open", id, path }),
      OPEN_MS,
      "The desktop did not answer",
    );
    const error = answer.t === "directory.opened" ? answer.error : "Unexpected answer";
    return error === null ? { success: true } : { success: false, error };
  }

  /** Answered by what the script prints, or in the shape its sender reads. */
  async #runExtension(payload: unknown): Promise<Record<string, unknown>> {
    const parsed = runExtension.safeParse(payload);
    if (!parsed.success) {
      const { path, message } = parsed.error.issues[0] ?? { path: [], message: "is wrong" };
      return { success: false, message: `Cannot read the request: "${path.join(".")}" ${message}` };
    }
    const run = (id: number): FromWorker => ({ t: "extension.run", id, request: parsed.data });
    try {
      const ended = await this.#ask(run, EXTENSION_MS, "The extension did not end in time");
      if (ended.t === "extension.ended") return { ...ended.answer };
      throw new Error("Unexpected answer");
    } catch (error) {
      return { success: false, message: errorText(error) };
    }
  }

  #hostData(hostId: string, bytes: Uint8Array): void {
    let decoder = this.#decoders.get(hostId);
    if (!decoder) this.#decoders.set(hostId, decoder = new TextDecoder());
    const text = (this.#partial.get(hostId) ?? "") +
      decoder.decode(bytes, { stream: true });
    const lines = text.split("\n");
    this.#partial.set(hostId, lines.pop() ?? "");
    for (const line of lines) {
      if (line === "") continue;
      try {
        this.#dispatcher.hostNotice(hostId, JSON.parse(line));
      } catch (error) {
        log("warn", "Unreadable line from a host", {
          hostId,
          error: errorText(error),
        });
      }
    }
  }

  #status(id: number): void {
    scope.postMessage({
      t: "status",
      id,
      status: {
        connected: this.#link.connected,
        registered: this.#link.registered,
        server: this.init.backendUrl,
        features: this.#link.features,
        last_error: this.#link.lastError,
        reconnects: this.#link.reconnects,
        ...this.#dispatcher.status(),
      },
    });
  }

  async #selfcheck(id: number, otherPort: number): Promise<void> {
    const { forbidden, runsDir } = this.init;
    const rows = await selfcheck({
      ...forbidden,
      state: dirname(runsDir),
      otherPort,
    });
    scope.postMessage({ t: "selfcheck", id, rows });
  }

  async #drain(id: number, graceMs: number): Promise<void> {
    this.#drained ??= this.#dispatcher.drain(graceMs);
    this.#dispatcher.hurry(graceMs);
    await this.#drained;
    await this.#tasks.settled();
    this.#link.stop();
    scope.postMessage({ t: "drained", id });
  }

  /** While tasks wait, leaves a trace of being alive: the next start asks how long nobody was. */
  #markAlive(): void {
    if (this.#dispatcher.queuedTaskIds.length === 0) return;
    Deno.writeTextFileSync(this.init.aliveFile, "", { mode: 0o600 });
  }

  #purge(): void {
    try {
      this.#store.purge(this.init.journalDays);
    } catch (error) {
      log("warn", "Cannot remove old journals", { error: errorText(error) });
    }
  }
}

function sendToHost(hostId: string, command: HostCommand): void {
  scope.postMessage({
    t: "host.send",
    hostId,
    line: JSON.stringify(command) + "\n",
  });
}

function log(
  level: "debug" | "info" | "warn" | "error",
  message: string,
  fields: Record<string, unknown> = {},
): void {
  scope.postMessage({
    t: "log",
    level,
    message: message.slice(0, 4000),
    fields,
  });
}

let device: DeviceWorker | null = null;
scope.onmessage = (event) => {
  const message = event.data;
  if (message.t === "init") device ??= new DeviceWorker(message.init);
  else device?.handle(message);
};
scope.postMessage({ t: "ready" });
