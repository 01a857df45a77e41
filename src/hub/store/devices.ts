/** What is remembered of devices; who is connected right now is kept in memory. */
import type { RegisterRequest } from "../../protocol/mod.ts";
import { type Database, nowText } from "./database.ts";

export interface DeviceRow {
  id: number;
  user_id: number;
  device_id: string;
  name: string;
  alias: string | null;
  device_type: "local" | "cloud" | "remote";
  bind_shell: "claudecode" | "openclaw";
  is_default: number;
  is_active: number;
  executor_version: string | null;
  client_ip: string | null;
  runtime_transfer_host: string | null;
  capabilities: string | null;
  sandbox: string | null;
}

/** Devices in the database; each belongs to (user, device id). */
export class DeviceStore {
  constructor(private readonly db: Database) {}

  get(userId: number, deviceId: string): DeviceRow | undefined {
    return this.db.get(
      "SELECT * FROM devices WHERE user_id = ? AND device_id = ? AND is_active = 1",
      userId,
      deviceId,
    );
  }

  list(userId: number): DeviceRow[] {
    return this.db.all(
      `SELECT * FROM devices WHERE user_id = ? AND is_active = 1
       ORDER BY CASE device_type WHEN 'local' THEN 0 WHEN 'cloud' THEN 1 ELSE 2 END, id`,
      userId,
    );
  }

  default(userId: number): DeviceRow | undefined {
    return this.db.get(
      "SELECT * FROM devices WHERE user_id = ? AND is_default = 1 AND is_active = 1",
      userId,
    );
  }

  /**
   * Stores a registration. A known device keeps its first name and alias; a deleted one comes back.
   * The first local device of a user becomes the default.
   *
   * @throws When the user has another active cloud device.
   */
  register(userId: number, device: RegisterRequest, peer: string): DeviceRow {
    return this.db.transaction(() => {
      const first = device.device_type === "local" &&
        !this.db.get(
          "SELECT 1 FROM devices WHERE user_id = ? AND device_type = 'local'",
          userId,
        ) && !this.default(userId);
      this.db.run(
        `INSERT INTO devices (user_id, device_id, name, device_type, bind_shell, is_default,
           executor_version, client_ip, runtime_transfer_host, capabilities, sandbox, created_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (user_id, device_id) DO UPDATE SET device_type = excluded.device_type,
           bind_shell = excluded.bind_shell, executor_version = excluded.executor_version,
           client_ip = excluded.client_ip, runtime_transfer_host = excluded.runtime_transfer_host,
           capabilities = excluded.capabilities, sandbox = excluded.sandbox, is_active = 1`,
        userId,
        device.device_id,
        device.name,
        device.device_type,
        device.bind_shell,
        first ? 1 : 0,
        device.executor_version ?? null,
        peer,
        device.runtime_transfer_host ?? device.client_ip ?? null,
        device.capabilities ? JSON.stringify(device.capabilities) : null,
        device.sandbox ?? null,
        nowText(),
      );
      return this.get(userId, device.device_id)!;
    });
  }

  /** Makes `deviceId` the user's one default device; null: the user has none. */
  setDefault(userId: number, deviceId: string | null): void {
    this.db.transaction(() => {
      this.db.run(
        "UPDATE devices SET is_default = 0 WHERE user_id = ?",
        userId,
      );
      if (deviceId === null) return;
      this.db.run(
        "UPDATE devices SET is_default = 1 WHERE user_id = ? AND device_id = ?",
        userId,
        deviceId,
      );
    });
  }

  setAlias(userId: number, deviceId: string, alias: string): void {
    this.db.run(
      "UPDATE devices SET alias = ? WHERE user_id = ? AND device_id = ?",
      alias,
      userId,
      deviceId,
    );
  }

  setVersion(userId: number, deviceId: string, version: string): void {
    this.db.run(
      "UPDATE devices SET executor_version = ? WHERE user_id = ? AND device_id = ?",
      version,
      userId,
      deviceId,
    );
  }

  /** Forgets the registration; alias and history stay for the case that the device comes back. */
  remove(userId: number, deviceId: string): void {
    this.db.run(
      "UPDATE devices SET is_active = 0, is_default = 0 WHERE user_id = ? AND device_id = ?",
      userId,
      deviceId,
    );
  }
}
