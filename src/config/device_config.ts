/**
 * `device-config.json`: what the owner of the device set, with the environment in front of it.
 *
 * Precedence: command line, environment, file, default. The file is created at the first start,
 * readable by the owner only; keys this program does not know are kept when it is rewritten.
 */
import { defaultDeviceName, deriveDeviceId } from "../platform/mod.ts";
import { dirname, join } from "../platform/std/path.ts";
import {
  configError,
  type ConfigFile,
  configFile,
  type ProjectMode,
  readConfigFile,
  writeConfigFile,
} from "./config_file.ts";
import { expandHome, type HomePaths, homePaths } from "./paths.ts";
import { type Roots, splitRoots, usableRoots } from "./roots.ts";

/** The effective settings of a device. */
export interface Settings {
  readonly paths: HomePaths;
  /** The configuration file in force; it may lie outside the home. */
  readonly configFile: string;
  /** The user's home directory. */
  readonly userHome: string;
  readonly deviceId: string;
  readonly deviceName: string;
  readonly deviceType: "local" | "cloud" | "remote";
  readonly bindShell: "claudecode" | "openclaw";
  /** Base URL of the server without trailing slashes; empty when none is set. */
  readonly backendUrl: string;
  /** Credential without a `Bearer ` prefix; empty when none is set. */
  readonly authToken: string;
  /** @default 5 */
  readonly slots: number;
  readonly log: {
    level: "debug" | "info" | "warn" | "error";
    maxBytes: number;
    backups: number;
  };
  /** Where managed working directories are made. @default "{home}/workspace" */
  readonly workspaceRoot: string;
  /** Roots inside which a session may work: workspace, the owner's, chats, projects and worktrees. */
  readonly allowedRoots: readonly string[];
  /** Those the owner listed, and those of them that cannot be used. @default none */
  readonly listedRoots: Roots;
  /** The environment sets the owner's roots, so that those of the file do not count. */
  readonly rootsFromEnvironment: boolean;
  /** Directories whose own `.mcp.json` is used, with all below them. @default none */
  readonly trustedWorkspaces: readonly string[];
  /** Root of standalone chats. @default "~/.wecode/wegent-executor/workspace/chats" */
  readonly chatsDir: string;
  /** Conversations without a project get a directory of their own there. @default true */
  readonly standaloneChats: boolean;
  /** Root of projects; worktrees lie beside it. @default "{workspaceRoot}/projects" */
  readonly projectsDir: string;
  /** @default "home" */
  readonly projects: ProjectMode;
  /** A server may ask to show a directory on this device's desktop. @default false */
  readonly openDirectory: boolean;
  /** A server may run scripts of a task's skills in its directory. @default false */
  readonly extensions: boolean;
  /** `workdir`: box when the system can; `required`: refuse to run without; `off`. */
  readonly sandbox: {
    mode: "workdir" | "required" | "off";
    /** `strict`: credentials such as `~/.ssh` are kept from agents too. */
    preset: "default" | "strict";
    denyRead: readonly string[];
    /** Further directories agents may write. */
    write: readonly string[];
  };
  readonly agent: {
    /** Paths of agents' programs by their key in the file, such as `claude_binary`; others are looked for. */
    binaries: Readonly<Record<string, string>>;
    /** Agents get a key of their session only; the real one stays with their host. @default true */
    forwardKeys: boolean;
    /** An agent without a turn ends after so long. @default 600_000 */
    idleMs: number;
    /** A model silent for so long fails the turn. @default 300_000 */
    stallMs: number;
    /** Agents kept waiting for the next task of a known directory; 0: none. @default 1 */
    prewarm: number;
    /** Memory that must be free for one. @default 2 GiB */
    prewarmFreeBytes: number;
    /** With less free memory, sessions that wait are ended. @default 512 MiB */
    keepFreeBytes: number;
  };
  /** Grace of running turns at a stop. @default 10_000 */
  readonly shutdownMs: number;
  /** @default 30_000 */
  readonly heartbeatMs: number;
  /** First and longest delay between connection attempts. @default 500, 30_000 */
  readonly reconnect: { firstMs: number; maxMs: number };
  /** Delivered journals are kept so long. @default 7 */
  readonly journalDays: number;
}

/** Where settings come from; the environment is a plain map so that tests need none. */
export interface ConfigSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly userHome: string;
  /** `--config FILE`. */
  readonly file?: string | undefined;
  /** `--token`: never written to the file. */
  readonly token?: string | undefined;
}

/** The executor's home directory for this environment. */
export function executorHome(
  sources: Pick<ConfigSources, "env" | "userHome">,
): string {
  const set = sources.env["WEGENT_EXECUTOR_HOME"]?.trim();
  return set ? expandHome(set, sources.userHome) : join(sources.userHome, ".wegent-executor");
}

/** Path of the configuration file for these sources. */
export function configPath(sources: ConfigSources): string {
  return sources.file
    ? expandHome(sources.file, sources.userHome)
    : homePaths(executorHome(sources)).config;
}

/**
 * The effective settings, creating or completing the file on the way: a new file gets the device's
 * id and name and what the environment says of URL and token; `DEVICE_ID` and `DEVICE_NAME` are
 * always written back; an empty URL or token in the file is filled from the environment.
 *
 * @throws {AppError} `config_invalid` or `config_missing` (a `--config` file that does not exist).
 */
export async function loadSettings(sources: ConfigSources): Promise<Settings> {
  const paths = homePaths(executorHome(sources));
  const path = configPath(sources);
  const existing = readConfigFile(path);
  if (!existing && sources.file) {
    throw configError(`Cannot find the configuration file "${path}"`);
  }
  const completed = await completeFile(existing, sources, paths);
  if (JSON.stringify(completed) !== JSON.stringify(existing)) {
    writeConfigFile(path, completed);
  }
  return effective(completed, sources, paths);
}

async function completeFile(
  existing: ConfigFile | null,
  { env, userHome }: ConfigSources,
  paths: HomePaths,
): Promise<ConfigFile> {
  const file: ConfigFile = { ...(existing ?? { mode: "local" as const }) };
  const id = env["DEVICE_ID"]?.trim();
  if (id) file.device_id = id;
  else if (!file.device_id) {
    const usual = join(userHome, ".wegent-executor");
    file.device_id = await deriveDeviceId(
      paths.home === usual ? "" : paths.home,
    );
  }
  const name = env["DEVICE_NAME"]?.trim();
  if (name) file.device_name = name;
  else if (!file.device_name) file.device_name = defaultDeviceName();
  const url = env["WEGENT_BACKEND_URL"]?.trim();
  const token = env["WEGENT_AUTH_TOKEN"]?.trim();
  file.connection = {
    ...file.connection,
    backend_url: file.connection?.backend_url || url || "",
    auth_token: file.connection?.auth_token || token || "",
  };
  const parsed = configFile.safeParse(file);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw configError(
    `Cannot use the environment: "${issue?.path.join(".")}" ${issue?.message}`,
  );
}

function effective(
  file: ConfigFile,
  sources: ConfigSources,
  paths: HomePaths,
): Settings {
  const { env, userHome } = sources;
  if (
    (env["EXECUTOR_MODE"]?.trim().toLowerCase() || file.mode || "local") !==
      "local"
  ) {
    throw configError(
      'Cannot run in another mode than "local": containers are not part of this program',
    );
  }
  const workspaceRoot = expandHome(
    env["LOCAL_WORKSPACE_ROOT"]?.trim() || file.workspace_root ||
      join(paths.home, "workspace"),
    userHome,
  );
  const fromEnvironment = splitRoots(env["LOCAL_WORKDIR_ALLOWED_ROOTS"]);
  const listedRoots = usableRoots(fromEnvironment ?? file.workdir_allowed_roots ?? [], userHome);
  const chatsDir = chatsRoot(sources);
  const projectsDir = expandHome(
    env["WEGENT_EXECUTOR_PROJECTS_DIR"]?.trim() || join(workspaceRoot, "projects"),
    userHome,
  );
  const firstDelay = positive(env["LOCAL_RECONNECT_DELAY"], 0.5);
  return {
    paths,
    configFile: configPath(sources),
    userHome,
    deviceId: file.device_id ?? "",
    deviceName: file.device_name ?? "",
    deviceType: oneOf(env["DEVICE_TYPE"], ["local", "cloud", "remote"]) ??
      file.device_type ?? "local",
    bindShell: oneOf(env["BIND_SHELL"], ["claudecode", "openclaw"]) ??
      file.bind_shell ?? "claudecode",
    backendUrl: normalizeUrl(
      env["WEGENT_BACKEND_URL"]?.trim() || file.connection?.backend_url || "",
    ),
    authToken: normalizeToken(
      sources.token || env["WEGENT_AUTH_TOKEN"] ||
        file.connection?.auth_token || "",
    ),
    slots: file.max_concurrent_tasks ?? 5,
    log: {
      level: oneOf(env["LOG_LEVEL"] ?? file.logging?.level, [
        "debug",
        "info",
        "warn",
        "error",
      ]) ?? "info",
      maxBytes: (file.logging?.max_size_mb ?? 10) * 1024 * 1024,
      backups: file.logging?.backup_count ?? 5,
    },
    workspaceRoot,
    allowedRoots: [
      ...new Set([
        workspaceRoot,
        ...listedRoots.roots,
        chatsDir,
        ...[projectsDir, join(dirname(projectsDir), "worktrees")].filter((path) =>
          !path.startsWith(`${workspaceRoot}/`)
        ),
      ]),
    ],
    listedRoots,
    rootsFromEnvironment: fromEnvironment !== null,
    trustedWorkspaces: (file.trusted_workspaces ?? []).map((path) => expandHome(path, userHome)),
    chatsDir,
    standaloneChats: enabled(env["WEGENT_EXECUTOR_STANDALONE_CHATS_ENABLED"]),
    projectsDir,
    projects: file.projects ?? "home",
    openDirectory: file.open_directory ?? false,
    extensions: file.extensions ?? false,
    sandbox: {
      mode: oneOf(env["WEGENT_EXECUTOR_SANDBOX"], ["workdir", "required", "off"]) ??
        file.sandbox?.mode ?? "workdir",
      preset: file.sandbox?.preset ?? "default",
      denyRead: (file.sandbox?.deny_read ?? []).map((p) => expandHome(p, userHome)),
      write: (file.sandbox?.write ?? []).map((p) => expandHome(p, userHome)),
    },
    agent: {
      binaries: Object.fromEntries(
        Object.entries(file.agent ?? {}).filter((pair): pair is [string, string] =>
          pair[0].endsWith("_binary") && typeof pair[1] === "string" && pair[1] !== ""
        ),
      ),
      forwardKeys: file.agent?.forward_keys ?? true,
      idleMs: positive(
        env["WEGENT_EXECUTOR_IDLE_SECONDS"],
        file.agent?.idle_seconds ?? 600,
      ) * 1000,
      stallMs: positive(
        env["WEGENT_EXECUTOR_STALL_SECONDS"],
        file.agent?.stall_seconds ?? 300,
      ) * 1000,
      prewarm: count(env["WEGENT_EXECUTOR_PREWARM"], file.agent?.prewarm ?? 1),
      prewarmFreeBytes: (file.agent?.prewarm_free_mb ?? 2048) * 1024 * 1024,
      keepFreeBytes: (file.agent?.keep_free_mb ?? 512) * 1024 * 1024,
    },
    shutdownMs: (file.shutdown_seconds ?? 10) * 1000,
    heartbeatMs: positive(env["LOCAL_HEARTBEAT_INTERVAL"], 30) * 1000,
    reconnect: {
      firstMs: Math.min(firstDelay * 1000, 500),
      maxMs: positive(env["LOCAL_RECONNECT_MAX_DELAY"], 30) * 1000,
    },
    journalDays: file.journal_days ?? 7,
  };
}

function chatsRoot({ env, userHome }: ConfigSources): string {
  const set = env["WEGENT_EXECUTOR_CHATS_DIR"]?.trim();
  if (set) return expandHome(set, userHome);
  const wecode = expandHome(env["WECODE_HOME"]?.trim() || "~/.wecode", userHome);
  return join(wecode, "wegent-executor/workspace/chats");
}

/** A switch that is on unless it says otherwise; not set is on. */
function enabled(value: string | undefined): boolean {
  return value === undefined || /^\s*(1|true|yes|on)\s*$/i.test(value);
}

/** URL without trailing slashes; a bare host gets `http://` nowhere: the scheme must be said. */
function normalizeUrl(url: string): string {
  if (!url) return "";
  const parsed = URL.parse(url);
  if (!parsed || !/^(https?|wss?):$/.test(parsed.protocol)) {
    throw configError(
      `Cannot use the backend URL "${url}": it must start with http:// or https://`,
    );
  }
  return url.replace(/\/+$/, "");
}

/** Trims the credential and removes one `Bearer ` prefix. */
export function normalizeToken(token: string): string {
  return token.trim().replace(/^bearer\s+/i, "");
}

function oneOf<const T extends string>(
  value: string | undefined,
  allowed: readonly T[],
): T | undefined {
  const lower = value?.trim().toLowerCase();
  return allowed.find((a) => a === lower);
}

function positive(value: string | undefined, fallback: number): number {
  const number = Number(value?.trim() || NaN);
  return Number.isFinite(number) && number > 0 ? number : fallback;
}

function count(value: string | undefined, fallback: number): number {
  const number = Number(value?.trim() || NaN);
  return Number.isInteger(number) && number >= 0 && number <= 8 ? number : fallback;
}
