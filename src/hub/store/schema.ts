/** Opening the database: journal mode, durability, the steps from an older shape to the present one. */
import type { DatabaseSync } from "node:sqlite";
import { AppError } from "../../platform/mod.ts";
import { MIGRATIONS } from "./migrations.ts";

/**
 * Prepares a freshly opened database: journal mode, durability, migrations.
 *
 * @throws {AppError} `hub_data_in_use` when another hub holds it, `hub_data_newer` when a newer
 * version wrote it.
 */
export function prepareDatabase(db: DatabaseSync): void {
  try {
    // One hub per data directory: the lock lives as long as this connection.
    db.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL");
  } catch (error) {
    throw new AppError(
      "hub_data_in_use",
      "Another hub is using this data directory",
      { remedy: "Stop it, or choose another with --data DIR", cause: error },
    );
  }
  // An acknowledged event must survive a power cut: it is not sent again.
  db.exec("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON");
  const row = db.prepare("PRAGMA user_version").get() as
    | { user_version: number }
    | undefined;
  const version = row?.user_version ?? 0;
  if (version > MIGRATIONS.length) {
    throw new AppError(
      "hub_data_newer",
      `The hub's data has shape ${version}, this program knows ${MIGRATIONS.length}`,
      { remedy: "Use a newer version of wegent-executor" },
    );
  }
  for (const [step, sql] of MIGRATIONS.slice(version).entries()) {
    db.exec(
      `BEGIN IMMEDIATE; ${sql}; PRAGMA user_version = ${version + step + 1}; COMMIT`,
    );
  }
}
