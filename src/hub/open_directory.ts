/** Shows a directory in the file manager of a device's own desktop. */
import { AppError } from "../platform/mod.ts";
import { eventAck, TO_DEVICE } from "../protocol/mod.ts";
import type { HubCore } from "./core.ts";

/** Longest text of a device that is passed on, in UTF-16 units. */
const MAX_ERROR_UNITS = 1000;

/**
 * Asks the device to open `path` and waits for its answer. The device decides; the caller has checked
 * that it belongs to `userId`.
 *
 * @throws {AppError} `not_offered`, `device_offline`, `device_silent` without an answer in time, and
 * `device_refused` with the device's own words.
 */
export async function openDirectory(
  core: HubCore,
  userId: number,
  deviceId: string,
  path: string,
): Promise<void> {
  const device = core.presence.get(userId, deviceId);
  if (!device?.socket) throw new AppError("device_offline", "The device is offline");
  if (!device.workdirs?.open_directory) {
    throw new AppError("not_offered", "This device does not open directories on its desktop");
  }
  const { openDirectoryMs } = core.timings;
  const answer = await device.socket.request(TO_DEVICE.openDirectory, { path }, openDirectoryMs);
  const ack = eventAck.safeParse(answer);
  if (answer === null || !ack.success) {
    throw new AppError("device_silent", "The device did not answer");
  }
  if (ack.data.success !== true) {
    throw new AppError(
      "device_refused",
      ack.data.error?.slice(0, MAX_ERROR_UNITS) || "The device did not open the directory",
    );
  }
}
