/** Keeps the agent's process alive between turns and starts another one when that does not fit. */
import { AppError, ensurePrivateDir, type Logger, writeFileAtomic } from "../platform/mod.ts";
import type { AgentPlan, AgentProcess, Runtime, SessionStart } from "../runtimes/mod.ts";
import { launchArgs } from "../scope/mod.ts";
import type { HostSpec } from "./attach_protocol.ts";
import { reapOrphans, sweep } from "./processes.ts";
import { SessionFile } from "./session_file.ts";

/** Limit for interrupting what the agent does by itself when a turn is to begin. */
const SETTLE_MS = 2000;

/** A process ready for a turn. */
export interface AcquiredAgent {
  readonly process: AgentProcess;
  /** `live`: kept from the turn before; `spare`: started before anybody asked. */
  readonly how: "live" | "spare" | "resume" | "fresh";
}

/** See the module comment. */
export class AgentKeeper {
  #session: SessionFile | null = null;
  #process: AgentProcess | null = null;
  #fingerprint = "";
  #namesModel = false;
  /** The process has had no turn yet: it belongs to no conversation. */
  #spare = false;
  /** Resolves when nothing of the last process is left. */
  #cleaned: Promise<void> = Promise.resolve();

  constructor(
    private readonly runtime: Runtime,
    private readonly spec: HostSpec,
    private readonly log: Logger,
    private readonly onAgent: (pid: number | null) => void,
  ) {}

  /** What is remembered of the conversation; a spare has one once it has a task. */
  get session(): SessionFile {
    const { runtime: agent, session_dir, workdir, config_dir: configDir } = this.spec;
    return this.#session ??= new SessionFile(session_dir, { agent, workdir, configDir });
  }

  get pid(): number | null {
    return this.#process?.pid ?? null;
  }

  /** Private directory for temporary files of the agent. */
  get tempDir(): string {
    return this.spec.temp_dir;
  }

  /**
   * A process for a turn: the live one when it was started from an equal plan, else a new one that
   * resumes the conversation, if there is one.
   *
   * @param fresh Begins a new conversation in a new process.
   */
  async acquire(plan: AgentPlan, fresh: boolean): Promise<AcquiredAgent> {
    const live = this.#process;
    const saved = fresh ? null : this.session.read();
    const spare = this.#spare;
    this.#spare = false;
    // A spare has a conversation of its own, which is as good as a new one and no other.
    const fits = spare ? saved === null : !fresh;
    if (live && fits && this.#fingerprint === plan.fingerprint && await live.settle(SETTLE_MS)) {
      return { process: live, how: spare ? "spare" : "live" };
    }
    await this.end();
    const session: SessionStart = saved
      ? { kind: "resume", id: saved.id, defaultModel: saved.model }
      : { kind: "fresh", id: crypto.randomUUID() };
    return { process: this.#start(plan, session), how: saved ? "resume" : "fresh" };
  }

  /** Starts a process for a turn that is still to come. */
  warm(plan: AgentPlan): void {
    if (this.#process) return;
    this.#start(plan, { kind: "fresh", id: crypto.randomUUID() });
    this.#spare = true;
  }

  /** Remembers the conversation, so that it can be resumed; `model` as the agent says. */
  remember(id: string, model: string | null): void {
    this.session.write(id, this.#namesModel ? null : model);
  }

  #start(plan: AgentPlan, session: SessionStart): AgentProcess {
    const { spec } = this;
    for (const { path, text } of plan.files) writeFileAtomic(path, text, { sync: false });
    ensurePrivateDir(this.tempDir);
    if (spec.config_dir !== null) ensurePrivateDir(spec.config_dir);
    requireDirectory(spec.workdir);
    const process = this.runtime.start(plan, {
      launch: [...spec.self, ...launchArgs(spec.policy, "agent", [])],
      binary: spec.agent_binary,
      cwd: spec.workdir,
      env: sourceCache(spec),
      session,
    });
    this.#process = process;
    this.#fingerprint = plan.fingerprint;
    this.#namesModel = plan.model !== null;
    this.log.info("Agent started", { pid: process.pid });
    this.onAgent(process.pid);
    this.#cleaned = process.exit.then(async ({ code, signal }) => {
      const { pid, malformed } = process;
      this.log.info("Agent ended", { pid, code, signal, malformed });
      this.#process = null;
      this.onAgent(null);
      // Whatever the reason: a dead CLI leaves its commands running as orphans.
      await this.sweep();
    });
    return process;
  }

  /**
   * Ends the process and everything it left behind; the conversation can be resumed.
   *
   * @param hurry Spends little time on asking politely.
   */
  async end(hurry = false): Promise<void> {
    const process = this.#process;
    if (process) await process.stop(hurry);
    // Not to wait for ever on a process that even SIGKILL does not end.
    if (!process || process.exited) await this.#cleaned;
    else await this.sweep();
  }

  /** Kills what is left of the agent. */
  async sweep(): Promise<void> {
    const killed = await sweep(this.spec.host);
    if (killed > 0) this.log.info("Ended processes the agent left behind", { killed });
  }

  /** Collects orphans that ended while the agent lives. */
  reap(): void {
    reapOrphans(new Set(this.#process ? [this.#process.pid] : []));
  }
}

function requireDirectory(path: string): void {
  try {
    if (Deno.statSync(path).isDirectory) return;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  throw new AppError("workdir_missing", `The working directory "${path}" is gone`, {
    remedy: "Create it again, or start a new conversation",
  });
}

/** The launcher, when it runs from source, needs Deno's cache where it is. */
function sourceCache(spec: HostSpec): Record<string, string> {
  const dir = spec.self.length > 1 ? Deno.env.get("DENO_DIR") : undefined;
  return dir ? { DENO_DIR: dir } : {};
}
