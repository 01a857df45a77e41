/** How the host of a session is started: its directories, its sandbox policy, its command. */
import type { Settings } from "../config/mod.ts";
import type { HostStart } from "../device/mod.ts";
import { ensurePrivateDir, selfCommand, sourceRoots, writeFileAtomic } from "../platform/mod.ts";
import { dirname, join } from "../platform/std/path.ts";
import { buildPolicy, launchArgs } from "../scope/mod.ts";
import type { HostPlan } from "./hosts.ts";
import { socketPath } from "./sockets.ts";

/**
 * Where Claude Code keeps conversations and the like in its owner's configuration directory. The box
 * grants what exists, and never the directory itself: settings and hooks in it run unsandboxed later.
 */
const CLAUDE_STATE_DIRS = [
  "projects",
  "sessions",
  "session-env",
  "shell-snapshots",
  "tasks",
  "todos",
  "plans",
  "file-history",
];

/**
 * Plans the host for `request` in `workdir` (resolved). Makes the session's directories: the policy
 * grants only what exists when the launcher applies it.
 */
export async function planSession(
  settings: Settings,
  hostsDir: string,
  request: HostStart,
  workdir: string,
  agentBinary: string,
): Promise<HostPlan> {
  const { paths, sandbox, agent, userHome } = settings;
  const hostId = `h${Date.now().toString(36)}-${crypto.randomUUID().slice(0, 8)}`;
  const dir = join(hostsDir, hostId);
  const sessionDir = join(paths.sessions, String(request.task_id), request.key);
  const configDir = request.own_login ? null : join(workdir, ".claude");
  const agentConfigDir = configDir ?? join(userHome, ".claude");
  ensurePrivateDir(dir);
  const made = [sessionDir, join(sessionDir, "tmp"), agentConfigDir];
  if (request.own_login) made.push(...CLAUDE_STATE_DIRS.map((name) => join(agentConfigDir, name)));
  for (const path of made) Deno.mkdirSync(path, { recursive: true, mode: 0o700 });
  const policy = buildPolicy({
    mode: sandbox.mode,
    userHome,
    home: paths.home,
    workspaceRoot: settings.workspaceRoot,
    workdir,
    roots: settings.allowedRoots,
    hostDir: dir,
    // Where the socket lies when the home's path is too long for one.
    hostWrite: [dirname(await socketPath(dir, "host.sock"))],
    runsDir: paths.runs,
    sessionDir,
    agentConfigDir,
    agentsDir: paths.agents,
    // The configuration holds the token wherever `--config` put it.
    denyRead: [...sandbox.denyRead, settings.configFile],
    programDirs: sourceRoots(),
    env: Deno.env.toObject(),
  });
  const policyFile = join(dir, "policy.json");
  writeFileAtomic(policyFile, JSON.stringify(policy));
  const self = selfCommand();
  return {
    hostId,
    taskId: request.task_id,
    key: request.key,
    workdir,
    command: [...self, ...launchArgs(policyFile, "host", [...self, "__host"])],
    spec: {
      policy: policyFile,
      runtime: request.runtime,
      session_dir: sessionDir,
      config_dir: configDir,
      agent_binary: agentBinary,
      idle_ms: agent.idleMs,
      stall_ms: agent.stallMs,
      self,
    },
  };
}
