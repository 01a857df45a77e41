/**
 * The supervisor: the daemon's main thread. It holds the rights, so it parses nothing that came from
 * the network; the device worker does that and asks for hosts in small typed requests.
 */
import type { Settings } from "../config/mod.ts";
import type { FromWorker, HostStart, SelfcheckRow, ToWorker, WorkerStatus } from "../device/mod.ts";
import {
  AppError,
  type DaemonLock,
  ensurePrivateDir,
  EXIT,
  type Logger,
  sendAtOnce,
  takeLock,
  toAppError,
  trustedCertificates,
  VERSION,
} from "../platform/mod.ts";
import { join } from "../platform/std/path.ts";
import {
  renderWorkerPermissions,
  type SandboxStatus,
  sandboxStatus,
  type Scope,
} from "../scope/mod.ts";
import { resolveWorkdir } from "../workdir/mod.ts";
import { type ControlCommand, ControlServer } from "./control.ts";
import { deviceScope, serverProxy } from "./device_scope.ts";
import { DeviceWorkerProcess } from "./device_worker.ts";
import { HostManager } from "./hosts.ts";
import { planSession } from "./session_plan.ts";

/** How the daemon ended. */
export type DaemonEnd = "stopped" | "restart";

/** What the supervisor is given by the command that starts it. */
export interface SupervisorOptions {
  readonly settings: Settings;
  readonly log: Logger;
  /** Finds (or installs) the agent's CLI; called before each new host. */
  agentBinary(): Promise<string>;
  /** Told of every registration. */
  onRegistered?(server: string): void;
  /** Told when the server refuses the credential. */
  onAuthRefused?(message: string): void;
}

const WORKER_ANSWER_MS = 10_000;

/** See the module comment. */
export class Supervisor {
  readonly #settings: Settings;
  readonly #log: Logger;
  readonly #scope: Scope;
  readonly #sandbox: SandboxStatus;
  readonly #hosts: HostManager;
  readonly #worker: DeviceWorkerProcess;
  readonly #waiting = new Map<number, (message: FromWorker) => void>();
  readonly #starting = new Map<string, Promise<ToWorker>>();
  readonly #startedAt = Date.now();
  readonly #ended = Promise.withResolvers<DaemonEnd>();
  #nextId = 1;
  #lock: DaemonLock | null = null;
  #control: ControlServer | null = null;
  #adopted: ReturnType<HostManager["adopt"]> | null = null;
  #stopping = false;
  #registrations = 0;

  constructor(private readonly options: SupervisorOptions) {
    const { settings, log } = options;
    this.#settings = settings;
    this.#log = log;
    const { paths } = settings;
    for (
      const dir of [
        paths.home,
        paths.run,
        paths.state,
        paths.runs,
        paths.sessions,
      ]
    ) {
      ensurePrivateDir(dir);
    }
    this.#lock = takeLock(paths.lock);
    try {
      this.#sandbox = sandboxStatus(settings.sandbox.mode);
      if (!this.#sandbox.mayRun) {
        throw new AppError(
          "sandbox_missing",
          `Cannot run without a sandbox: ${this.#sandbox.reason}`,
          {
            exitCode: EXIT.config,
            remedy: 'Set "sandbox.mode" to "workdir" to run without one where there is none',
          },
        );
      }
      Deno.mkdirSync(settings.workspaceRoot, { recursive: true, mode: 0o700 });
      this.#scope = deviceScope(settings);
    } catch (error) {
      this.#lock.release();
      throw error;
    }
    this.#hosts = new HostManager(paths.hosts, {
      onData: (hostId, bytes) => this.#worker.send({ t: "host.data", hostId, bytes }),
      onClosed: (hostId) => this.#worker.send({ t: "host.closed", hostId }),
    }, log);
    this.#worker = new DeviceWorkerProcess({
      permissions: renderWorkerPermissions(this.#scope),
      init: () => this.#init(),
      onMessage: (message) => this.#onMessage(message),
      log,
    });
  }

  /** Starts the worker and serves until {@link stop} or {@link restart}. */
  async run(): Promise<DaemonEnd> {
    this.#worker.start();
    this.#adopted = this.#hosts.adopt();
    this.#control = await ControlServer.open(
      this.#settings.paths.run,
      (cmd) => this.#command(cmd),
      (message) => this.#log.debug("Control connection", { message }),
    );
    if (!this.#sandbox.active) {
      this.#log.warn("Agents run without a sandbox", {
        reason: this.#sandbox.reason,
      });
    }
    this.#log.info("Started", {
      version: VERSION,
      pid: Deno.pid,
      device: this.#settings.deviceId,
    });
    const end = await this.#ended.promise;
    this.#worker.stop();
    this.#control.close();
    this.#lock?.release();
    return end;
  }

  /** Ends everything; a second call shortens the grace of the first. */
  async stop(graceMs = this.#settings.shutdownMs): Promise<void> {
    const id = this.#nextId++;
    const drained = this.#answer(id, graceMs + 10_000).catch((error) => {
      this.#log.warn("The device worker did not finish in time", { error });
    });
    this.#worker.send({
      t: "drain",
      id,
      graceMs: this.#stopping ? 0 : graceMs,
    });
    if (this.#stopping) return;
    this.#stopping = true;
    this.#log.info("Stopping", { grace_ms: graceMs });
    await drained;
    await this.#hosts.endAll(2000);
    this.#log.info("Stopped");
    this.#ended.resolve("stopped");
  }

  /** Lets go of everything without ending a host; the caller replaces the process. */
  restart(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#log.info("Restarting");
    this.#hosts.release();
    this.#ended.resolve("restart");
  }

  // Worker -----------------------------------------------------------------------------------------

  async #init(): Promise<ToWorker> {
    const { paths, backendUrl, ...settings } = this.#settings;
    const secure = /^(https|wss):/.test(backendUrl);
    return {
      t: "init",
      init: {
        backendUrl,
        authToken: settings.authToken,
        deviceId: settings.deviceId,
        deviceName: settings.deviceName,
        deviceType: settings.deviceType,
        bindShell: settings.bindShell,
        version: VERSION,
        slots: settings.slots,
        heartbeatMs: settings.heartbeatMs,
        reconnect: settings.reconnect,
        journalDays: settings.journalDays,
        runsDir: paths.runs,
        doneDir: paths.done,
        aliveFile: join(paths.state, "alive"),
        awayMs: awayFor(join(paths.state, "alive")),
        sandbox: this.#sandbox.active ? `landlock ${this.#sandbox.abi}` : "none",
        proxyUrl: serverProxy(this.#settings),
        caCerts: secure ? trustedCertificates(Deno.env.toObject()) : [],
        hosts: await this.#adoptedOnce(),
        forbidden: { config: settings.configFile, home: settings.userHome },
      },
    };
  }

  /** Hosts for a worker's first message: those found at start, or all live ones after a worker died. */
  async #adoptedOnce(): ReturnType<HostManager["adopt"]> {
    const adopted = this.#adopted;
    this.#adopted = null;
    if (adopted) return await adopted;
    this.#hosts.release();
    return await this.#hosts.adopt();
  }

  #onMessage(message: FromWorker): void {
    switch (message.t) {
      case "host.start":
        return void this.#startHost(message).then((answer) => this.#worker.send(answer));
      case "host.send":
        return this.#hosts.send(message.hostId, message.line);
      case "host.kill":
        return void this.#hosts.kill(message.hostId);
      case "log":
        return this.#log.write(message.level, message.message, message.fields);
      case "registered":
        sendAtOnce();
        this.#registrations++;
        this.#log.info("Registered", { server: message.server });
        return this.options.onRegistered?.(message.server);
      case "auth_refused":
        this.#log.error("The server refuses the credential", {
          message: message.message,
        });
        return this.options.onAuthRefused?.(message.message);
      case "status":
      case "selfcheck":
      case "drained":
        this.#waiting.get(message.id)?.(message);
        this.#waiting.delete(message.id);
    }
  }

  async #answer(id: number, ms = WORKER_ANSWER_MS): Promise<FromWorker> {
    return await new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(
          new AppError("worker_silent", "The device worker does not answer"),
        );
      }, ms);
      this.#waiting.set(id, (message) => {
        clearTimeout(timer);
        resolve(message);
      });
    });
  }

  // Hosts ------------------------------------------------------------------------------------------

  /** Answers a host request; requests for one session that overlap get the same host. */
  async #startHost(request: HostStart): Promise<ToWorker> {
    const session = `${request.task_id}-${request.key}`;
    const pending = this.#starting.get(session);
    if (pending) return { ...await pending, id: request.id } as ToWorker;
    const start = this.#resolveHost(request).catch((error): ToWorker => ({
      t: "host.failed",
      id: request.id,
      error: toAppError(error, "host_start_failed").toJSON(),
    })).finally(() => this.#starting.delete(session));
    this.#starting.set(session, start);
    return await start;
  }

  async #resolveHost(request: HostStart): Promise<ToWorker> {
    const { settings } = this.options;
    const resolved = resolveWorkdir({
      taskId: request.task_id,
      workdir: request.workdir,
      policy: request.workdir_policy,
    }, settings);
    const live = this.#hosts.find(request.task_id, request.key);
    if (live && live.workdir === resolved.path) {
      return {
        t: "host.started",
        id: request.id,
        host: live.hello,
        workdir: live.workdir,
        notice: resolved.notice,
      };
    }
    if (live) await this.#hosts.kill(live.hello.hostId);
    const host = await this.#hosts.start(
      await planSession(
        settings,
        settings.paths.hosts,
        request,
        resolved.path,
        await this.options.agentBinary(),
      ),
    );
    return {
      t: "host.started",
      id: request.id,
      host,
      workdir: resolved.path,
      notice: resolved.notice,
    };
  }

  // Commands ---------------------------------------------------------------------------------------

  async #command(cmd: ControlCommand): Promise<unknown> {
    switch (cmd) {
      case "status":
        return await this.#status();
      case "selfcheck":
        return await this.#selfcheck();
      case "stop":
        setTimeout(() => this.stop(), 10);
        return { pid: Deno.pid };
      case "restart":
        setTimeout(() => this.restart(), 10);
        return { pid: Deno.pid };
    }
  }

  async #status(): Promise<Record<string, unknown>> {
    const id = this.#nextId++;
    this.#worker.send({ t: "status", id });
    let worker: WorkerStatus | null = null;
    let workerError: string | null = null;
    try {
      const answer = await this.#answer(id, 3000);
      if (answer.t === "status") worker = answer.status;
    } catch (error) {
      workerError = toAppError(error).message;
    }
    return {
      version: VERSION,
      pid: Deno.pid,
      uptime_seconds: Math.round((Date.now() - this.#startedAt) / 1000),
      home: this.#settings.paths.home,
      device: {
        id: this.#settings.deviceId,
        name: this.#settings.deviceName,
        type: this.#settings.deviceType,
      },
      server: this.#settings.backendUrl,
      registrations: this.#registrations,
      worker,
      worker_error: workerError,
      worker_restarts: this.#worker.restarts,
      hosts: this.#hosts.list(),
      sandbox: this.#sandbox,
      stopping: this.#stopping,
    };
  }

  async #selfcheck(): Promise<SelfcheckRow[]> {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    try {
      const id = this.#nextId++;
      this.#worker.send({
        t: "selfcheck",
        id,
        otherPort: (listener.addr as Deno.NetAddr).port,
      });
      const answer = await this.#answer(id);
      return answer.t === "selfcheck" ? answer.rows : [];
    } finally {
      listener.close();
    }
  }
}

/** Milliseconds since the previous daemon was last seen with waiting tasks; a lot when it never was. */
function awayFor(aliveFile: string): number {
  try {
    const seen = Deno.statSync(aliveFile).mtime?.getTime();
    return seen === undefined ? Number.MAX_SAFE_INTEGER : Date.now() - seen;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return Number.MAX_SAFE_INTEGER;
    throw error;
  }
}
