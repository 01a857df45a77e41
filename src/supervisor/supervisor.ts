/**
 * The supervisor: the daemon's main thread. It holds the rights, so it parses nothing that came from
 * the network; the device worker does that and asks for hosts in small typed requests.
 */
import type { Settings } from "../config/mod.ts";
import type {
  AdoptedHost,
  FromWorker,
  HostStart,
  SelfcheckRow,
  ToWorker,
  WorkerStatus,
} from "../device/mod.ts";
import {
  AppError,
  type DaemonLock,
  ensurePrivateDir,
  EXIT,
  type Logger,
  sendAtOnce,
  takeLock,
  toAppError,
  VERSION,
} from "../platform/mod.ts";
import type { RunExtension } from "../protocol/mod.ts";
import { agentOf, type RuntimeName } from "../runtimes/mod.ts";
import {
  renderWorkerPermissions,
  type SandboxStatus,
  sandboxStatus,
  type Scope,
} from "../scope/mod.ts";
import { type ControlCommand, ControlServer } from "./control.ts";
import { deviceScope } from "./device_scope.ts";
import { Directories, directoriesFile, whereEvent } from "./directories.ts";
import { DeviceWorkerProcess } from "./device_worker.ts";
import { HostManager } from "./hosts.ts";
import { runTaskExtension } from "./extension.ts";
import { LoginKeeper } from "./login_keeper.ts";
import { MemoryWatch } from "./memory_watch.ts";
import { openDirectory } from "./open_directory.ts";
import { planSession } from "./session_plan.ts";
import { type SessionStartFacts, Spares } from "./spares.ts";
import { workerInit } from "./worker_init.ts";

/** How the daemon ended. */
export type DaemonEnd = "stopped" | "restart";

/** What the supervisor is given by the command that starts it. */
export interface SupervisorOptions {
  readonly settings: Settings;
  readonly log: Logger;
  /** Finds (or installs) an agent's CLI; called before each new host. `onNote`: how that comes on. */
  agentBinary(runtime: RuntimeName, onNote: (text: string) => void): Promise<string>;
  /** Reads the configuration again; without it `reload` is refused. */
  reload?(): Promise<Settings>;
  /** Told of every registration. */
  onRegistered?(server: string): void;
  /** Told when the server refuses the credential. */
  onAuthRefused?(message: string): void;
}

const WORKER_ANSWER_MS = 10_000;

/** See the module comment. */
export class Supervisor {
  #settings: Settings;
  readonly #log: Logger;
  #scope: Scope;
  readonly #sandbox: SandboxStatus;
  readonly #hosts: HostManager;
  readonly #directories: Directories;
  readonly #spares: Spares;
  readonly #memory: MemoryWatch;
  readonly #logins: LoginKeeper;
  /** How the live sessions of this daemon were started, by host. */
  readonly #sessions = new Map<string, SessionStartFacts>();
  #toldFacts = "";
  #onceRegistered: () => void = () => {};
  readonly #worker: DeviceWorkerProcess;
  readonly #waiting = new Map<number, (message: FromWorker) => void>();
  readonly #starting = new Map<string, Promise<ToWorker>>();
  readonly #startedAt = Date.now();
  readonly #ended = Promise.withResolvers<DaemonEnd>();
  #nextId = 1;
  #lock: DaemonLock | null = null;
  #control: ControlServer | null = null;
  #prepared: Promise<ToWorker> | null = null;
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
    this.#directories = new Directories(directoriesFile(settings), log);
    this.#hosts = new HostManager(paths.hosts, {
      onData: (hostId, bytes) => this.#worker.send({ t: "host.data", hostId, bytes }),
      onClosed: (hostId) => {
        this.#sessions.delete(hostId);
        this.#spares.closed(hostId);
        this.#worker.send({ t: "host.closed", hostId });
      },
    }, log);
    this.#spares = new Spares(this.#hosts, log);
    this.#logins = new LoginKeeper(log);
    this.#memory = new MemoryWatch({
      available: () => Deno.systemMemoryInfo().available,
      sessions: () => this.#hosts.waiting(),
      retire: ({ hostId, spare }) => {
        log.info("Memory is short: ending a session that waits", { host: hostId, spare });
        this.#hosts.retire(hostId);
      },
    }, { keepFree: settings.agent.keepFreeBytes });
    this.#worker = new DeviceWorkerProcess({
      permissions: () => renderWorkerPermissions(this.#scope),
      init: () => this.#init(),
      onMessage: (message) => this.#onMessage(message),
      log,
    });
  }

  /** Starts the worker and serves until {@link stop} or {@link restart}. */
  async run(): Promise<DaemonEnd> {
    this.#worker.start();
    this.#prepared = this.#prepare();
    // Who asks for it meets the error.
    this.#prepared.catch(() => {});
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
    this.#memory.close();
    this.#worker.stop();
    this.#control.close();
    this.#directories.close();
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

  /** The first message of a new worker; the first worker's was made while it was loading. */
  async #init(): Promise<ToWorker> {
    const prepared = this.#prepared;
    this.#prepared = null;
    if (prepared) return await prepared;
    this.#hosts.release();
    return await this.#prepare();
  }

  async #prepare(): Promise<ToWorker> {
    return {
      t: "init",
      init: workerInit(this.#settings, {
        sandbox: this.#sandbox,
        hosts: await this.#hosts.adopt(),
        workdirs: this.#directories.facts(this.#settings),
      }),
    };
  }

  #onMessage(message: FromWorker): void {
    switch (message.t) {
      case "host.start":
        return void this.#startHost(message).then((answer) => this.#worker.send(answer));
      case "host.spare":
        return void this.#keepSpare(message.like);
      case "host.send":
        return this.#hosts.send(message.hostId, message.line);
      case "host.kill":
        return void this.#hosts.kill(message.hostId);
      case "directory.open":
        return void this.#openDirectory(message.id, message.path);
      case "extension.run":
        return void this.#runExtension(message.id, message.request);
      case "log":
        return this.#log.write(message.level, message.message, message.fields);
      case "registered":
        sendAtOnce();
        this.#registrations++;
        this.#onceRegistered();
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
    const settings = this.#settings;
    const directory = await this.#directories.place(settings, request);
    // After the answer: nobody waits for it.
    setTimeout(() => this.#tellDirectories());
    const started = (host: AdoptedHost): ToWorker => ({
      t: "host.started",
      id: request.id,
      host,
      where: whereEvent(directory),
    });
    const binary = () =>
      this.options.agentBinary(
        request.runtime,
        (text) => this.#worker.send({ t: "host.note", id: request.id, text }),
      );
    if (request.own_login) {
      await this.#logins.keep(settings, agentOf(request.runtime), binary);
    }
    const live = this.#hosts.find(request.task_id, request.key);
    if (live && live.workdir === directory.path) return started(live.hello);
    // A conversation has one directory at a time: the agent of the old one ends first.
    if (live) await this.#hosts.kill(live.hello.hostId);
    const agentBinary = await binary();
    const host = this.#spares.take(settings, request, directory) ??
      await this.#hosts.start(await planSession(settings, request, directory, agentBinary));
    this.#sessions.set(host.hostId, { request, directory, agentBinary });
    return started(host);
  }

  /** A turn has ended well: the next task in its directory shall find an agent waiting. */
  async #keepSpare(like: string): Promise<void> {
    const facts = this.#sessions.get(like);
    if (!facts || this.#stopping) return;
    await this.#spares.keep(
      this.#settings,
      facts,
      (hostId) => this.#worker.send({ t: "spare.started", like, hostId }),
    );
  }

  async #openDirectory(id: number, path: string): Promise<void> {
    let error: string | null = null;
    try {
      const known = this.#directories.paths();
      await openDirectory(this.#settings, path, known);
    } catch (cause) {
      const { message, remedy } = toAppError(cause);
      error = remedy ? `${message}. ${remedy}` : message;
    }
    this.#worker.send({ t: "directory.opened", id, error });
  }

  async #runExtension(id: number, request: RunExtension): Promise<void> {
    let answer: Record<string, unknown>;
    try {
      const workdir = this.#directories.pathOf(request.task_id, this.#settings.deviceId);
      answer = await runTaskExtension(this.#settings, request, workdir);
    } catch (error) {
      const { message, remedy } = toAppError(error);
      answer = { success: false, message: remedy ? `${message}. ${remedy}` : message };
    }
    this.#worker.send({ t: "extension.ended", id, answer });
  }

  /** Tells the worker what has changed, so that a page can offer it. */
  #tellDirectories(): void {
    const facts = this.#directories.facts(this.#settings);
    const text = JSON.stringify(facts);
    if (text === this.#toldFacts || this.#stopping) return;
    this.#toldFacts = text;
    this.#worker.send({ t: "workdirs", facts });
  }

  // Commands ---------------------------------------------------------------------------------------

  async #command(cmd: ControlCommand): Promise<unknown> {
    switch (cmd) {
      case "status":
        return await this.#status();
      case "selfcheck":
        return await this.#selfcheck();
      case "reload":
        return await this.#reload();
      case "stop":
        setTimeout(() => this.stop(), 10);
        return { pid: Deno.pid };
      case "restart":
        setTimeout(() => this.restart(), 10);
        return { pid: Deno.pid };
    }
  }

  /**
   * Takes roots and rights of new sessions from the configuration as it is now. Hosts and their agents
   * keep what they were started with; everything else needs a restart.
   */
  async #reload(): Promise<unknown> {
    if (!this.options.reload) {
      throw new AppError("reload_unsupported", "This device cannot read its configuration again");
    }
    const fresh = await this.options.reload();
    const { allowedRoots, listedRoots, rootsFromEnvironment, projects, sandbox } = fresh;
    this.#settings = {
      ...this.#settings,
      allowedRoots,
      listedRoots,
      rootsFromEnvironment,
      projects,
      sandbox: { ...sandbox, mode: this.#settings.sandbox.mode },
      openDirectory: fresh.openDirectory,
      extensions: fresh.extensions,
      trustedWorkspaces: fresh.trustedWorkspaces,
    };
    const before = this.#scope;
    this.#scope = deviceScope(this.#settings);
    this.#log.info("Configuration read again", { roots: listedRoots.roots });
    // A worker that may do more than it should is replaced; one that may do less is as good as before,
    // and the connection stays.
    const withdrawn = before.write.some((path) => !this.#scope.write.includes(path));
    if (withdrawn) await this.#replaceWorker();
    else this.#tellDirectories();
    return { roots: listedRoots.roots, from_environment: rootsFromEnvironment };
  }

  /** Resolves when the new worker has registered, or not in time. */
  async #replaceWorker(): Promise<void> {
    const registered = new Promise<void>((resolve) => this.#onceRegistered = resolve);
    this.#worker.replace();
    await Promise.race([registered, new Promise((r) => setTimeout(r, WORKER_ANSWER_MS))]);
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
      spares: this.#spares.counts,
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
