/** Devices in words and signs. */
import type { DeviceInfo } from "../../protocol/mod.ts";

export function deviceIcon(device: DeviceInfo): string {
  if (device.reconnecting) return "🟡";
  return { online: "🟢", busy: "🟡", offline: "🔴" }[device.status];
}

/** Such as `2/5 slots in use`. */
export function deviceStatusText(device: DeviceInfo): string {
  if (device.reconnecting) return "Reconnecting…";
  if (device.status === "offline") return "Offline";
  const slots = `${device.slot_used}/${device.slot_max} slots in use`;
  const queued = device.queued_task_ids.length;
  return queued > 0 ? `${slots}, ${queued} queued` : slots;
}

/** One line for the device picker; its state only where it matters for a message. */
export function deviceOption(device: DeviceInfo): string {
  const star = device.is_default ? "★ " : "";
  const free = device.status === "online" && !device.reconnecting;
  return `${star}${device.name}${free ? "" : ` · ${deviceStatusText(device)}`}`;
}
