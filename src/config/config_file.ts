/** The file `device-config.json` itself: its shape, reading and writing. */
import * as z from "zod";
import {
  AppError,
  ensurePrivateDir,
  errorText,
  EXIT,
  readTextIfExists,
  writeFileAtomic,
} from "../platform/mod.ts";
import { dirname } from "../platform/std/path.ts";

/** Where projects may lie: anywhere below the owner's home, in the roots only, or anywhere. */
export const PROJECT_MODES = ["home", "roots", "any"] as const;
export type ProjectMode = (typeof PROJECT_MODES)[number];

const seconds = (max: number) => z.number().min(0.1).max(max);

/** Shape of the file. Every key is optional; see {@link Settings} for meanings and defaults. */
export const configFile = z.looseObject({
  mode: z.enum(["local", "docker"]).optional(),
  device_type: z.enum(["local", "cloud", "remote"]).optional(),
  bind_shell: z.enum(["claudecode", "openclaw"]).optional(),
  device_id: z.string().max(100).refine(
    (v) => !v.includes(":"),
    "must not contain a colon",
  ).optional(),
  device_name: z.string().max(100).optional(),
  max_concurrent_tasks: z.number().int().min(1).max(50).optional(),
  connection: z.looseObject({
    backend_url: z.string().optional(),
    auth_token: z.string().optional(),
  }).optional(),
  logging: z.looseObject({
    level: z.string().optional(),
    max_size_mb: z.number().positive().max(10_000).optional(),
    backup_count: z.number().int().min(0).max(100).optional(),
  }).optional(),
  workspace_root: z.string().optional(),
  workdir_allowed_roots: z.array(z.string()).optional(),
  trusted_workspaces: z.array(z.string()).optional(),
  projects: z.enum(PROJECT_MODES).optional(),
  open_directory: z.boolean().optional(),
  extensions: z.boolean().optional(),
  sandbox: z.looseObject({
    mode: z.enum(["workdir", "required", "off"]).optional(),
    preset: z.enum(["default", "strict"]).optional(),
    deny_read: z.array(z.string()).optional(),
    write: z.array(z.string()).optional(),
  }).optional(),
  agent: z.looseObject({
    claude_binary: z.string().optional(),
    codex_binary: z.string().optional(),
    forward_keys: z.boolean().optional(),
    idle_seconds: seconds(7 * 86_400).optional(),
    stall_seconds: seconds(86_400).optional(),
    prewarm: z.number().int().min(0).max(8).optional(),
    prewarm_free_mb: z.number().min(0).optional(),
    keep_free_mb: z.number().min(0).optional(),
  }).optional(),
  shutdown_seconds: z.number().min(0).max(3600).optional(),
  journal_days: z.number().min(0).max(3650).optional(),
});
export type ConfigFile = z.infer<typeof configFile>;

/**
 * Reads the file at `path`.
 *
 * @returns Null when there is none.
 * @throws {AppError} `config_invalid` (exit 78) when it is not JSON or a known key has a wrong value.
 */
export function readConfigFile(path: string): ConfigFile | null {
  const text = readTextIfExists(path);
  if (text === null) return null;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw configError(
      `Cannot read "${path}": it is not valid JSON (${errorText(error)})`,
      error,
    );
  }
  const parsed = configFile.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw configError(
    `Cannot use "${path}": "${issue?.path.join(".")}" ${issue?.message ?? "is wrong"}`,
  );
}

/** Writes the configuration file: owner-only, old or new content but never half. */
export function writeConfigFile(path: string, config: ConfigFile): void {
  ensurePrivateDir(dirname(path));
  writeFileAtomic(path, JSON.stringify(config, null, 2) + "\n");
}

/** An error of the configuration, with exit status 78. */
export function configError(message: string, cause?: unknown): AppError {
  return new AppError("config_invalid", message, {
    exitCode: EXIT.config,
    remedy: "Correct the file (`wegent-executor config path` names it) or the environment",
    ...(cause !== undefined && { cause }),
  });
}
