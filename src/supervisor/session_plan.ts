/** How the host of a session is started: its directories, its sandbox policy, its command. */
import type { Settings } from "../config/mod.ts";
import type { HostStart } from "../device/mod.ts";
import { ensurePrivateDir, selfCommand, sourceRoots, writeFileAtomic } from "../platform/mod.ts";
import { dirname, join } from "../platform/std/path.ts";
import { agentOf } from "../runtimes/mod.ts";
import { buildPolicy, diskSeam, isWithin, launchArgs, resolvePath } from "../scope/mod.ts";
import { preparationSettings, snapshotsDir, worktreeGrants } from "../workdir/mod.ts";
import type { SessionDirectory } from "./directories.ts";
import type { HostPlan } from "./hosts.ts";
import { type SessionLayout, sessionLayout } from "./session_layout.ts";
import { socketPath } from "./sockets.ts";

/**
 * Plans the host for `request` in the directory that was chosen. Makes the session's directories outside
 * of it: the policy grants only what exists when the launcher applies it. Those inside are the host's to
 * make, since whoever works there may have put links in the way.
 */
export async function planSession(
  settings: Settings,
  request: HostStart,
  directory: SessionDirectory,
  agentBinary: string,
  { spare = false }: { spare?: boolean } = {},
): Promise<HostPlan> {
  const { paths, sandbox, agent, userHome } = settings;
  const { task_id: taskId, key, runtime, own_config: ownConfig } = request;
  const { path: workdir } = directory;
  const facts = agentOf(runtime);
  const hostId = `h${Date.now().toString(36)}-${crypto.randomUUID().slice(0, 8)}`;
  const dir = join(paths.hosts, hostId);
  const session = { taskId, key, runtime, ownConfig, ...(spare && { spare: hostId }) };
  const layout = sessionLayout(settings, session, directory);
  const agentConfigDir = layout.configDir ?? join(userHome, facts.configDir);
  const roots = rootsOf(settings, directory);
  for (const path of [dir, snapshotsDir(dir), paths.artifacts]) ensurePrivateDir(path);
  const ownDirs = ownConfig ? facts.stateDirs.map((name) => join(agentConfigDir, name)) : [];
  makeOutside(layout, agentConfigDir, ownDirs);
  const policy = buildPolicy({
    mode: sandbox.mode,
    preset: sandbox.preset,
    userHome,
    home: paths.home,
    workspaceRoot: settings.workspaceRoot,
    workdir,
    roots,
    hostDir: dir,
    // Where the socket lies when the home's path is too long for one.
    hostWrite: [dirname(await socketPath(dir, "host.sock")), paths.artifacts],
    prepareWrite: [snapshotsDir(dir)],
    runsDir: paths.runs,
    sessionDir: layout.stateDir,
    agentConfigDir,
    agentsDir: paths.agents,
    extraWrite: [
      ...sandbox.write,
      ...(layout.taskDir ? [layout.taskDir] : []),
      ...worktreeGrants(workdir, roots.map((root) => resolvePath(root, diskSeam))),
    ],
    // The configuration holds the token wherever `--config` put it.
    denyRead: [...sandbox.denyRead, settings.configFile],
    programDirs: sourceRoots(),
    env: Deno.env.toObject(),
  });
  const policyFile = join(dir, "policy.json");
  writeFileAtomic(policyFile, JSON.stringify(policy), { sync: false });
  const self = selfCommand();
  return {
    hostId,
    taskId: spare ? 0 : taskId,
    key,
    workdir,
    ownDir: spare ? dirname(layout.stateDir) : null,
    command: [...self, ...launchArgs(policyFile, "host", [...self, "__host"])],
    spec: {
      policy: policyFile,
      runtime: request.runtime,
      session_dir: layout.sessionDir,
      temp_dir: layout.tempDir,
      config_dir: layout.configDir,
      agent_binary: agentBinary,
      idle_ms: agent.idleMs,
      stall_ms: agent.stallMs,
      forward_keys: agent.forwardKeys,
      self,
      workspace: workspaceOf(settings, directory, layout, taskId),
    },
  };
}

/** The roots that hold for a session: a project outside of them is one of its own. */
function rootsOf({ allowedRoots }: Settings, { path, origin }: SessionDirectory): string[] {
  return origin === "project" || origin === "chat" ? [...allowedRoots, path] : [...allowedRoots];
}

function makeOutside(
  layout: SessionLayout,
  agentConfigDir: string,
  ownDirs: readonly string[],
): void {
  const config = layout.ownState && ownDirs.length === 0 ? [] : [agentConfigDir];
  for (const path of [layout.stateDir, layout.tempDir, ...config, ...ownDirs]) {
    Deno.mkdirSync(path, { recursive: true, mode: 0o700 });
  }
}

function workspaceOf(
  { backendUrl, paths, workspaceRoot, trustedWorkspaces }: Settings,
  { path, origin, clone }: SessionDirectory,
  layout: SessionLayout,
  taskId: number,
): HostPlan["spec"]["workspace"] {
  return {
    origin,
    clone,
    attachments_dir: layout.attachmentsDir,
    own_state: layout.ownState,
    download_base: backendUrl,
    chat_path: origin === "chat" ? path : null,
    artifacts_dir: paths.artifacts,
    trusted: trustedWorkspaces.some((trusted) => isWithin(resolvePath(trusted, diskSeam), path)),
    ...(layout.taskDir && { task_dir: layout.taskDir }),
    ...preparationSettings(Deno.env.toObject()),
    earlier: {
      session_dir: layout.stateDir,
      config_dir: layout.configDir === null ? null : join(path, ".claude"),
      // Where Wegent's own executor kept the agent's session id.
      python: [join(workspaceRoot, String(taskId)), join(paths.home, "sessions", String(taskId))],
    },
  };
}
