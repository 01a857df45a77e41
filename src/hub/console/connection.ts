/** The page's socket: requests to the hub, and its events, drawn at the page's own pace. */
import { io as untypedIo } from "socket.io-client/browser";
import type { io as typedIo, Socket } from "socket.io-client";
import {
  type BlockUpdate,
  type BlockView,
  type ChatChunk,
  type ChatInputEvent,
  type DeviceInfo,
  type JoinAck,
  type SubtaskView,
  type TaskModelEvent,
  type TaskPermissionEvent,
  type TaskView,
  type TaskWorkdirEvent,
} from "../../protocol/mod.ts";
import { storedToken } from "./api.ts";
import {
  type Applied,
  applyBlockCreated,
  applyBlockUpdated,
  applyChunk,
  applyEnd,
  applyInputs,
  applyModel,
  applyPermission,
  applyStart,
  applyStatus,
  applyWorkdir,
  type Conversation,
  fromJoin,
  GAP,
} from "./conversation.ts";
import { errorText, notify, refresh, refreshDevices, refreshTasks } from "./data.ts";
import { getState, setState } from "./state.ts";

/** The library's browser build has no types of its own. */
const io: typeof typedIo = untypedIo;

const ACK_MS = 10_000;
/** Wait before a refused connection is tried again, in milliseconds. */
const RETRY_MS = 2000;

let socket: Socket | null = null;
/** Events of the conversation that were not drawn yet; one drawing takes them all. */
let pending: ((conversation: Conversation) => Applied)[] = [];
let drawing = false;

/** Opens the socket; `expired` is called when the hub does not know the sign-in any more. */
export function connect(expired: () => void): void {
  socket?.disconnect();
  const opened = io("/chat", {
    transports: ["websocket"],
    auth: (give) => give({ token: storedToken() ?? "" }),
    reconnectionDelay: 500,
    reconnectionDelayMax: 5000,
  });
  socket = opened;
  opened.on("connect", () => {
    setState({ connection: "online" });
    void refresh();
    const { taskId } = getState();
    if (taskId !== null) void join(taskId);
  });
  opened.on("disconnect", () => setState({ connection: "lost" }));
  opened.on("connect_error", (error) => {
    setState({ connection: "lost" });
    if (/invalid or expired token/i.test(error.message)) {
      return expired();
    }
    // The library tries again by itself except when the hub itself said no.
    if (!opened.active) setTimeout(() => socket === opened && opened.connect(), RETRY_MS);
  });
  opened.on("auth:error", () => expired());
  listen(opened);
}

/** Closes the socket and forgets what was not drawn. */
export function disconnect(): void {
  socket?.disconnect();
  socket = null;
  pending = [];
}

/** Stops watching the conversation on display. */
export function leave(): void {
  const { taskId } = getState();
  pending = [];
  if (taskId !== null && socket?.connected) socket.emit("task:leave", { task_id: taskId });
}

function listen(opened: Socket): void {
  for (const name of ["device:online", "device:offline", "device:status"]) {
    opened.on(name, () => void refreshDevices());
  }
  opened.on("device:slot_update", (update: Partial<DeviceInfo>) => {
    setState({
      devices: getState().devices.map((d) =>
        d.device_id === update.device_id ? { ...d, ...update } : d
      ),
    });
  });
  opened.on("task:created", () => void refreshTasks());
  opened.on("task:status", (event: StatusEvent) => {
    const { tasks } = getState();
    const known = tasks.some((t) => t.task_id === event.task_id);
    if (!known) void refreshTasks();
    else {
      setState({
        tasks: tasks.map((t) => t.task_id === event.task_id ? withStatus(t, event) : t),
      });
    }
    queue(event, (c) => applyStatus(c, event));
  });
  opened.on("task:workdir", (e: TaskWorkdirEvent) => queue(e, (c) => applyWorkdir(c, e)));
  opened.on(
    "task:permission_mode",
    (e: TaskPermissionEvent) => queue(e, (c) => applyPermission(c, e)),
  );
  opened.on("task:model", (e: TaskModelEvent) => queue(e, (c) => applyModel(c, e)));
  opened.on("chat:input", (e: ChatInputEvent) => queue(e, (c) => applyInputs(c, e)));
  opened.on("chat:start", (e: StartEvent) => queue(e, (c) => applyStart(c, e)));
  opened.on("chat:message", (e: SubtaskView) => queue(e, () => GAP));
  opened.on("chat:chunk", (e: ChatChunk) => queue(e, (c) => applyChunk(c, e)));
  opened.on("chat:block_created", (e: CreatedEvent) => queue(e, (c) => applyBlockCreated(c, e)));
  opened.on("chat:block_updated", (e: BlockUpdate) => queue(e, (c) => applyBlockUpdated(c, e)));
  opened.on(
    "chat:done",
    (e: DoneEvent) =>
      queue(e, (c) => applyEnd(c, e.subtask_id, { status: "COMPLETED", content: e.result.value })),
  );
  opened.on(
    "chat:cancelled",
    (e: TurnEvent) => queue(e, (c) => applyEnd(c, e.subtask_id, { status: "CANCELLED" })),
  );
  opened.on(
    "chat:error",
    (e: ErrorEvent) =>
      queue(e, (c) =>
        applyEnd(c, e.subtask_id, {
          status: "FAILED",
          error: e.error,
          error_code: e.type ?? null,
        })),
  );
}

interface TurnEvent {
  task_id: number;
  subtask_id: number;
}
interface StatusEvent {
  task_id: number;
  subtask_id?: number;
  status: SubtaskView["status"];
  cancelling?: boolean;
  waiting?: boolean;
}
type StartEvent = TurnEvent & { attempt: number; device_id: string };
type CreatedEvent = TurnEvent & { block: BlockView };
type DoneEvent = TurnEvent & { result: { value: string } };
type ErrorEvent = TurnEvent & { error: string; type?: string };

function withStatus(task: TaskView, { status, waiting }: StatusEvent): TaskView {
  return { ...task, status, waiting: waiting ?? task.waiting };
}

/** Events before the state was loaded are part of it already: the hub keeps their order. */
function queue(event: { task_id: number }, apply: (c: Conversation) => Applied): void {
  const { taskId, conversation } = getState();
  if (event.task_id !== taskId || !conversation) return;
  pending.push(apply);
  if (drawing) return;
  drawing = true;
  // A hidden page gets no animation frames; the timer keeps it going.
  const timer = setTimeout(draw, 250);
  const frame = requestAnimationFrame(draw);
  function draw() {
    clearTimeout(timer);
    cancelAnimationFrame(frame);
    drawing = false;
    applyPending();
  }
}

function applyPending(): void {
  const due = pending;
  pending = [];
  let { conversation, taskId } = getState();
  if (!conversation) return;
  for (const apply of due) {
    const next = apply(conversation);
    if (next === GAP) {
      if (taskId !== null) void join(taskId);
      return;
    }
    conversation = next;
  }
  setState({ conversation });
}

export async function request<T>(name: string, payload: object): Promise<T> {
  if (!socket?.connected) {
    throw new Error("The connection to the hub is lost. It is being restored.");
  }
  let answer: T & { error?: string };
  try {
    answer = await socket.timeout(ACK_MS).emitWithAck(name, payload);
  } catch {
    // The library's timeout error says nothing a person needs.
    throw new Error("The hub does not answer");
  }
  if (answer?.error) throw new Error(answer.error);
  return answer;
}

/** Asks for the whole state of a conversation and watches it from then on. */
export async function join(taskId: number): Promise<void> {
  try {
    const ack = await request<JoinAck>("task:join", { task_id: taskId });
    if (getState().taskId !== taskId) return;
    pending = [];
    setState({ conversation: fromJoin(ack) });
  } catch (error) {
    if (getState().taskId !== taskId) return;
    if (errorText(error) === "Task not found") {
      showNew();
      notify("This conversation does not exist any more.");
    } else if (getState().connection === "online") notify(errorText(error));
  }
}

/** What another conversation does not take over from the one before. */
const FRESH = {
  conversation: null,
  deviceId: null,
  model: null,
  modelOpen: false,
  directory: null,
  directoryOpen: false,
  dismissed: null,
  sidebar: false,
  notice: null,
} as const;

export async function openTask(taskId: number): Promise<void> {
  leave();
  history.replaceState(null, "", `#task=${taskId}`);
  setState({ ...FRESH, taskId });
  if (socket?.connected) await join(taskId);
}

export function showNew(): void {
  leave();
  history.replaceState(null, "", location.pathname);
  setState({ ...FRESH, taskId: null });
}
