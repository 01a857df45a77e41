/** What happens to a session's directory before a turn: repository, attachments, our own state in it. */
import { ensurePrivateDir, exists, removeIfExists, writeFileAtomic } from "../platform/mod.ts";
import { join } from "../platform/std/path.ts";
import type { ExecuteRequest } from "../protocol/mod.ts";
import { agentOf } from "../runtimes/mod.ts";
import { resolveSecret } from "../runtimes/shared/mod.ts";
import { launchArgs } from "../scope/mod.ts";
import {
  fetchSkills,
  gitEnvironment,
  type GitFacts,
  migrateSession,
  type Prepared,
  type PrepareJob,
  prepareWorkspace,
  rewritePrompt,
  wantedSkills,
} from "../workdir/mod.ts";
import type { HostSpec } from "./attach_protocol.ts";
import { withImages } from "./prompt_images.ts";

/** The world of a preparation, as the turn gives it. */
export interface PrepareTurn {
  readonly subtaskId: number;
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  onProgress(text: string): void;
}

/** A turn's request and what its agent gets beside it. */
export interface PreparedTurn {
  /** With the paths of attachments in its prompt. */
  readonly request: ExecuteRequest;
  /** Variables for the agent: its repository and how to log in there. */
  readonly variables: Readonly<Record<string, string>>;
  readonly notes: readonly string[];
  readonly secrets: readonly string[];
  /** What the owner's hook printed. */
  readonly hookOutput: string;
}

/** See the module comment. One for each host. */
export class Workspace {
  constructor(private readonly spec: HostSpec) {}

  /**
   * Prepares the directory for a turn. What is there already costs next to nothing.
   *
   * @throws {AppError} what `prepareWorkspace` throws; nothing half-made is left behind.
   */
  async prepare(request: ExecuteRequest, turn: PrepareTurn): Promise<PreparedTurn> {
    const { spec } = this;
    const { workspace } = spec;
    ensurePrivateDir(spec.temp_dir);
    if (workspace.own_state) await this.#ownState(request);
    const facts = await gitFacts(request, turn.env);
    const firstTurn = !exists(this.#marker);
    const job = jobOf(spec, request, facts, { subtaskId: turn.subtaskId, firstTurn });
    const prepared: Prepared = needsWork(job)
      ? await prepareWorkspace(job, {
        launch: [...spec.self, ...launchArgs(spec.policy, "prepare", [])],
        env: turn.env,
        signal: turn.signal,
        onProgress: (text) => turn.onProgress(text),
      })
      : { notes: [], attachments: [], secrets: [], cloned: false, hookOutput: "" };
    const skills = await this.#skills(request, turn.signal);
    if (firstTurn) writeFileAtomic(this.#marker, "", { sync: false });
    return {
      request: {
        ...request,
        prompt: withImages(
          rewritePrompt(request.prompt, prepared.attachments),
          prepared.attachments,
        ),
      },
      variables: gitEnvironment(facts, turn.env),
      notes: [...prepared.notes, ...skills],
      secrets: prepared.secrets,
      hookOutput: prepared.hookOutput,
    };
  }

  /** Skills of the task go into the agent's own directory; the owner's is not written for a task. */
  async #skills(request: ExecuteRequest, signal: AbortSignal): Promise<string[]> {
    const { config_dir, runtime, workspace } = this.spec;
    if (config_dir === null || !agentOf(runtime).preparation.skills) return [];
    if (wantedSkills(request).length === 0) return [];
    return await fetchSkills({
      request,
      skillsDir: join(config_dir, "skills"),
      downloadBase: workspace.download_base,
      signal,
    });
  }

  /** Says that this task's directory has been prepared once. */
  get #marker(): string {
    return join(this.spec.session_dir, "prepared");
  }

  /** A directory of somebody's own: what an earlier version kept elsewhere moves into its `.wegent`. */
  async #ownState(request: ExecuteRequest): Promise<void> {
    const { spec } = this;
    const { earlier } = spec.workspace;
    ensurePrivateDir(spec.session_dir);
    if (spec.config_dir !== null) ensurePrivateDir(spec.config_dir);
    if (request.new_session) return;
    await migrateSession({
      oldDir: earlier.session_dir,
      newDir: spec.session_dir,
      oldConfigDir: earlier.config_dir,
      newConfigDir: spec.config_dir,
      workdir: spec.workdir,
      pythonDirs: earlier.python,
      botId: request.bot[0]?.id ?? null,
    });
  }

  /** Removes what only this host needed. */
  clear(): void {
    removeIfExists(this.spec.temp_dir, { recursive: true });
  }
}

/** Variables for the agent of a request: its repository and how to log in there. */
export async function gitVariables(
  request: ExecuteRequest,
  env: Readonly<Record<string, string>>,
): Promise<Record<string, string>> {
  return gitEnvironment(await gitFacts(request, env), env);
}

function jobOf(
  { task_id, workdir, workspace, runtime }: HostSpec,
  request: ExecuteRequest,
  facts: GitFacts,
  { subtaskId, firstTurn }: { subtaskId: number; firstTurn: boolean },
): PrepareJob {
  const { user } = request;
  // The turn whose message brought the files: a retry finds them there.
  const owner = request.attachments[0]?.subtask_id ?? request.user_subtask_id ?? subtaskId;
  return {
    taskId: task_id,
    subtaskId,
    workdir,
    origin: workspace.origin,
    firstTurn,
    clone: workspace.clone && { ...workspace.clone, into: workdir },
    git: {
      token: facts.token,
      login: facts.login,
      domain: facts.domain,
      id: user?.git_id === null || user?.git_id === undefined ? null : String(user.git_id),
      email: user?.git_email ?? null,
    },
    attachments: request.attachments,
    attachmentsDir: join(workspace.attachments_dir, String(owner)),
    // The server this device is connected to: the request may name one that only its own network reaches.
    downloadBase: workspace.download_base || (request.backend_url?.trim() ?? ""),
    authToken: request.auth_token,
    ownState: workspace.own_state,
    gitUrl: request.git_url ?? null,
    taskDir: workspace.task_dir ?? null,
    hook: workspace.hook ?? null,
    instructionFiles: agentOf(runtime).preparation.instructionFiles
      ? workspace.instruction_files ?? []
      : [],
  };
}

function needsWork(job: PrepareJob): boolean {
  return job.clone !== null || job.attachments.length > 0 || (job.ownState && job.firstTurn) ||
    job.origin === "project" || Boolean(job.hook);
}

async function gitFacts(
  request: ExecuteRequest,
  env: Readonly<Record<string, string>>,
): Promise<GitFacts> {
  const { user } = request;
  const token = user?.git_token ? await resolveSecret(user.git_token, env) : null;
  return {
    url: request.git_url?.trim() || null,
    // The host the token belongs to, which need not be the repository's.
    domain: user?.git_domain || request.git_domain || null,
    token,
    login: user?.git_login ?? null,
    branch: request.branch_name ?? null,
    repo: textOf(request["git_repo"]),
    repoId: textOf(request["git_repo_id"]),
  };
}

function textOf(value: unknown): string | null {
  return typeof value === "string" || typeof value === "number" ? String(value) : null;
}
