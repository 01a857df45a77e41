/**
 * Directories of sessions on this device: the choice for each turn, made if need be, and remembered by
 * conversation and by repository.
 */
import type { Settings } from "../config/mod.ts";
import type { DirectoryWish, HostStart } from "../device/mod.ts";
import { type Logger, makeDirectories } from "../platform/mod.ts";
import { join } from "../platform/std/path.ts";
import type { WorkdirEvent, WorkdirFacts } from "../protocol/mod.ts";
import {
  chooseDirectory,
  type ChosenDirectory,
  createChatDirectory,
  type KnownDirectories,
  normalizeRemote,
  type Origin,
  showPath,
} from "../workdir/mod.ts";
import { diskSeam, isWithin, resolvePath } from "../scope/mod.ts";
import { Bindings } from "./bindings.ts";

/** Directories and repositories a page is offered. */
const MAX_RECENT = 20;
const MAX_REPOS = 50;

/** A session's directory, ready to be entered. */
export interface SessionDirectory {
  /** Absolute, without links; exists. */
  readonly path: string;
  readonly origin: Origin;
  readonly clone: ChosenDirectory["clone"];
  readonly code: string | null;
  /** For the reader: a fallback, a change of directory, or both. */
  readonly notice: string | null;
}

/** See the module comment. */
export class Directories {
  readonly #bindings: Bindings;

  /** @param file The database with what is remembered. */
  constructor(file: string, log: Logger) {
    this.#bindings = new Bindings(file, (message) => {
      log.warn("What was remembered of directories is unreadable and put aside", { file, message });
    });
  }

  close(): void {
    this.#bindings.close();
  }

  /**
   * Chooses and makes the directory for a turn.
   *
   * @throws {AppError} as `chooseDirectory`, `makeDirectories` and `createChatDirectory` do.
   */
  async place(settings: Settings, request: HostStart): Promise<SessionDirectory> {
    const { task_id: taskId, directory: wish } = request;
    const bound = this.#bindings.get(taskId, settings.deviceId);
    const known: KnownDirectories = {
      bound,
      repo: (remote, branch) => this.#bindings.repo(remote, branch),
    };
    const context = { ...settings, executorHome: settings.paths.home };
    const chosen = await chooseDirectory(wishOf(taskId, wish), context, known);
    const path = this.#make(settings, chosen, wish);
    const changed = bound !== null && bound.path !== path
      ? `The directory of this conversation has changed from ${showPath(bound.path)} to ` +
        `${showPath(path)}; a new session of the agent starts there.`
      : null;
    this.#remember(settings, taskId, wish, chosen, path);
    return {
      path,
      origin: chosen.origin,
      clone: chosen.clone,
      code: chosen.code,
      notice: [chosen.notice, changed].filter(Boolean).join(" ") || null,
    };
  }

  /** Where a conversation works; null: nothing is known of it. */
  pathOf(taskId: number, deviceId: string): string | null {
    return this.#bindings.get(taskId, deviceId)?.path ?? null;
  }

  /** Directories of this device's conversations, newest first. */
  paths(): string[] {
    return this.#bindings.paths(1000);
  }

  /** What a page needs for offering directories. */
  facts(settings: Settings): WorkdirFacts {
    return {
      home: settings.userHome,
      workspace_root: settings.workspaceRoot,
      roots: settings.listedRoots.roots.slice(0, 200),
      recent: this.#bindings.recent(MAX_RECENT * 2).filter(({ path }) => isDirectory(path))
        .slice(0, MAX_RECENT).map(({ path, usedAt }) => ({ path, used_at: usedAt })),
      repos: this.#bindings.repos(MAX_REPOS).map(({ gitUrl, branch, path }) => ({
        git_url: gitUrl,
        branch,
        path,
      })),
      open_directory: settings.openDirectory,
    };
  }

  #make(settings: Settings, { path, make }: ChosenDirectory, wish: DirectoryWish): string {
    if (path === null) return createChatDirectory(real(settings.chatsDir), wish.chat_name);
    // What lies below the workspace root is ours; elsewhere the owner's group may look in as usual.
    if (make) makeDirectories(path, isWithin(real(settings.workspaceRoot), path) ? 0o700 : 0o755);
    return path;
  }

  #remember(
    settings: Settings,
    taskId: number,
    wish: DirectoryWish,
    { asked, origin }: ChosenDirectory,
    path: string,
  ): void {
    const { git_url: gitUrl, branch } = wish;
    const { deviceId } = settings;
    const workdir = asked?.workdir ?? null;
    const policy = asked?.policy ?? null;
    this.#bindings.set({ taskId, deviceId, workdir, policy, gitUrl, branch, path, origin });
    const remote = gitUrl && (origin === "session" || origin === "project")
      ? normalizeRemote(gitUrl)
      : null;
    if (gitUrl && remote) this.#bindings.setRepo(remote, { gitUrl, branch, path });
  }
}

/** The event that says where a session works. */
export function whereEvent({ path, origin, code, notice }: SessionDirectory): WorkdirEvent {
  return { path, origin, code, notice };
}

/** Where the database lies: with the supervisor's own things, which nobody else can reach. */
export function directoriesFile(settings: Settings): string {
  return join(settings.paths.run, "directories.db");
}

function wishOf(taskId: number, wish: DirectoryWish) {
  return {
    taskId,
    deviceId: wish.device_id,
    workdir: wish.workdir,
    policy: wish.workdir_policy,
    gitUrl: wish.git_url,
    branch: wish.branch,
    skipClone: wish.skip_clone,
    projectId: wish.project_id,
    workspaceSource: wish.workspace_source,
    projectPath: wish.project_path,
    botCwd: wish.bot_cwd,
    standaloneChat: wish.standalone_chat,
  };
}

/** A place of ours without links; it may not exist yet. */
function real(path: string): string {
  return resolvePath(path, diskSeam);
}

function isDirectory(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied) {
      return false;
    }
    throw error;
  }
}
