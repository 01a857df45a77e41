/** `runtime:rpc`: the methods over the sessions of this device. Every call gets one answer. */
import { AppError, errorText } from "../../platform/mod.ts";
import { isAbsolute, join, normalize } from "../../platform/std/path.ts";
import {
  createPayload,
  type ExecuteRequest,
  executeRequest,
  FORK_METHODS,
  listPayload,
  type LocalEnvelope,
  type LocalTask,
  messageSource,
  parsePayload,
  RPC_METHODS,
  rpcCall,
  type RpcErrorCode,
  type RpcMethod,
  sendPayload,
  TASK_RUNTIMES,
  taskAddress,
  type TaskMessage,
  type TaskRuntime,
} from "../../protocol/mod.ts";
import { type Agent, AGENTS } from "../../runtimes/mod.ts";
import { hostRequest } from "../host_request.ts";
import { fitMessages, fitTasks } from "./fit.ts";
import { gitInfo } from "./git_info.ts";
import { type LocalTasks, taskRuntime, titleOf } from "./local_tasks.ts";
import type { TaskRow, TurnRow } from "./task_store.ts";

/** Tasks of one list. */
const MAX_LISTED = 500;
/** Servers give tasks of their own from 10^13 on; turns this device adds to other tasks lie above them. */
const SYNTHETIC = 10 ** 13;
const OWN_SUBTASKS = 2 * 10 ** 13;

type Payload = Readonly<Record<string, unknown>>;
type Reply = Record<string, unknown>;

/** What the methods need of the worker. */
export interface RuntimeRpcSeam {
  readonly tasks: LocalTasks;
  /** The owner's home and the parent of managed directories, for paths that begin there. */
  places(): { readonly home: string; readonly workspaceRoot: string };
  /** False while the device shuts down. */
  accepting(): boolean;
  /** Takes a turn; false when its subtask is here already. */
  submit(request: ExecuteRequest, local: LocalEnvelope): boolean;
  cancel(ids: { task_id: number; subtask_id: number }): void;
}

/** A refusal with its code on this wire. */
class Refusal extends Error {
  constructor(readonly code: RpcErrorCode, message: string) {
    super(message);
  }
}

/** See the module comment. */
export class RuntimeRpc {
  readonly #methods: Record<RpcMethod, (payload: Payload) => Reply | Promise<Reply>> = {
    "runtime.tasks.list": (payload) => this.#list(payload),
    "runtime.tasks.transcript": (payload) => this.#transcript(payload),
    "runtime.tasks.create": (payload) => this.#create(payload),
    "runtime.tasks.send": (payload) => this.#send(payload),
    "runtime.tasks.archive": (payload) => this.#archive(payload),
    "runtime.tasks.status": (payload) => ({ task: this.#view(this.#address(payload)) }),
    "runtime.tasks.cancel": (payload) => this.#cancel(payload),
  };

  constructor(private readonly seam: RuntimeRpcSeam) {}

  /** Answers one call; never rejects. */
  async answer(call: unknown): Promise<Reply> {
    try {
      const parsed = rpcCall.safeParse(call);
      if (!parsed.success) throw new Refusal("bad_request", "method and payload are required");
      const { method, payload } = parsed.data;
      const known = RPC_METHODS.find((name) => name === method);
      if (!known) throw unknownMethod(method);
      return { success: true, ...await this.#methods[known](payload ?? {}) };
    } catch (error) {
      const code = error instanceof Refusal ? error.code : "internal_error";
      return { success: false, error: errorText(error) || "internal error", code };
    }
  }

  #list(payload: Payload): Reply {
    const { workspacePath, includeArchived } = listPayload.parse(payload);
    const wanted = workspacePath?.trim() ? this.#path(workspacePath) : null;
    const rows = this.seam.tasks.store.list(includeArchived === true, MAX_LISTED)
      .filter((row) => wanted === null || isAt(row, wanted));
    const git = new Map<string, LocalTask["gitInfo"]>();
    const tasks = fitTasks(rows.map((row) => {
      if (!git.has(row.path)) git.set(row.path, gitInfo(row.path));
      return this.#view(row, git.get(row.path));
    }));
    const workspaces = Map.groupBy(tasks, (task) => task.workspacePath);
    return {
      workspaces: [...workspaces].map(([workspacePath, localTasks]) => ({
        workspacePath,
        localTasks,
      })),
    };
  }

  async #transcript(payload: Payload): Promise<Reply> {
    const task = this.#address(payload);
    const messages: TaskMessage[] = [];
    for (const turn of await this.seam.tasks.turns(task.localId)) {
      messages.push(...messagesOf(task.localId, turn));
    }
    return {
      localTaskId: task.localId,
      workspacePath: task.path,
      runtime: task.runtime,
      title: task.title,
      messages: fitMessages(task.localId, messages),
    };
  }

  #create(payload: Payload): Reply {
    const wanted = createPayload.parse(payload);
    const runtime = TASK_RUNTIMES.find((name) => name === wanted.runtime);
    if (!runtime) {
      throw new Refusal("unsupported_runtime", `Unsupported runtime: ${wanted.runtime ?? ""}`);
    }
    if (!wanted.workspacePath?.trim()) throw required("workspacePath");
    if (!wanted.message?.trim()) throw required("message");
    if (!wanted.executionRequest) throw required("executionRequest");
    this.#requireAccepting();
    const path = this.#path(wanted.workspacePath);
    const request = newRequest(wanted.executionRequest, runtime, wanted.message, path);
    const { store } = this.seam.tasks;
    const { key } = hostRequest(request);
    const localId = localIdOf(wanted.localTaskId, runtime);
    if (store.get(localId) || store.find(request.task_id, key)) {
      throw new Refusal("bad_request", `Local task already exists: ${localId}`);
    }
    const now = Date.now();
    store.add({
      localId,
      taskId: request.task_id,
      session: key,
      runtime,
      path,
      askedPath: path,
      title: titleOf(wanted.title ?? "", wanted.message),
      createdAt: now,
      updatedAt: now,
      archived: false,
    });
    this.#submit(request, { local_task_id: localId, runtime });
    return { accepted: true, localTaskId: localId, workspacePath: path, runtime };
  }

  #send(payload: Payload): Reply {
    const { message, content, source } = sendPayload.parse(payload);
    const text = message?.trim() ? message : content;
    const task = this.#address(payload);
    if (!text?.trim()) throw required("message");
    this.#requireAccepting();
    const { localId, runtime, path } = task;
    if (this.seam.tasks.active(localId)) {
      throw new Refusal("bad_request", "runtime task is already running");
    }
    const kept = this.seam.tasks.request(localId);
    if (!kept) {
      throw new Refusal(
        "bad_request",
        "The settings of this task are not kept on the device any more; start a new one",
      );
    }
    const last = this.seam.tasks.store.lastSubtask(localId);
    const subtask_id = last > SYNTHETIC ? last + 1 : OWN_SUBTASKS + Date.now();
    this.#submit({ ...kept, subtask_id, prompt: text, new_session: false }, {
      local_task_id: localId,
      runtime,
      ...(source && { source }),
    });
    return { accepted: true, localTaskId: localId, workspacePath: path, runtime };
  }

  #archive(payload: Payload): Reply {
    const task = this.#address(payload);
    this.seam.tasks.store.setArchived(task.localId, true);
    if (!task.archived) this.seam.tasks.tell(task.localId);
    return { accepted: true, localTaskId: task.localId, workspacePath: task.path };
  }

  #cancel(payload: Payload): Reply {
    const task = this.#address(payload);
    const run = this.seam.tasks.active(task.localId);
    if (!run) throw new Refusal("bad_request", "runtime task is not running");
    this.seam.cancel({ task_id: run.taskId, subtask_id: run.subtaskId });
    return { accepted: true, localTaskId: task.localId, workspacePath: task.path };
  }

  /** The task a payload names. @throws {Refusal} When it names none. */
  #address(payload: Payload): TaskRow {
    const { localTaskId, workspacePath } = taskAddress.parse(payload);
    if (!localTaskId) throw required("localTaskId");
    const task = this.seam.tasks.store.get(localTaskId);
    const elsewhere = task && workspacePath?.trim() && !isAt(task, this.#path(workspacePath));
    if (!task || elsewhere) {
      throw new Refusal("not_found", `Local task not found: ${localTaskId}`);
    }
    return task;
  }

  #view(row: TaskRow, git = gitInfo(row.path)): LocalTask {
    return {
      localTaskId: row.localId,
      workspacePath: row.path,
      title: row.title,
      runtime: row.runtime,
      createdAt: isoOf(row.createdAt),
      updatedAt: isoOf(row.updatedAt),
      running: this.seam.tasks.active(row.localId) !== null,
      status: row.archived ? "archived" : "active",
      parent: null,
      children: [],
      ...(git && { gitInfo: git }),
    };
  }

  #submit(request: ExecuteRequest, local: LocalEnvelope): void {
    if (this.seam.submit(request, local)) return;
    throw new Refusal("bad_request", "runtime task is already running");
  }

  #requireAccepting(): void {
    if (!this.seam.accepting()) throw new Refusal("internal_error", "The device is shutting down");
  }

  /** An absolute path without detours; links are the supervisor's to resolve. */
  #path(given: string): string {
    const { home, workspaceRoot } = this.seam.places();
    const text = given.trim();
    const path = /^~(?=[/\\]|$)/.test(text) ? join(home, text.slice(1)) : text;
    const whole = normalize(isAbsolute(path) ? path : join(workspaceRoot, path));
    return whole.length > 1 ? whole.replace(/[/\\]+$/, "") : whole;
  }
}

function unknownMethod(method: string): Refusal {
  const text = `Unsupported runtime RPC method: ${method}`;
  // Known names, which no agent here implements.
  return new Refusal(FORK_METHODS.has(method) ? "unsupported_runtime" : "runtime_error", text);
}

function required(name: string): Refusal {
  return new Refusal("bad_request", `${name} is required`);
}

function isAt({ path, askedPath }: TaskRow, wanted: string): boolean {
  return path === wanted || askedPath === wanted;
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}

/** The id a server gave, or a fresh one. */
function localIdOf(given: string | null | undefined, runtime: TaskRuntime): string {
  const id = given?.trim();
  if (id) return id;
  return `${agentOfTask(runtime).wire.localIdPrefix}-${crypto.randomUUID()}`;
}

/** The request of a new task as the device runs it. @throws {Refusal} */
function newRequest(
  given: Payload,
  runtime: TaskRuntime,
  message: string,
  path: string,
): ExecuteRequest {
  let request: ExecuteRequest;
  try {
    request = parsePayload(
      executeRequest,
      {
        ...given,
        prompt: message,
        workspace_source: "local_path",
        project_workspace_path: path,
        workdir: null,
        workdir_policy: null,
        new_session: true,
      },
      "executionRequest",
    );
  } catch (error) {
    if (error instanceof AppError) throw new Refusal("bad_request", error.message);
    throw error;
  }
  if (taskRuntime(request) === runtime) return request;
  const agent = agentOfTask(runtime);
  const model_config = agent.claim(request.model_config ?? {});
  if (model_config) return { ...request, model_config };
  throw new Refusal(
    "unsupported_runtime",
    `The model of this request is not one of ${agent.label}`,
  );
}

function agentOfTask(runtime: TaskRuntime): Agent {
  const found = AGENTS.find(({ wire }) => wire.taskRuntime === runtime);
  if (!found) throw new Refusal("unsupported_runtime", `There is no runtime "${runtime}" here`);
  return found;
}

/** What was said and what came of it. */
function messagesOf(localId: string, turn: TurnRow): TaskMessage[] {
  const createdAt = isoOf(turn.at);
  const source = messageSource.safeParse(turn.source && JSON.parse(turn.source));
  const blocks = JSON.parse(turn.blocks) as NonNullable<TaskMessage["blocks"]>;
  return [{
    id: `${localId}:user:${turn.subtaskId}`,
    role: "user",
    content: turn.text,
    status: "done",
    createdAt,
    subtaskId: turn.subtaskId,
    ...(turn.attachments && { attachments: JSON.parse(turn.attachments) }),
    ...(source.success && { source: source.data }),
  }, {
    id: `${localId}:assistant:${turn.subtaskId}`,
    role: "assistant",
    content: turn.content,
    status: turn.status,
    createdAt,
    subtaskId: turn.subtaskId,
    ...(blocks.length > 0 && { blocks }),
  }];
}
