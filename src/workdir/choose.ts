/**
 * Which directory a turn works in: the first of session workdir, project or worktree, the bot's own
 * directory, standalone chat, checkout of a repository, managed directory. Looks, but makes nothing.
 */
import type { ProjectMode } from "../config/mod.ts";
import { AppError } from "../platform/mod.ts";
import { isWithin } from "../scope/mod.ts";
import {
  decideWorkdir,
  isProtected,
  resolve,
  type WorkdirContext,
  type WorkdirSeam,
  workdirSeam,
} from "./decide.ts";
import { readPathText, showPath } from "./path_text.ts";
import { normalizeRemote, repoName } from "./prepare/mod.ts";

/** What a turn says of its directory; every text may be anything. */
export interface DirectoryRequest {
  readonly taskId: number;
  readonly deviceId: string | null;
  readonly workdir: string | null;
  readonly policy: string | null;
  readonly gitUrl: string | null;
  readonly branch: string | null;
  /** The repository is there already, whatever it looks like. */
  readonly skipClone: boolean;
  readonly projectId: number | null;
  /** `local_path`, `git`, `git_worktree`; null: no project. */
  readonly workspaceSource: string | null;
  readonly projectPath: string | null;
  readonly botCwd: string | null;
  /** A conversation without a project that gets a directory of its own. */
  readonly standaloneChat: boolean;
}

export interface DirectoryContext extends WorkdirContext {
  readonly projects: ProjectMode;
  readonly chatsDir: string;
  readonly standaloneChats: boolean;
}

/** What is remembered of this conversation and of repositories. */
export interface KnownDirectories {
  /** The conversation's last directory. */
  readonly bound: {
    readonly workdir: string | null;
    readonly policy: string | null;
    readonly path: string;
    readonly origin: string;
  } | null;
  /** Directory of a repository's branch. @param remote Normalised. */
  repo(remote: string, branch: string | null): string | null;
}

export type Origin = "session" | "project" | "bot" | "chat" | "clone" | "managed";

/** The choice. */
export interface ChosenDirectory {
  /** Absolute, without links; null: a chat's directory that is still to be named. */
  readonly path: string | null;
  readonly origin: Origin;
  /** Make it (and what is above it) when it is missing. */
  readonly make: boolean;
  /** Clone into `path`, or find the repository there. */
  readonly clone: { readonly url: string; readonly branch: string | null } | null;
  /** Why it is not what was asked for; null: it is. */
  readonly code: string | null;
  readonly notice: string | null;
  /** The policy and path that count for later turns; null: none was asked for. */
  readonly asked: { readonly workdir: string | null; readonly policy: string | null } | null;
}

/**
 * Chooses. A session's workdir that cannot be used is answered with a managed directory and a notice; a
 * project's that cannot be used is an error, since its files are nowhere else.
 *
 * @throws {AppError} `project_invalid`, `project_outside_roots`, `project_protected`,
 *   `project_missing`, `project_not_accessible`.
 */
export async function chooseDirectory(
  request: DirectoryRequest,
  context: DirectoryContext,
  known: KnownDirectories,
  seam: WorkdirSeam = workdirSeam,
): Promise<ChosenDirectory> {
  const asked = askedFor(request, known);
  if (asked) {
    const session = await sessionDirectory({ ...request, ...asked }, context, known, seam);
    if (session) return { ...session, asked };
  }
  const project = await projectDirectory(request, context, seam);
  if (project) return project;
  const bot = await botDirectory(request, context, seam);
  if (bot && "path" in bot) return bot;
  const rest = await chatDirectory(request, context, known, seam) ??
    managed(request, context, seam);
  return bot ? { ...rest, code: bot.code, notice: bot.notice } : rest;
}

/** The workdir that counts: the turn's own, else the one this conversation has had on this device. */
function askedFor(
  { workdir, policy }: DirectoryRequest,
  { bound }: KnownDirectories,
): ChosenDirectory["asked"] {
  const given = workdir?.trim() || null;
  if (given !== null || policy !== null) return { workdir: given, policy };
  if (!bound || (bound.workdir === null && bound.policy === null)) return null;
  return { workdir: bound.workdir, policy: bound.policy };
}

async function sessionDirectory(
  request: DirectoryRequest,
  context: DirectoryContext,
  known: KnownDirectories,
  seam: WorkdirSeam,
): Promise<ChosenDirectory | null> {
  const { policy, gitUrl, branch, skipClone } = request;
  let { workdir } = request;
  if (policy === "managed") return null;
  if (policy === "repo_bound") {
    const remote = gitUrl ? normalizeRemote(gitUrl) : null;
    if (!remote) {
      const why = gitUrl ? "the repository's address cannot be used" : "no repository was named";
      return fallback(request, context, seam, "workdir_no_repository", why);
    }
    workdir ??= known.repo(remote, branch) ?? repoDirectory(remote, branch, context);
  }
  const decision = await decideWorkdir({ ...request, workdir }, context, seam);
  if (decision.kind === "managed") {
    const { code, reason } = decision;
    return fallback({ ...request, workdir }, context, seam, code, reason);
  }
  return {
    path: decision.path,
    origin: "session",
    make: policy === "repo_bound",
    clone: gitUrl && !skipClone ? { url: gitUrl, branch } : null,
    code: null,
    notice: null,
    asked: null,
  };
}

/** Where a repository without a directory of its own goes: below the workspace root, by its name. */
function repoDirectory(
  remote: string,
  branch: string | null,
  { workspaceRoot }: DirectoryContext,
): string {
  const names = [...remote.split("/"), branch ?? "default"].map((name) =>
    name.replace(/[^\p{L}\p{N}._-]+/gu, "_").replace(/^\.+/, "_").slice(0, 100) || "_"
  );
  return [workspaceRoot, "repos", ...names.slice(0, 20)].join("/");
}

function fallback(
  request: DirectoryRequest,
  context: DirectoryContext,
  seam: WorkdirSeam,
  code: string | null,
  reason: string | null,
): ChosenDirectory {
  const rest = managed(request, context, seam);
  if (code === null) return rest;
  const asked = request.workdir ? ` instead of "${showPath(request.workdir)}"` : "";
  const remedy = code === "workdir_outside_allowed_roots" && request.workdir
    ? ` Its owner can allow it with: wegent-executor roots add ${quoted(request.workdir.trim())}`
    : "";
  const notice = `Working in the managed directory ${rest.path}${asked}: ${reason}.${remedy}`;
  return { ...rest, code, notice };
}

async function projectDirectory(
  request: DirectoryRequest,
  context: DirectoryContext,
  seam: WorkdirSeam,
): Promise<ChosenDirectory | null> {
  const { workspaceSource, projectId, gitUrl, skipClone, branch, standaloneChat } = request;
  const given = request.projectPath?.trim() || null;
  const inWorkspace = projectId && gitUrl ? `projects/${projectId}/${repoName(gitUrl)}` : null;
  const wanted = workspaceSource || gitUrl || standaloneChat ? given ?? inWorkspace : null;
  if (wanted === null) return null;
  const { path, exists } = await projectPath(wanted, context, seam);
  const cloneable = gitUrl !== null && !skipClone && workspaceSource !== "local_path" &&
    workspaceSource !== "git_worktree";
  const ownChat = standaloneChat && !workspaceSource && !gitUrl;
  if (!exists && !cloneable && workspaceSource !== "local_path" && !ownChat && !skipClone) {
    throw new AppError("project_missing", `The project's directory "${showPath(path)}" is gone`, {
      remedy: "Create the project's working copy again, or start a task without it",
    });
  }
  return {
    path,
    origin: ownChat ? "chat" : "project",
    make: true,
    // A checkout that is there is the server's: it was made by its own commands.
    clone: cloneable && (!exists || isEmpty(path)) ? { url: gitUrl, branch } : null,
    code: null,
    notice: null,
    asked: null,
  };
}

/** Checks a project's path by the rules of decision "projects": `home`, `roots` or `any`. */
async function projectPath(
  wanted: string,
  context: DirectoryContext,
  seam: WorkdirSeam,
): Promise<{ path: string; exists: boolean }> {
  const text = readPathText(wanted, context.userHome, { base: context.workspaceRoot });
  const shown = showPath(wanted);
  if ("fault" in text) {
    throw new AppError(
      "project_invalid",
      `The project's directory "${shown}" is not a valid path`,
      {
        remedy: "Choose another directory for the project",
      },
    );
  }
  const found = await resolve(text.path, true, seam);
  if ("code" in found) {
    throw new AppError("project_not_accessible", `Cannot use the project's directory "${shown}"`, {
      remedy: "Check that it is a directory that can be read and written",
    });
  }
  const bounds = projectBounds(context).map((root) => seam.realPathNow(root) ?? root);
  const root = bounds.filter((bound) => isWithin(bound, found.path))
    .sort((a, b) => b.length - a.length)[0];
  if (root === undefined) {
    throw new AppError(
      "project_outside_roots",
      `The project's directory "${shown}" is outside the allowed roots of this device`,
      { remedy: `Allow it on the device with \`wegent-executor roots add ${quoted(found.path)}\`` },
    );
  }
  if (isProtected({ path: found.path, root }, context, seam)) {
    throw new AppError(
      "project_protected",
      `The project's directory "${shown}" is a protected directory`,
      { remedy: "Choose another directory for the project" },
    );
  }
  return found;
}

/** Trees a project may lie in. */
function projectBounds({ projects, allowedRoots, userHome }: DirectoryContext): readonly string[] {
  switch (projects) {
    case "roots":
      return allowedRoots;
    case "home":
      return [...allowedRoots, userHome];
    case "any":
      return [...allowedRoots, userHome, "/"];
  }
}

function quoted(path: string): string {
  const shown = showPath(path);
  return /^[\w./~-]+$/.test(shown) ? shown : `'${shown.replaceAll("'", "'\\''")}'`;
}

function isEmpty(path: string): boolean {
  for (const _ of Deno.readDirSync(path)) return false;
  return true;
}

type BotFallback = { readonly code: string; readonly notice: string };

async function botDirectory(
  request: DirectoryRequest,
  context: DirectoryContext,
  seam: WorkdirSeam,
): Promise<ChosenDirectory | BotFallback | null> {
  const cwd = request.botCwd?.trim();
  if (!cwd) return null;
  const wanted = { ...request, workdir: cwd, policy: "existing" };
  const decision = await decideWorkdir(wanted, context, seam);
  if (decision.kind === "managed") {
    if (decision.code === null) return null;
    const notice = `The bot's directory "${showPath(cwd)}" is not used: ${decision.reason}.`;
    return { code: decision.code, notice };
  }
  return {
    path: decision.path,
    origin: "bot",
    make: false,
    clone: null,
    code: null,
    notice: null,
    asked: null,
  };
}

async function chatDirectory(
  { standaloneChat, projectId, gitUrl, workspaceSource }: DirectoryRequest,
  context: DirectoryContext,
  { bound }: KnownDirectories,
  seam: WorkdirSeam,
): Promise<ChosenDirectory | null> {
  if (!standaloneChat || projectId !== 0 || gitUrl || workspaceSource) return null;
  if (!context.standaloneChats) return null;
  const chat = {
    origin: "chat",
    make: true,
    clone: null,
    code: null,
    notice: null,
    asked: null,
  } as const;
  if (bound?.origin !== "chat") return { ...chat, path: null };
  // A retry, or a server that does not send the path back: the conversation has its directory.
  const { path } = await projectPath(bound.path, context, seam);
  return { ...chat, path };
}

/** `{workspaceRoot}/{taskId}`, or the repository's checkout in it. */
function managed(
  { taskId, gitUrl, branch, skipClone }: DirectoryRequest,
  { workspaceRoot }: DirectoryContext,
  seam: WorkdirSeam,
): ChosenDirectory {
  const own = `${seam.realPathNow(workspaceRoot) ?? workspaceRoot}/${taskId}`;
  const common = { make: true, code: null, notice: null, asked: null } as const;
  if (!gitUrl) return { ...common, path: own, origin: "managed", clone: null };
  return {
    ...common,
    path: `${own}/${repoName(gitUrl)}`,
    origin: "clone",
    clone: skipClone ? null : { url: gitUrl, branch },
  };
}
