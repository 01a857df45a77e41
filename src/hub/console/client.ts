/** What the page does: signing in, the socket, and the actions of a person. */
import { io as untypedIo } from "socket.io-client/browser";
import type { io as typedIo, Socket } from "socket.io-client";
import {
  type BlockUpdate,
  type BlockView,
  type ChatAnswer,
  type ChatChunk,
  type DeviceInfo,
  type JoinAck,
  type PermissionMode,
  type SubtaskView,
  type TaskPermissionEvent,
  type TaskView,
  type TaskWorkdirEvent,
} from "../../protocol/mod.ts";
import { api, ApiError, storedToken, storeToken } from "./api.ts";
import {
  type Applied,
  applyBlockCreated,
  applyBlockUpdated,
  applyChunk,
  applyEnd,
  applyPermission,
  applyStart,
  applyStatus,
  applyWorkdir,
  type Conversation,
  fromJoin,
  GAP,
} from "./conversation.ts";
import { choiceFields } from "./directory.ts";
import {
  chosenDevice,
  getState,
  lastPermission,
  nextDirectory,
  rememberChoice,
  setState,
} from "./state.ts";

/** The library's browser build has no types of its own. */
const io: typeof typedIo = untypedIo;

const ACK_MS = 10_000;
/** Wait before a refused connection is tried again, in milliseconds. */
const RETRY_MS = 2000;

let socket: Socket | null = null;
/** Events of the conversation that were not drawn yet; one drawing takes them all. */
let pending: ((conversation: Conversation) => Applied)[] = [];
let drawing = false;

/** Starts the page: a sign-in link in the address, a sign-in of earlier, or the form. */
export async function start(): Promise<void> {
  const link = /^#login=([\w-]+)$/.exec(location.hash)?.[1];
  if (link) {
    // The link works once; it must not stay in the history.
    history.replaceState(null, "", location.pathname);
    try {
      storeToken((await api.linkLogin(link)).access_token);
    } catch (error) {
      // A person who is signed in already does not need the link.
      if (!storedToken()) return setState({ starting: false, signInError: message(error) });
    }
  }
  if (storedToken()) await enter();
  else setState({ starting: false });
}

export async function signIn(name: string, password: string): Promise<void> {
  try {
    storeToken((await api.login(name, password)).access_token);
    await enter();
  } catch (error) {
    setState({ signInError: message(error) });
  }
}

export function signOut(reason: string | null = null): void {
  storeToken(null);
  socket?.disconnect();
  socket = null;
  pending = [];
  setState({
    user: null,
    starting: false,
    signInError: reason,
    devices: [],
    tasks: [],
    settings: null,
    taskId: null,
    conversation: null,
    deviceId: null,
    directory: null,
    directoryOpen: false,
    dismissed: null,
    settingsOpen: false,
  });
}

async function enter(): Promise<void> {
  try {
    const { user_name } = await api.me();
    const permission = lastPermission();
    setState({ user: user_name, starting: false, signInError: null, permission });
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) {
      return signOut("Your sign-in has expired. Sign in again.");
    }
    return setState({ starting: false, signInError: message(error) });
  }
  connect();
  const id = /^#task=(\d+)$/.exec(location.hash)?.[1];
  if (id) await openTask(Number(id));
}

function connect(): void {
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
      return signOut("Your sign-in has expired. Sign in again.");
    }
    // The library tries again by itself except when the hub itself said no.
    if (!opened.active) setTimeout(() => socket === opened && opened.connect(), RETRY_MS);
  });
  opened.on("auth:error", () => signOut("Your sign-in has expired. Sign in again."));
  listen(opened);
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

async function request<T>(name: string, payload: object): Promise<T> {
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
async function join(taskId: number): Promise<void> {
  try {
    const ack = await request<JoinAck>("task:join", { task_id: taskId });
    if (getState().taskId !== taskId) return;
    pending = [];
    setState({ conversation: fromJoin(ack) });
  } catch (error) {
    if (getState().taskId !== taskId) return;
    if (message(error) === "Task not found") {
      showNew();
      notify("This conversation does not exist any more.");
    } else if (getState().connection === "online") notify(message(error));
  }
}

async function refresh(): Promise<void> {
  await Promise.all([refreshDevices(), refreshTasks(), refreshSettings()]);
}

async function refreshDevices(): Promise<void> {
  await act(async () => setState({ devices: (await api.devices()).items }));
}

async function refreshTasks(): Promise<void> {
  await act(async () => setState({ tasks: (await api.tasks()).items }));
}

export async function refreshSettings(): Promise<void> {
  await act(async () => setState({ settings: await api.settings() }));
}

/** Does something and says so when it fails. */
async function act(work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) {
      signOut("Your sign-in has expired. Sign in again.");
    } else if (!(error instanceof ApiError && error.status === 0)) notify(message(error));
    return false;
  }
}

export function notify(text: string | null): void {
  setState({ notice: text });
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What another conversation does not take over from the one before. */
const FRESH = {
  conversation: null,
  deviceId: null,
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

function leave(): void {
  const { taskId } = getState();
  pending = [];
  if (taskId !== null && socket?.connected) socket.emit("task:leave", { task_id: taskId });
}

/** @returns True when the hub has taken the message. */
export function send(text: string): Promise<boolean> {
  return act(async () => {
    const state = getState();
    const device = chosenDevice(state);
    const directory = nextDirectory(state);
    const ack = await request<{ task_id: number }>("chat:send", {
      message: text,
      ...(state.taskId !== null && { task_id: state.taskId }),
      ...(device && { device_id: device.device_id }),
      ...choiceFields(directory, state.taskId === null),
      ...(state.taskId === null && { permission_mode: state.permission }),
    });
    if (device && directory) rememberChoice(state.user, device.device_id, directory);
    if (getState().taskId !== state.taskId) return;
    setState({ taskId: ack.task_id, directory: null, dismissed: null, notice: null });
    history.replaceState(null, "", `#task=${ack.task_id}`);
    await join(ack.task_id);
  });
}

export function cancel(subtaskId: number): Promise<boolean> {
  return act(() => request("chat:cancel", { subtask_id: subtaskId }));
}

/** What a person says to a question. */
export type GivenAnswer = Pick<ChatAnswer, "decision"> & Partial<ChatAnswer>;

/** @returns True when the device has taken the answer, or nobody waits for it any more. */
export function answer(
  subtask_id: number,
  request_id: string,
  given: GivenAnswer,
): Promise<boolean> {
  return act(async () => {
    const { closed } = await request<{ closed: boolean }>("chat:answer", {
      ...given,
      subtask_id,
      request_id,
    });
    const { taskId } = getState();
    if (closed && taskId !== null) await join(taskId);
    setState({ notice: null });
  });
}

export function setPermissionMode(task_id: number, permission_mode: PermissionMode) {
  return act(() => request("task:set_permission_mode", { task_id, permission_mode }));
}

export function retry(turn: SubtaskView): Promise<boolean> {
  const chosen = getState().deviceId;
  return act(() =>
    request("chat:retry", {
      task_id: turn.task_id,
      subtask_id: turn.subtask_id,
      ...(chosen && { device_id: chosen }),
    })
  );
}

export function deleteTask(taskId: number): Promise<boolean> {
  return act(async () => {
    await api.deleteTask(taskId);
    if (getState().taskId === taskId) showNew();
    await refreshTasks();
  });
}

export function toggleDefault(device: DeviceInfo): Promise<boolean> {
  return act(async () => {
    await api.setDefault(device.device_id, !device.is_default);
    await refreshDevices();
  });
}

export function renameDevice(device: DeviceInfo, alias: string): Promise<boolean> {
  return act(async () => {
    await api.rename(device.device_id, alias);
    await refreshDevices();
  });
}

/** Shows a directory on the desktop of its device. */
export function openDirectory(device: DeviceInfo, path: string): Promise<boolean> {
  return act(async () => {
    await api.openDirectory(device.device_id, path);
  });
}

/** Puts text into the clipboard. */
export function copy(text: string): Promise<boolean> {
  return act(() => navigator.clipboard.writeText(text));
}

export function deleteDevice(device: DeviceInfo): Promise<boolean> {
  return act(async () => {
    await api.deleteDevice(device.device_id);
    await refreshDevices();
  });
}
