/** The page's state: one object, replaced as a whole, and the components that watch parts of it. */
import { useEffect, useState } from "preact/hooks";
import type { DeviceInfo, SettingsView, TaskView } from "../../protocol/mod.ts";
import type { Conversation } from "./conversation.ts";

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
