/**
 * Spare hosts: an agent started ahead for the next task of a directory that is known, so that the task
 * does not wait for it. A spare is started like the session before it and used only for a session in the
 * same directory, with the same bot, configuration and program; its host compares environment and
 * arguments before the first turn and starts another agent when they differ.
 */
import type { Settings } from "../config/mod.ts";
import type { AdoptedHost, HostStart } from "../device/mod.ts";
import { errorText, type Logger } from "../platform/mod.ts";
import type { SessionDirectory } from "./directories.ts";
import type { HostManager } from "./hosts.ts";
import { sessionLayout } from "./session_layout.ts";
import { planSession } from "./session_plan.ts";

/** How a session was started. */
export interface SessionStartFacts {
  readonly request: HostStart;
  readonly directory: SessionDirectory;
  readonly agentBinary: string;
}

/** Where somebody may come back to; other directories are made for one task. */
const RETURNING: ReadonlySet<string> = new Set(["session", "project"]);

/** Counts since the start. */
export interface SpareCounts {
  readonly waiting: number;
  /** Sessions that found one, and sessions in a directory known beforehand that did not. */
  readonly used: number;
  readonly missed: number;
  readonly started: number;
}

/** See the module comment. */
export class Spares {
  /** Spares that wait, oldest first, by host. */
  readonly #waiting = new Map<string, SessionStartFacts>();
  #starting = false;
  #used = 0;
  #missed = 0;
  #started = 0;

  constructor(
    private readonly hosts: HostManager,
    private readonly log: Logger,
  ) {}

  get counts(): SpareCounts {
    return {
      waiting: this.#waiting.size,
      used: this.#used,
      missed: this.#missed,
      started: this.#started,
    };
  }

  /** The spare for such a session, now its own; null when there is none. */
  take(settings: Settings, request: HostStart, directory: SessionDirectory): AdoptedHost | null {
    for (const [hostId, facts] of this.#waiting) {
      if (!alike(facts, request, directory)) continue;
      this.#waiting.delete(hostId);
      const { task_id: taskId, key, runtime, own_config: ownConfig } = request;
      const layout = sessionLayout(settings, { taskId, key, runtime, ownConfig }, directory);
      const { sessionDir, attachmentsDir } = layout;
      const host = this.hosts.assign(hostId, { taskId, sessionDir, attachmentsDir });
      if (host) this.#used++;
      return host;
    }
    if (RETURNING.has(directory.origin)) this.#missed++;
    return null;
  }

  /**
   * Starts spares like the session of `facts` up to the limit, one after the other, while enough memory is
   * free.
   *
   * @param onStarted Told of each host, which is to be told for what it waits.
   */
  async keep(
    settings: Settings,
    facts: SessionStartFacts,
    onStarted: (hostId: string) => void,
  ): Promise<void> {
    const { prewarm, prewarmFreeBytes } = settings.agent;
    if (!RETURNING.has(facts.directory.origin) || facts.directory.clone !== null) return;
    if (this.#starting) return;
    this.#starting = true;
    try {
      while (this.#like(facts) < prewarm) {
        if (Deno.systemMemoryInfo().available < prewarmFreeBytes) return;
        onStarted(await this.#start(settings, facts));
        await this.#makeRoom(prewarm);
      }
    } catch (error) {
      // Nobody waits for a spare.
      this.log.warn("Cannot start a spare session", { error: errorText(error) });
    } finally {
      this.#starting = false;
    }
  }

  #like({ request, directory }: SessionStartFacts): number {
    return [...this.#waiting.values()].filter((other) => alike(other, request, directory)).length;
  }

  async #start(settings: Settings, facts: SessionStartFacts): Promise<string> {
    const { request, directory, agentBinary } = facts;
    const plan = await planSession(settings, request, directory, agentBinary, { spare: true });
    const { hostId } = await this.hosts.start(plan);
    this.#waiting.set(hostId, facts);
    this.#started++;
    return hostId;
  }

  /** A host has ended. */
  closed(hostId: string): void {
    this.#waiting.delete(hostId);
  }

  async #makeRoom(limit: number): Promise<void> {
    for (const hostId of this.#waiting.keys()) {
      if (this.#waiting.size <= limit) return;
      this.#waiting.delete(hostId);
      await this.hosts.kill(hostId);
    }
  }
}

function alike(facts: SessionStartFacts, request: HostStart, directory: SessionDirectory): boolean {
  return facts.directory.path === directory.path && facts.directory.origin === directory.origin &&
    directory.clone === null && facts.request.key === request.key &&
    facts.request.runtime === request.runtime && facts.request.own_config === request.own_config;
}
