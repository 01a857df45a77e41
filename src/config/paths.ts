/** Where everything of one installation lies. Pure: nothing here touches the disk. */
import { isAbsolute, join, resolve } from "../platform/std/path.ts";

/** The directories and files below the executor's home. */
export interface HomePaths {
  /** `WEGENT_EXECUTOR_HOME`, default `~/.wegent-executor`. */
  readonly home: string;
  /** Configuration with the token; owner-only. */
  readonly config: string;
  /** The supervisor's own: lock, control socket, hosts. No worker and no agent may touch it. */
  readonly run: string;
  readonly lock: string;
  readonly hosts: string;
  /** What the device worker reads and writes: runs, queue, session ids. */
  readonly state: string;
  readonly runs: string;
  /** Runs whose terminal event was acknowledged; kept for a while. */
  readonly done: string;
  readonly sessions: string;
  /** Agent CLIs installed by us. */
  readonly agents: string;
  /** Records of what turns changed, for a server's commands. */
  readonly artifacts: string;
  /** The hub's data. */
  readonly hub: string;
  readonly logs: string;
}

/** Lays out the home directory `home` (absolute). */
export function homePaths(home: string): HomePaths {
  const run = join(home, "run");
  const state = join(home, "state");
  return {
    home,
    config: join(home, "device-config.json"),
    run,
    lock: join(run, "daemon.lock"),
    hosts: join(run, "hosts"),
    state,
    runs: join(state, "runs"),
    done: join(state, "done"),
    sessions: join(state, "sessions"),
    agents: join(home, "agents"),
    artifacts: join(home, "artifacts"),
    hub: join(home, "hub"),
    logs: join(home, "logs"),
  };
}

/** Expands a leading `~` and makes `path` absolute against the user's home directory. */
export function expandHome(path: string, userHome: string): string {
  if (path === "~") return userHome;
  if (path.startsWith("~/") || path.startsWith("~\\")) {
    return join(userHome, path.slice(2));
  }
  return isAbsolute(path) ? path : resolve(userHome, path);
}
