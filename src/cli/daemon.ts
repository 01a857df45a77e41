/** Running the daemon in this process: signals, the agent's CLI, restart by replacing the process. */
import type { Settings } from "../config/mod.ts";
import { execve } from "../platform/libc.ts";
import { AppError, exists, EXIT, type Logger, selfCommand } from "../platform/mod.ts";
import { agentOf, type RuntimeName } from "../runtimes/mod.ts";
import { configuredPath, ensureProgram } from "../runtimes/shared/mod.ts";
import { type DaemonEnd, Supervisor } from "../supervisor/mod.ts";
import { note, progressBar } from "./output.ts";

/** What a foreground daemon tells its command. */
export interface DaemonHooks {
  /** Reads the configuration again. */
  reload(): Promise<Settings>;
  /** Finds an agent's CLI. @default a finder of its own */
  agentBinary?: AgentFinder;
  onRegistered?(server: string): void;
}

/**
 * Runs the device until it is stopped.
 *
 * @returns How it ended; after `restart` the caller replaces the process.
 */
export async function runDaemon(
  settings: Settings,
  log: Logger,
  hooks: DaemonHooks,
): Promise<DaemonEnd> {
  let refused = false;
  const supervisor = new Supervisor({
    settings,
    log,
    agentBinary: hooks.agentBinary ?? agentFinder(settings, log),
    reload: () => hooks.reload(),
    onRegistered: (server) => hooks.onRegistered?.(server),
    onAuthRefused: (message) => {
      if (!refused) note(`The server refuses the credential: ${message}`);
      refused = true;
    },
  });
  const removeSignals = onSignals(supervisor, log);
  try {
    return await supervisor.run();
  } finally {
    removeSignals();
  }
}

/**
 * Finds the program of an agent: its absolute path.
 *
 * @param onNote Told, in words for people, how an installation comes on.
 */
export type AgentFinder = (
  runtime: RuntimeName,
  onNote?: (text: string) => void,
) => Promise<string>;

/** Finds each agent's program once and again only when it has gone; installs it when there is none. */
export function agentFinder(settings: Settings, log: Logger): AgentFinder {
  const found = new Map<RuntimeName, Promise<string>>();
  const notes = new ProgressNotes();
  const look = (runtime: RuntimeName) => {
    const path = findAgent(runtime, settings, log, notes);
    found.set(runtime, path);
    // A failed search is not remembered.
    path.catch(() => found.delete(runtime));
    return path;
  };
  return async (runtime, onNote) => {
    if (onNote) notes.listen(runtime, onNote);
    try {
      const path = await (found.get(runtime) ?? look(runtime));
      return exists(path, { followLinks: true }) ? path : await look(runtime);
    } finally {
      if (onNote) notes.forget(runtime, onNote);
    }
  };
}

async function findAgent(
  runtime: RuntimeName,
  settings: Settings,
  log: Logger,
  notes: ProgressNotes,
): Promise<string> {
  const { program } = agentOf(runtime);
  const env = Deno.env.toObject();
  const bar = progressBar(`Installing the ${program.label} CLI`);
  const { path, version, source } = await ensureProgram(program, {
    installDir: settings.paths.agents,
    userHome: settings.userHome,
    env,
    configured: configuredPath(program, env, settings.agent.binaries),
    onProgress: (done, total) => {
      bar(done, total);
      notes.progress(runtime, `Installing the ${program.label} CLI`, done, total);
    },
  });
  log.info(`${program.label} CLI`, { path, version, source });
  return path;
}

/** Who waits for an installation hears of every tenth of it. */
class ProgressNotes {
  readonly #listeners = new Map<RuntimeName, Set<(text: string) => void>>();
  readonly #told = new Map<RuntimeName, number>();

  listen(runtime: RuntimeName, listener: (text: string) => void): void {
    const set = this.#listeners.get(runtime) ?? new Set();
    this.#listeners.set(runtime, set.add(listener));
  }

  forget(runtime: RuntimeName, listener: (text: string) => void): void {
    this.#listeners.get(runtime)?.delete(listener);
  }

  progress(runtime: RuntimeName, what: string, done: number, total: number): void {
    const tenth = total > 0 ? Math.floor(done / total * 10) : 0;
    if (tenth === this.#told.get(runtime)) return;
    this.#told.set(runtime, tenth);
    const size = total > 0 ? ` (${Math.round(total / 1e6)} MB)` : "";
    const text = `${what}${size}: ${tenth * 10} %`;
    for (const listener of this.#listeners.get(runtime) ?? []) listener(text);
  }
}

function onSignals(supervisor: Supervisor, log: Logger): () => void {
  const stop = () => void supervisor.stop();
  const restart = () => supervisor.restart();
  const signals: [Deno.Signal, () => void][] = Deno.build.os === "windows"
    ? [["SIGINT", stop], ["SIGBREAK", stop]]
    : [["SIGINT", stop], ["SIGTERM", stop], ["SIGHUP", restart]];
  for (const [signal, handler] of signals) {
    Deno.addSignalListener(signal, handler);
  }
  log.debug("Signal handlers installed");
  return () => {
    for (const [signal, handler] of signals) {
      Deno.removeSignalListener(signal, handler);
    }
  };
}

/** Carries the credential of `--token` over a restart; never written to a file. */
const RESTART_TOKEN = "WEGENT_EXECUTOR_RESTART_TOKEN";

/** The credential that the process before a restart was given by `--token`, once. */
export function restartToken(): string | undefined {
  const token = Deno.env.get(RESTART_TOKEN);
  Deno.env.delete(RESTART_TOKEN);
  return token;
}

/**
 * Replaces this process by a fresh one with the same arguments; a service manager sees no exit.
 *
 * @param token Credential of `--token`, which may have come from standard input and cannot be read again.
 */
export function replaceProcess(token?: string): never {
  const [command, ...args] = selfCommand();
  if (!command) throw new AppError("restart_failed", "Cannot find the program's own path");
  const env = { ...Deno.env.toObject(), ...(token && { [RESTART_TOKEN]: token }) };
  const given = token ? withoutToken(Deno.args) : Deno.args;
  return execve(command, [command, ...args, ...given], env);
}

function withoutToken(args: readonly string[]): string[] {
  const at = args.indexOf("--token");
  const rest = at < 0 ? [...args] : args.toSpliced(at, 2);
  return rest.filter((arg) => !arg.startsWith("--token="));
}

/** @throws {AppError} `no_server` (exit 78) naming the three ways to give one. */
export function requireServer(settings: Settings): void {
  const missing = !settings.backendUrl ? "server" : !settings.authToken ? "credential" : null;
  if (!missing) return;
  throw new AppError(
    "no_server",
    `Cannot connect: no ${missing} is configured`,
    {
      exitCode: EXIT.config,
      remedy: [
        "set WEGENT_BACKEND_URL and WEGENT_AUTH_TOKEN in the environment,",
        'or "connection" in the file that `wegent-executor config path` names,',
        "or run `wegent-executor up` for a server of your own on this machine",
      ].join("\n       "),
    },
  );
}
