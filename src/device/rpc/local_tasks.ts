/**
 * Keeps the list of local tasks and their transcripts while runs come and go: a session is listed from
 * its first turn on, whoever asked for it, and each turn is recorded when it ends.
 */
import { JournalReader } from "../../hosts/mod.ts";
import { errorText } from "../../platform/mod.ts";
import {
  cutText,
  type ExecuteRequest,
  executeRequest,
  type TaskRuntime,
  type TasksUpdated,
} from "../../protocol/mod.ts";
import { requestedAgent } from "../../runtimes/mod.ts";
import { hostRequest, promptText } from "../host_request.ts";
import type { Run } from "../run.ts";
import type { RunStore } from "../run_store.ts";
import { seal, unseal } from "../seal.ts";
import type { TaskRow, TaskStore, TurnRow } from "./task_store.ts";
import { type FoldedTurn, TurnFold } from "./turn_fold.ts";

/** Longest prompt that is kept, in UTF-16 units, and longest title, in characters. */
const MAX_TEXT = 200_000;
const MAX_TITLE = 100;
/** Larger requests are not kept; such a task cannot be continued by `send`. */
const MAX_REQUEST = 4 * 1024 * 1024;
/** Bytes of a journal that are folded before others get their turn. */
const FOLD_BYTES = 256 * 1024;
const PRUNE_EVERY = 200;

/** What the tasks need of the worker. */
export interface LocalTasksSeam {
  /** Opens the store; called at the first use. */
  openStore(): TaskStore;
  readonly runs: RunStore;
  /** Encrypts the requests that are kept. */
  readonly sealKey: Uint8Array;
  updated(event: TasksUpdated): void;
  log(level: "warn", message: string, fields: Record<string, unknown>): void;
}

/** See the module comment. */
export class LocalTasks {
  #opened: TaskStore | null = null;
  readonly #active = new Map<string, Run>();
  /** Task of each run that is known to belong to one. */
  readonly #ids = new WeakMap<Run, string>();
  readonly #recorded = new WeakSet<Run>();
  readonly #over = new WeakSet<Run>();
  #folding: Promise<void> = Promise.resolve();
  #turns = 0;

  constructor(private readonly seam: LocalTasksSeam) {}

  /** @throws When the file of the tasks cannot be opened. */
  get store(): TaskStore {
    if (this.#opened) return this.#opened;
    const store = this.seam.openStore();
    store.prune();
    return this.#opened = store;
  }

  /** Opens the store before it is needed: the first turn need not wait for it. */
  warm(): void {
    try {
      this.store;
    } catch (error) {
      this.seam.log("warn", "Cannot open the list of tasks", { error: errorText(error) });
    }
  }

  /** The turn of a task that runs or waits. */
  active(localId: string): Run | null {
    return this.#active.get(localId) ?? null;
  }

  /** Tells of a run that was accepted, started, found again or ended. A fault here harms no turn. */
  changed(run: Run): void {
    try {
      this.#take(run);
    } catch (error) {
      this.seam.log("warn", "Cannot record a turn for the list of tasks", {
        run: run.id,
        error: errorText(error),
      });
    }
  }

  /** The request the task's last turn was made with, without its prompt; null when it is not kept. */
  request(localId: string): ExecuteRequest | null {
    const sealed = this.store.request(localId);
    const text = sealed && unseal(sealed, this.seam.sealKey);
    const parsed = text === null ? null : executeRequest.safeParse(JSON.parse(text));
    return parsed?.success ? parsed.data : null;
  }

  /** The turns of a task; those that run or were not recorded are read from their journals. */
  async turns(localId: string): Promise<TurnRow[]> {
    await this.#folding;
    const turns: TurnRow[] = [];
    for (const turn of this.store.turns(localId)) {
      turns.push(turn.status === "streaming" ? await this.#current(localId, turn) : turn);
    }
    return turns;
  }

  /** Resolves when every answer so far is recorded. */
  async settled(): Promise<void> {
    await this.#folding;
  }

  /** Tells the server that a task has changed. */
  tell(localId: string): void {
    const task = this.store.get(localId);
    if (!task) return;
    const { runtime, title, path: workspacePath, archived } = task;
    this.seam.updated({
      localTaskId: localId,
      runtime,
      title,
      updatedAt: new Date(task.updatedAt).toISOString(),
      status: this.#active.has(localId) ? "running" : archived ? "archived" : "active",
      content: "",
      workspacePath,
    });
  }

  #take(run: Run): void {
    if (this.#over.has(run)) return;
    // A task of the server's own is none of ours before it has a directory.
    const early = run.state === "queued" || run.state === "starting";
    if (early && !run.file.local && run.request) return;
    const id = this.#ids.get(run) ?? this.#idOf(run);
    if (id === null) return;
    this.#ids.set(run, id);
    if (run.where) this.store.setPath(id, run.where.path);
    if (run.request && !this.#recorded.has(run)) this.#record(id, run, run.request);
    if (run.state === "ended") return this.#ended(id, run);
    const known = this.#active.get(id) === run;
    this.#active.set(id, run);
    if (!known) this.tell(id);
  }

  #idOf(run: Run): string | null {
    const id = run.file.local?.local_task_id ?? this.store.taskOfRun(run.id);
    if (id || !run.request) return id;
    const { key } = hostRequest(run.request);
    const known = this.store.find(run.taskId, key);
    if (known) return known.localId;
    if (!run.where) return null;
    const now = run.file.created_at * 1000;
    const task: TaskRow = {
      localId: `task-${run.taskId}-${key}`,
      taskId: run.taskId,
      session: key,
      runtime: taskRuntime(run.request),
      path: run.where.path,
      askedPath: null,
      title: titleOf(run.request.task_title ?? "", promptText(run.request.prompt)),
      createdAt: now,
      updatedAt: now,
      archived: false,
    };
    this.store.add(task);
    return task.localId;
  }

  #record(id: string, run: Run, request: ExecuteRequest): void {
    this.#recorded.add(run);
    const files = request.attachments.map((file) => ({
      id: file.id ?? null,
      original_filename: file.original_filename ?? null,
      mime_type: file.mime_type ?? null,
      file_size: file.file_size ?? null,
    }));
    const source = run.file.local?.source;
    this.store.beginTurn(id, {
      subtaskId: run.subtaskId,
      runId: run.id,
      at: Date.now(),
      text: cutText(promptText(request.prompt), MAX_TEXT),
      attachments: files.length > 0 ? JSON.stringify(files) : null,
      source: source ? JSON.stringify(source) : null,
    });
    this.store.setArchived(id, false);
    this.store.touch(id, Date.now());
    const kept = JSON.stringify(withoutMessage(request));
    this.store.setRequest(id, kept.length > MAX_REQUEST ? null : seal(kept, this.seam.sealKey));
    if (++this.#turns % PRUNE_EVERY === 0) this.store.prune();
  }

  #ended(id: string, run: Run): void {
    this.#over.add(run);
    if (this.#active.get(id) === run) this.#active.delete(id);
    // Opened now: the journal moves when its last event has been delivered.
    const reader = this.#openJournal(run.id);
    this.#folding = this.#folding.then(async () => {
      try {
        if (reader) this.store.endTurn(run.id, await fold(reader, run.file.created_at * 1000));
        this.store.touch(id, Date.now());
        this.tell(id);
      } catch (error) {
        this.seam.log("warn", "Cannot record an answer", { run: run.id, error: errorText(error) });
      }
    });
  }

  async #current(localId: string, turn: TurnRow): Promise<TurnRow> {
    const reader = this.#openJournal(turn.runId);
    const folded = reader && await fold(reader, turn.at);
    const runs = this.#active.get(localId)?.id === turn.runId;
    const status = runs || (folded && folded.status !== "streaming")
      ? folded?.status ?? "streaming"
      : "failed";
    return {
      ...turn,
      status,
      content: folded?.content ?? "",
      blocks: JSON.stringify(folded?.blocks ?? []),
    };
  }

  #openJournal(runId: string): JournalReader | null {
    for (const path of this.seam.runs.journalPlaces(runId)) {
      try {
        return new JournalReader(path);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
    return null;
  }
}

/** Reads a journal to its end, in portions; closes it. */
async function fold(reader: JournalReader, at: number): Promise<FoldedTurn> {
  const turn = new TurnFold(at);
  try {
    for (;;) {
      const records = reader.read(FOLD_BYTES);
      if (records.length === 0) return turn.result();
      for (const record of records) turn.take(record);
      await new Promise((resolve) => setTimeout(resolve));
    }
  } finally {
    reader.close();
  }
}

/** The agent of a request by its name on this wire. */
export function taskRuntime(request: ExecuteRequest): TaskRuntime {
  return requestedAgent(request).wire.taskRuntime;
}

/** The first characters of a title, or of the message where there is none. */
export function titleOf(title: string, message: string): string {
  const text = title.trim() || message.trim();
  return [...text.slice(0, MAX_TITLE * 2)].slice(0, MAX_TITLE).join("");
}

/** What belongs to one message only, or is too much to keep. */
const OF_ONE_MESSAGE = [
  "attachments",
  "history",
  "contexts",
  "table_contexts",
  "inherited_sessions",
  "interactive_form_answer",
  "fork_runtime",
  "permission_mode",
  "permission_rules",
  "workdir",
  "workdir_policy",
] as const;

function withoutMessage(request: ExecuteRequest): Record<string, unknown> {
  const kept: Record<string, unknown> = { ...request, prompt: "" };
  for (const name of OF_ONE_MESSAGE) delete kept[name];
  return kept;
}
