/** The hub without its sockets: everything wired together. */
import { AppError, type LogFields, type LogLevel } from "../platform/mod.ts";
import {
  type ModelChoice,
  type TaskModelEvent,
  type TaskWorkdirEvent,
  TO_CHAT,
} from "../protocol/mod.ts";
import { Attachments } from "./attachments.ts";
import { Auth, openVault } from "./auth/mod.ts";
import { blockEvents } from "./block_events.ts";
import { Ingest } from "./ingest.ts";
import { McpServers } from "./mcp_servers.ts";
import { PersonQuestions } from "./questions.ts";
import { Presence, type PresentDevice } from "./presence.ts";
import { type DefaultProviders, Settings } from "./settings.ts";
import { Steering } from "./steering.ts";
import { type DispatchRow, openStore, type Store } from "./store/mod.ts";
import { DEFAULT_TIMINGS, type HubTimings } from "./timings.ts";
import { turnRequest } from "./turn_request.ts";
import { type Audience, Turns } from "./turns.ts";
import { Views } from "./views.ts";

/** How a hub runs. */
export interface CoreOptions {
  /** Exists and belongs to the hub. */
  readonly dataDir: string;
  /** Loopback address the hub listens on. */
  readonly host: string;
  readonly port: number;
  /** Who answers users who have not chosen, by agent. */
  readonly providers: DefaultProviders;
  readonly timings?: Partial<HubTimings>;
  log(level: LogLevel, message: string, fields?: LogFields): void;
}

/** The parts of a running hub. */
export class HubCore {
  readonly store: Store;
  readonly auth: Auth;
  readonly settings: Settings;
  readonly mcpServers: McpServers;
  readonly attachments: Attachments;
  readonly presence: Presence;
  readonly ingest: Ingest;
  readonly turns: Turns;
  readonly questions: PersonQuestions;
  readonly steering: Steering;
  readonly views: Views;
  readonly timings: HubTimings;
  readonly port: number;
  /** Set by the sockets; until then nobody listens. */
  audience: Audience = { toUser: () => {}, toTask: () => {} };
  /** No new connections are taken any more. */
  draining = false;

  constructor(private readonly options: CoreOptions) {
    this.timings = { ...DEFAULT_TIMINGS, ...options.timings };
    this.port = options.port;
    const vault = openVault(options.dataDir);
    this.store = openStore(options.dataDir);
    this.auth = new Auth(this.store.users, vault);
    this.settings = new Settings(this.store.settings, vault, options.providers);
    this.mcpServers = new McpServers(this.store.mcpServers, vault);
    this.attachments = new Attachments(
      this.store,
      options.dataDir,
      (fault) => this.log("warn", fault),
    );
    this.presence = new Presence(this.timings, {
      lost: (device) => this.#lost(device),
      gone: (device, silent) => this.#gone(device, silent),
    });
    const parts = {
      store: this.store,
      presence: this.presence,
      audience: {
        toUser: (...args: Parameters<Audience["toUser"]>) => this.audience.toUser(...args),
        toTask: (...args: Parameters<Audience["toTask"]>) => this.audience.toTask(...args),
      },
      timings: this.timings,
      ingest: () => this.ingest,
    };
    this.questions = new PersonQuestions(parts);
    this.steering = new Steering({ ...parts, log: (message) => this.log("warn", message) });
    this.turns = new Turns({
      ...parts,
      attachments: this.attachments,
      request: (dispatch) => turnRequest(this, dispatch),
      slotsChanged: (...args) => this.slotsChanged(...args),
      directoryChanged: (dispatch) => this.#directoryChanged(dispatch),
      log: (message) => this.log("warn", message),
    });
    this.ingest = new Ingest(this.store, {
      changed: (dispatch, transcript, changes) => {
        for (const [name, payload] of blockEvents(dispatch, transcript, changes)) {
          this.audience.toTask(dispatch.task_id, name, payload);
        }
      },
      passed: (dispatch, _event, data) =>
        this.audience.toTask(dispatch.task_id, TO_CHAT.statusUpdated, {
          task_id: dispatch.task_id,
          subtask_id: dispatch.subtask_id,
          ...(data as object),
        }),
      directory: (dispatch) => this.#directoryChanged(dispatch),
      waiting: (dispatch, waiting) => this.questions.waiting(dispatch, waiting),
      inputsRead: (dispatch) => this.steering.read(dispatch),
      settled: (dispatch, transcript, end) => {
        this.turns.settled(dispatch, end, transcript.textUnits);
        this.steering.settled(dispatch);
      },
      deviceEnded: (dispatch) => this.turns.deviceEnded(dispatch),
      fault: (message) => this.log("error", message),
    });
    this.views = new Views(this.store, this.presence, this.ingest);
    this.#expectDevices();
  }

  /** The hub's address, without a trailing slash. */
  get url(): string {
    return `http://${this.options.host}:${this.port}`;
  }

  log(level: LogLevel, message: string, fields?: LogFields): void {
    this.options.log(level, message, fields);
  }

  /** True while anybody's answers come from the demo model. */
  demoInUse(): boolean {
    return this.settings.demoInUse();
  }

  /** Makes an API key for the user named `name`. @throws {AppError} `not_found`. */
  createApiKey(name: string, keyName: string): string {
    const user = this.store.users.byName(name);
    if (!user) throw new AppError("not_found", `User "${name}" not found`);
    return this.auth.createKey(user.id, keyName, null).key;
  }

  /** A link that signs the administrator in, once. */
  issueLoginLink(): string {
    const admin = this.store.users.admin();
    if (!admin) throw new AppError("not_found", "There is no administrator");
    return `${this.url}/#login=${this.auth.issueLink(admin.id)}`;
  }

  slotsChanged(userId: number, deviceId: string): void {
    const row = this.store.devices.get(userId, deviceId);
    if (!row) return;
    const { slot_used, slot_max, running_tasks, queued_task_ids, status } = this
      .views.device(row);
    this.audience.toUser(userId, TO_CHAT.slotUpdate, {
      device_id: deviceId,
      slot_used,
      slot_max,
      running_tasks,
      queued_task_ids,
      status,
    });
  }

  close(): void {
    this.turns.close();
    this.steering.close();
    this.presence.close();
    this.attachments.close();
    this.ingest.close();
    this.store.db.close();
  }

  /** After a restart of the hub its devices are expected back like after a lost connection. */
  #expectDevices(): void {
    const seen = new Set<string>();
    for (const dispatch of this.store.dispatches.open()) {
      const key = `${dispatch.user_id}:${dispatch.device_id}`;
      if (seen.has(key)) continue;
      seen.add(key);
      this.presence.expect(
        this.presence.absent(dispatch.user_id, dispatch.device_id),
      );
    }
  }

  /** A device has registered: its owner's pages learn it. */
  announce(device: PresentDevice): void {
    const row = this.store.devices.get(device.userId, device.deviceId);
    this.audience.toUser(device.userId, TO_CHAT.deviceOnline, {
      device_id: device.deviceId,
      name: row?.alias ?? row?.name ?? device.deviceId,
      status: "online",
    });
  }

  /** Tells the pages that show the task which model it has from now on. */
  tellModel(task_id: number, { model, effort }: ModelChoice): void {
    const event: TaskModelEvent = { task_id, model, effort };
    this.audience.toTask(task_id, TO_CHAT.taskModel, event);
  }

  #directoryChanged({ task_id, device_id }: DispatchRow): void {
    const workdir = this.views.directory(task_id, device_id);
    const event: TaskWorkdirEvent = { task_id, device_id, workdir };
    this.audience.toTask(task_id, TO_CHAT.taskWorkdir, event);
  }

  #lost(device: PresentDevice): void {
    if (device.left) {
      this.audience.toUser(device.userId, TO_CHAT.deviceOffline, {
        device_id: device.deviceId,
      });
    } else {
      this.audience.toUser(device.userId, TO_CHAT.deviceStatus, {
        device_id: device.deviceId,
        status: "reconnecting",
      });
    }
  }

  #gone(device: PresentDevice, silent: boolean): void {
    this.turns.reconciler.gone(device, silent);
    this.audience.toUser(device.userId, TO_CHAT.deviceOffline, {
      device_id: device.deviceId,
    });
  }
}
