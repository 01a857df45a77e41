/** What the page asks the hub for again and again, and how failures are told. */
import { api, ApiError } from "./api.ts";
import { setState } from "./state.ts";

let expired: () => void = () => {};

/** What to do when the hub does not know the sign-in any more. */
export function onExpired(handler: () => void): void {
  expired = handler;
}

export async function refresh(): Promise<void> {
  await Promise.all([refreshDevices(), refreshTasks(), refreshSettings()]);
}

export async function refreshDevices(): Promise<void> {
  await act(async () => setState({ devices: (await api.devices()).items }));
}

export async function refreshTasks(): Promise<void> {
  await act(async () => setState({ tasks: (await api.tasks()).items }));
}

export async function refreshSettings(): Promise<void> {
  await act(async () => setState({ settings: await api.settings() }));
}

/** Does something and says so when it fails. */
export async function act(work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) expired();
    else if (!(error instanceof ApiError && error.status === 0)) notify(errorText(error));
    return false;
  }
}

export function notify(text: string | null): void {
  setState({ notice: text });
}

export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
