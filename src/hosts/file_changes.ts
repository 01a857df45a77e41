/**
 * What a turn changed in its directory. A snapshot before and one after the turn, so that what a shell or
 * a server of tools did counts as well as the agent's own edits.
 *
 * The first one is taken while the agent starts or waits for its model. Should a tool come sooner, its
 * permission is held back until the snapshot stands; a tool that needs none and may have written by then
 * makes the turn's changes unknown, and nothing is said about them. Turns without tools that could write
 * have no second snapshot.
 */
import { AppError, errorText, type Logger } from "../platform/mod.ts";
import { join } from "../platform/std/path.ts";
import type { ExecuteRequest, ResponseEvent } from "../protocol/mod.ts";
import type { AskingTool } from "../runtimes/mod.ts";
import { launchArgs } from "../scope/mod.ts";
import { type FileChanges, Snapshots, snapshotsDir, writeArtifact } from "../workdir/mod.ts";
import type { HostSpec, RunSpec } from "./attach_protocol.ts";

/** Tools that change no file of the workdir. */
const HARMLESS = new Set([
  "Read",
  "Glob",
  "Grep",
  "LS",
  "NotebookRead",
  "TodoRead",
  "TodoWrite",
  "WebFetch",
  "WebSearch",
  "ToolSearch",
  "AskUserQuestion",
  "EnterPlanMode",
  "ExitPlanMode",
  "Skill",
  "ListMcpResourcesTool",
  "ReadMcpResourceTool",
]);
/** Tools that name the one file they change. */
const EDITS = new Set(["Write", "Edit", "MultiEdit", "NotebookEdit"]);
/** After so many failures in a row a session looks no more: its directory is too large or too slow. */
const MAX_FAILURES = 2;

interface SeenTool {
  readonly name: string;
  path: string | null;
  /** Its arguments are complete: it may run. */
  ready: boolean;
  failed: boolean;
}

/** See the module comment. One for each host. */
export class ChangeTracker {
  #snapshots: Snapshots | null = null;
  #last: Promise<unknown> = Promise.resolve();
  #failures = 0;

  constructor(private readonly spec: HostSpec, private readonly log: Logger) {}

  /** The tracker of a turn; null when nobody is to be told, or the directory is beyond it. */
  begin(request: ExecuteRequest, run: RunSpec): TurnChanges | null {
    const artifacts = this.spec.workspace.artifacts_dir;
    const deviceId = request.device_id;
    if (!artifacts || !deviceId || this.#failures >= MAX_FAILURES) return null;
    const owner = {
      taskId: run.task_id,
      subtaskId: run.subtask_id,
      deviceId,
      workdir: this.spec.workdir,
    };
    return new TurnChanges({
      snapshots: this.#snapshots ??= this.#make(),
      // One after the other: an earlier turn may have ended before its snapshot stood.
      queue: (work) => {
        const next = this.#last.then(work);
        this.#last = next.catch(() => {
          // Told to whoever queued it.
        });
        return next;
      },
      save: (changes) => writeArtifact(artifacts, owner, changes),
      onEnd: (error) => this.#note(error),
      onLeft: (error) => this.log.debug("Snapshots stay", { error: errorText(error) }),
    });
  }

  /** Ends the shell; what was kept goes. */
  async close(): Promise<void> {
    await this.#snapshots?.close();
  }

  #note(error: unknown): void {
    if (error === null) {
      this.#failures = 0;
      return;
    }
    this.#failures++;
    this.log.warn("Cannot tell what the turn changed", {
      error: errorText(error),
      ...(error instanceof AppError && { code: error.code }),
      ...(this.#failures >= MAX_FAILURES && { further: "not looked for in this session" }),
    });
  }

  #make(): Snapshots {
    const { spec } = this;
    return new Snapshots({
      workdir: spec.workdir,
      dir: snapshotsDir(spec.dir),
      ignored: [
        join(spec.workdir, ".wegent"),
        spec.workspace.attachments_dir,
        spec.session_dir,
        ...(spec.config_dir === null ? [] : [spec.config_dir]),
      ].map(withoutLinks),
    }, {
      launch: [...spec.self, ...launchArgs(spec.policy, "prepare", [])],
      env: Deno.env.toObject(),
    });
  }
}

/** What a turn's tracker needs of its session's. */
export interface TurnSeam {
  readonly snapshots: Pick<Snapshots, "before" | "after" | "keep" | "release" | "close">;
  queue<T>(work: () => Promise<T>): Promise<T>;
  save(changes: Parameters<typeof writeArtifact>[2]): Promise<FileChanges>;
  /** Told once: why the changes are not known, or null. */
  onEnd(error: unknown): void;
  /** Told when snapshots could not be removed. */
  onLeft(error: unknown): void;
}

/** Watches one turn. */
export class TurnChanges {
  readonly #tools = new Map<string, SeenTool>();
  /** Tools that have waited for the snapshot, by id; by name where the agent gives none. */
  readonly #asked = new Set<string>();
  /** Tools that could have run before the snapshot stood. */
  #early: readonly string[] = [];
  #stands = false;
  /** Why a file could not be kept as it was. */
  #lost: unknown = null;
  #before: Promise<{ error: unknown } | null> | null = null;

  constructor(private readonly seam: TurnSeam) {}

  /** Takes the first snapshot; called when the agent is there. Again: the agent was started anew. */
  start(): void {
    this.#stands = false;
    this.#before = this.seam.queue(() => this.seam.snapshots.before()).then(() => {
      this.#stands = true;
      this.#early = [...this.#tools].filter(([, tool]) => tool.ready && mayWrite(tool.name))
        .map(([id]) => id);
      for (const [, tool] of this.#tools) if (tool.ready) this.#keep(tool.path);
      return null;
    }, (error: unknown) => ({ error }));
  }

  /** Takes note of the tools in a turn's events. */
  observe(events: readonly ResponseEvent[]): void {
    for (const { event, data } of events) {
      if (event === "response.output_item.added") this.#added(data["item"]);
      else if (event === "response.function_call_arguments.done") this.#ready(data);
      else if (event === "response.output_item.done") this.#done(data["item"]);
    }
  }

  /** To be awaited before a tool is allowed to run. Never rejects. */
  async beforeTool({ id, name, input }: AskingTool): Promise<void> {
    this.#asked.add(id ?? name);
    if (!mayWrite(name)) return;
    if (!this.#stands) await this.#before;
    if (this.#stands) this.#keep(pathOf(name, input));
  }

  /**
   * Takes the second snapshot and keeps the record.
   *
   * @param signal Nobody waits any more.
   * @returns What the server is told; null: nothing changed, or it is not known what.
   */
  async finish(signal: AbortSignal): Promise<FileChanges | null> {
    const wrote = [...this.#tools.values()].some(({ name }) => mayWrite(name));
    if (!wrote || this.#before === null || signal.aborted) return null;
    const ended = Promise.withResolvers<null>();
    const onAbort = () => {
      // Files that git still had in its hands may be in the way of the removal; the next turn clears up.
      this.seam.snapshots.close().catch((error) => this.seam.onLeft(error));
      ended.resolve(null);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await Promise.race([this.#look(signal), ended.promise]);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  async #look(signal: AbortSignal): Promise<FileChanges | null> {
    try {
      const failure = await this.#before;
      if (failure) throw failure.error;
      if (this.#lost !== null) throw this.#lost;
      const early = this.#early.find((id) =>
        !this.#asked.has(id) && !this.#asked.has(this.#tools.get(id)?.name ?? "")
      );
      if (early !== undefined) {
        throw new AppError("snapshot_late", `"${this.#tools.get(early)?.name}" ran too early`);
      }
      const changes = await this.seam.queue(() => this.seam.snapshots.after());
      const told = changes && await this.seam.save(changes);
      this.seam.onEnd(null);
      return told;
    } catch (error) {
      if (!signal.aborted) this.seam.onEnd(error);
      return null;
    }
  }

  #added(item: unknown): void {
    const { id, name } = fieldsOf(item);
    if (typeof id !== "string" || typeof name !== "string") return;
    this.#tools.set(id, { name, path: null, ready: false, failed: false });
  }

  #ready(data: ResponseEvent["data"]): void {
    const tool = this.#tools.get(String(data["item_id"]));
    if (!tool || tool.ready) return;
    tool.ready = true;
    tool.path = pathOf(tool.name, fieldsOf(data["arguments_summary"]));
    if (this.#stands) this.#keep(tool.path);
  }

  #done(item: unknown): void {
    const { id, status } = fieldsOf(item);
    const tool = this.#tools.get(String(id));
    if (!tool || status !== "failed") return;
    tool.failed = true;
    const { path } = tool;
    const others = [...this.#tools.values()].some((other) => other.path === path && !other.failed);
    // What a tool failed to change was changed by somebody else, if at all.
    if (path !== null && this.#stands && !others) this.seam.snapshots.release(path);
  }

  #keep(path: string | null): void {
    if (path === null) return;
    try {
      this.seam.snapshots.keep(path);
    } catch (error) {
      this.#lost ??= error;
    }
  }
}

/** Our own directories exist by now, or hold nothing. */
function withoutLinks(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return path;
    throw error;
  }
}

function mayWrite(name: string): boolean {
  return !HARMLESS.has(name);
}

function pathOf(name: string, input: Readonly<Record<string, unknown>>): string | null {
  if (!EDITS.has(name)) return null;
  const path = input["file_path"] ?? input["notebook_path"];
  return typeof path === "string" && path !== "" ? path : null;
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
}
