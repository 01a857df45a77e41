/** A device's state as a coloured light. */
import type { DeviceInfo } from "../../protocol/mod.ts";
import { deviceIcon } from "./device_text.ts";

/** The sign is text for those who read it; what is seen does not depend on the machine's fonts. */
export function Lamp({ device }: { device: DeviceInfo }) {
  const state = device.reconnecting ? "reconnecting" : device.status;
  return (
    <span class={`lamp ${state}`} role="img" aria-label={state} title={state}>
      {deviceIcon(device)}
    </span>
  );
}
