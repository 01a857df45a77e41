/** The actions of a person. */
import type { ChatAnswer, DeviceInfo, PermissionMode, SubtaskView } from "../../protocol/mod.ts";
import { api } from "./api.ts";
import { join, request, showNew } from "./connection.ts";
import { act, refreshDevices, refreshTasks } from "./data.ts";
import { choiceFields } from "./directory.ts";
import { clearUploads } from "./uploads.ts";
import { chosenDevice, getState, nextDirectory, rememberChoice, setState } from "./state.ts";

/** @returns True when the hub has taken the message. */
export function send(text: string): Promise<boolean> {
  return act(async () => {
    const state = getState();
    const device = chosenDevice(state);
    const directory = nextDirectory(state);
    const files = state.uploads.map(({ id }) => id).filter((id) => id !== null);
    const ack = await request<{ task_id: number }>("chat:send", {
      message: text,
      ...(files.length > 0 && { attachments: files }),
      ...(state.taskId !== null && { task_id: state.taskId }),
      ...(device && { device_id: device.device_id }),
      ...choiceFields(directory, state.taskId === null),
      ...(state.taskId === null && { agent: state.agent, permission_mode: state.permission }),
      ...state.model,
    });
    if (device && directory) rememberChoice(state.user, device.device_id, directory);
    // What was written or added meanwhile is for the next message.
    if (getState().draft === text) setState({ draft: "" });
    clearUploads(state.uploads);
    if (getState().taskId !== state.taskId) return;
    setState({ taskId: ack.task_id, directory: null, model: null, dismissed: null, notice: null });
    history.replaceState(null, "", `#task=${ack.task_id}`);
    await join(ack.task_id);
  });
}

/** Says something to a turn that runs. */
export function steer(subtask_id: number, text: string): Promise<boolean> {
  return act(async () => {
    await request("chat:steer", { subtask_id, text });
    if (getState().draft === text) setState({ draft: "", notice: null });
  });
}

/** Puts a message that was not read back into the composer. */
export function takeBack(subtask_id: number, input_id: string): Promise<boolean> {
  return act(async () => {
    const { text } = await request<{ text: string }>("chat:take_back", { subtask_id, input_id });
    const { draft } = getState();
    setState({ draft: draft.trim() === "" ? text : `${draft}\n\n${text}` });
    document.querySelector<HTMLElement>(".composer textarea")?.focus();
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
