/** Where the things of one session lie. Pure. */
import type { Settings } from "../config/mod.ts";
import { join } from "../platform/std/path.ts";
import { agentOf, type RuntimeName } from "../runtimes/mod.ts";
import type { SessionDirectory } from "./directories.ts";

/** Directories of a session; all absolute. */
export interface SessionLayout {
  /** The device's own for this session: temporary files, and the session file of a managed directory. */
  readonly stateDir: string;
  readonly tempDir: string;
  /** Where the agent's session id is kept. */
  readonly sessionDir: string;
  /** The agent's configuration directory; null: its owner's own. */
  readonly configDir: string | null;
  /** Parent of one directory for each turn's attachments. */
  readonly attachmentsDir: string;
  /** The session's things lie in `.wegent` of a directory that is somebody's: kept out of its git. */
  readonly ownState: boolean;
  /** Directory of the task below the workspace root, when the session needs it beside its workdir. */
  readonly taskDir: string | null;
}

/**
 * Lays out a session. In a directory that was chosen (by its user, a project, a chat) everything lies in
 * its `.wegent`; a managed directory keeps the places Wegent's own executor has. `spare` names a session
 * that has no task yet.
 */
export function sessionLayout(
  { paths, workspaceRoot }: Pick<Settings, "paths" | "workspaceRoot">,
  session: {
    taskId: number;
    key: string;
    runtime: RuntimeName;
    ownConfig: boolean;
    spare?: string;
  },
  { path, origin }: Pick<SessionDirectory, "path" | "origin">,
  os = Deno.build.os,
): SessionLayout {
  const { taskId, key, runtime, ownConfig, spare } = session;
  const config = agentOf(runtime).configDir;
  const stateDir = join(paths.sessions, spare ?? String(taskId), key);
  const common = { stateDir, tempDir: join(stateDir, "tmp") };
  if (origin === "session" || origin === "project" || origin === "chat") {
    const own = join(path, ".wegent");
    return {
      ...common,
      sessionDir: join(own, "session", String(taskId), key),
      configDir: ownConfig ? null : join(own, config),
      attachmentsDir: join(own, "attachments", String(taskId)),
      ownState: true,
      taskDir: null,
    };
  }
  const taskDir = join(workspaceRoot, String(taskId));
  const separator = os === "windows" ? "_" : ":";
  return {
    ...common,
    sessionDir: stateDir,
    configDir: ownConfig ? null : join(taskDir, config),
    attachmentsDir: join(taskDir, [taskId, "executor", "attachments"].join(separator)),
    ownState: false,
    taskDir: origin === "managed" ? null : taskDir,
  };
}
