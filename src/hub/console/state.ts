/** The page's state: one object, replaced as a whole, and the components that watch parts of it. */
import { useEffect, useState } from "preact/hooks";
import type {
  AgentKind,
  DeviceInfo,
  DirectoryChoice,
  ModelChoice,
  PermissionMode,
  SettingsView,
  TaskView,
} from "../../protocol/mod.ts";
import type { Conversation } from "./conversation.ts";
import { parseChoice } from "./directory.ts";
import type { Upload } from "./uploads.ts";

export interface State {
  /** Null: nobody is signed in. */
  user: string | null;
  /** The first answers are not here yet. */
  starting: boolean;
  signInError: string | null;
  connection: "connecting" | "online" | "lost";
  devices: DeviceInfo[];
  tasks: TaskView[];
  settings: SettingsView | null;
  /** The conversation on display; null: a new one. */
  taskId: number | null;
  /** Null while it is being loaded. */
  conversation: Conversation | null;
  /** The device chosen for the next message; null: the usual one. */
  deviceId: string | null;
  /** Directory chosen for the next message, if that goes to this device. */
  directory: { deviceId: string; choice: DirectoryChoice } | null;
  directoryOpen: boolean;
  /** The agent of the next new conversation. */
  agent: AgentKind;
  /** Model chosen for the next message; null: as before. */
  model: ModelChoice | null;
  modelOpen: boolean;
  /** What is being written. */
  draft: string;
  /** Files of the message that is being written. */
  uploads: Upload[];
  /** Whether the agent of the next new conversation asks. */
  permission: PermissionMode;
  /** The notice about a directory that was read and put away. */
  dismissed: string | null;
  /** A sentence about what went wrong. */
  notice: string | null;
  sidebar: boolean;
  settingsOpen: boolean;
}

let state: State = {
  user: null,
  starting: true,
  signInError: null,
  connection: "connecting",
  devices: [],
  tasks: [],
  settings: null,
  taskId: null,
  conversation: null,
  deviceId: null,
  directory: null,
  directoryOpen: false,
  agent: "claude",
  model: null,
  modelOpen: false,
  draft: "",
  uploads: [],
  permission: "bypass",
  dismissed: null,
  notice: null,
  sidebar: false,
  settingsOpen: false,
};
const watchers = new Set<() => void>();

export function getState(): State {
  return state;
}

export function setState(changes: Partial<State>): void {
  state = { ...state, ...changes };
  for (const watcher of [...watchers]) watcher();
}

/** A part of the state; the component is drawn again when that part is another value. */
export function useSelect<T>(select: (state: State) => T): T {
  const [value, setValue] = useState(() => select(state));
  useEffect(() => {
    const update = () => setValue(() => select(state));
    watchers.add(update);
    update();
    return () => {
      watchers.delete(update);
    };
  }, []);
  return value;
}

/** The device a message would go to. */
export function chosenDevice(s: State): DeviceInfo | null {
  const find = (id: string | null | undefined) => s.devices.find((d) => d.device_id === id);
  return find(s.deviceId) ?? find(s.conversation?.task.device_id) ??
    s.devices.find((d) => d.is_default) ??
    s.devices.find((d) => d.status !== "offline") ?? s.devices[0] ?? null;
}

/**
 * The directory the next message names; null: it names none. A new conversation begins with the last
 * choice for its device, one that exists keeps its directory unless another one was chosen just now.
 */
export function nextDirectory(s: State): DirectoryChoice | null {
  const device = chosenDevice(s);
  if (!device?.workdirs) return null;
  if (s.directory?.deviceId === device.device_id) return s.directory.choice;
  return s.taskId === null ? lastChoice(s.user, device.device_id) : null;
}

/** Choices of this browser, as read once from its storage. */
const choices = new Map<string, DirectoryChoice | null>();

function lastChoice(user: string | null, deviceId: string): DirectoryChoice | null {
  const key = choiceKey(user, deviceId);
  let choice = choices.get(key);
  if (choice === undefined) {
    choice = parseChoice(localStorage.getItem(key));
    choices.set(key, choice);
  }
  return choice;
}

/** Keeps a choice as the one the next new conversation on the device begins with. */
export function rememberChoice(
  user: string | null,
  deviceId: string,
  choice: DirectoryChoice,
): void {
  const key = choiceKey(user, deviceId);
  choices.set(key, choice);
  localStorage.setItem(key, JSON.stringify(choice));
}

function choiceKey(user: string | null, deviceId: string): string {
  return `wegent-hub-directory:${JSON.stringify([user, deviceId])}`;
}

/** The agent a message would go to. */
export function currentAgent(s: State): AgentKind {
  if (s.taskId === null) return s.agent;
  return s.conversation?.task.agent ?? s.tasks.find((t) => t.task_id === s.taskId)?.agent ??
    s.agent;
}

/** The model a message would go to. */
export function nextModel(s: State): ModelChoice {
  return s.model ?? (s.taskId === null ? null : s.conversation?.task) ?? PLAIN;
}

const PLAIN: ModelChoice = { model: null, effort: null };
const AGENT_KEY = "wegent-hub-agent";

/** The agent this browser chose last for a new conversation. */
export function lastAgent(): AgentKind {
  return localStorage.getItem(AGENT_KEY) === "codex" ? "codex" : "claude";
}

/** Chooses the agent of the next new conversation, and of those after it. */
export function rememberAgent(agent: AgentKind): void {
  localStorage.setItem(AGENT_KEY, agent);
  setState({ agent, model: null });
}

const PERMISSION_KEY = "wegent-hub-permission";

/** What this browser chose last for a new conversation. */
export function lastPermission(): PermissionMode {
  return localStorage.getItem(PERMISSION_KEY) === "ask" ? "ask" : "bypass";
}

/** Chooses for the next new conversation, and for those after it. */
export function rememberPermission(permission: PermissionMode): void {
  localStorage.setItem(PERMISSION_KEY, permission);
  setState({ permission });
}
