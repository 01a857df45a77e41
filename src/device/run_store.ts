/**
 * Runs on disk: one directory for each run until the server has acknowledged its terminal event.
 *
 * `runs/<id>/` holds `run.json` (who it is), `request.sealed` (what was asked; encrypted, and removed at the end, since
 * it may hold a key), `journal.ndjson` (its events) and `cursor` (how far delivery has come, for
 * servers that do not number events). A delivered run's directory moves to `done/` and is removed
 * after some days.
 */
import * as z from "zod";
import {
  AppError,
  ensurePrivateDir,
  errorText,
  readTextIfExists,
  removeIfExists,
  writeFileAtomic,
} from "../platform/mod.ts";
import { join } from "../platform/std/path.ts";
import {
  type BuilderState,
  type ExecuteRequest,
  executeRequest,
  localEnvelope,
  OpenTools,
  TERMINAL_EVENTS,
} from "../protocol/mod.ts";
import { JournalReader, type JournalTail, JournalWriter } from "../hosts/mod.ts";
import { seal, unseal } from "./seal.ts";

const runFile = z.looseObject({
  version: z.literal(1),
  id: z.string(),
  task_id: z.number().int().positive(),
  subtask_id: z.number().int().positive(),
  response_id: z.string(),
  created_at: z.number().int(),
  /** The run was handed to a host. */
  started: z.boolean(),
  /** A cancel was asked for; such a run may only end as cancelled. */
  cancelled: z.boolean().default(false),
  /** Set for a turn of a local task: what its events carry beside their ids. */
  local: localEnvelope.optional(),
});
export type RunFile = z.infer<typeof runFile>;

/** The request of a run that has not ended: its tokens and keys are nobody's to read. */
const REQUEST = "request.sealed";

/** A run's directory with an empty journal. */
export interface PreparedRun {
  readonly id: string;
  readonly journal: JournalWriter;
}

/** What a journal says of its run. */
export interface JournalSummary {
  tail: JournalTail;
  builder: BuilderState;
}

/** Reads and writes run directories. */
export class RunStore {
  constructor(
    private readonly runsDir: string,
    private readonly doneDir: string,
    private readonly sealKey: Uint8Array,
  ) {
    ensurePrivateDir(runsDir);
    ensurePrivateDir(doneDir);
  }

  /** Directory of run `id`. */
  dir(id: string): string {
    return join(this.runsDir, id);
  }

  journalPath(id: string): string {
    return join(this.runsDir, id, "journal.ndjson");
  }

  /** Where a run's journal may be: until its end is delivered, and then. */
  journalPlaces(id: string): string[] {
    return [this.journalPath(id), join(this.doneDir, id, "journal.ndjson")];
  }

  /**
   * Makes directory and journal of a run that is still to come: that is most of what the first event of
   * a task would wait for. A prepared run that never came is removed at the next start.
   */
  prepare(): PreparedRun {
    const id = `r${Date.now().toString(36)}-${crypto.randomUUID().slice(0, 12)}`;
    Deno.mkdirSync(this.dir(id), { mode: 0o700 });
    return { id, journal: JournalWriter.open(this.journalPath(id)) };
  }

  /** Writes who a prepared run is and what was asked. A directory without it is removed at the next start. */
  create(run: RunFile, request: ExecuteRequest): void {
    const options = { mode: 0o600, createNew: true };
    Deno.writeFileSync(
      join(this.dir(run.id), REQUEST),
      seal(JSON.stringify(request), this.sealKey),
      options,
    );
    Deno.writeTextFileSync(join(this.dir(run.id), "run.json"), JSON.stringify(run), options);
  }

  update(run: RunFile): void {
    writeFileAtomic(join(this.dir(run.id), "run.json"), JSON.stringify(run), { sync: false });
  }

  /** The request of a run, or null when it is gone. */
  request(id: string): ExecuteRequest | null {
    const sealed = readIfExists(join(this.dir(id), REQUEST));
    const text = sealed && unseal(sealed, this.sealKey);
    if (text === null) return null;
    const parsed = executeRequest.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : null;
  }

  /** All undelivered runs, oldest first. Unreadable ones are reported and left alone. */
  load(report: (id: string, error: AppError) => void): RunFile[] {
    const runs: RunFile[] = [];
    for (const entry of Deno.readDirSync(this.runsDir)) {
      if (!entry.isDirectory) continue;
      try {
        const text = readTextIfExists(join(this.dir(entry.name), "run.json"));
        if (text === null) {
          removeIfExists(this.dir(entry.name), { recursive: true });
        } else runs.push(runFile.parse(JSON.parse(text)));
      } catch (error) {
        report(
          entry.name,
          new AppError("run_unreadable", errorText(error), { cause: error }),
        );
      }
    }
    return runs.sort((a, b) => a.created_at - b.created_at || (a.id < b.id ? -1 : 1));
  }

  /** Reads a whole journal for its tail and for where a builder would go on. */
  summarize(id: string): JournalSummary {
    const builder: BuilderState = {
      text_offset: 0,
      tool_index: 1,
      terminal: false,
    };
    const tools = new OpenTools();
    const tail: JournalTail = { seq: 0, bytes: 0 };
    let reader: JournalReader;
    try {
      reader = new JournalReader(this.journalPath(id));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return { tail, builder };
      throw error;
    }
    try {
      for (
        let records = reader.read(1 << 20);
        records.length;
        records = reader.read(1 << 20)
      ) {
        for (const { s, e, d } of records) {
          tail.seq = s;
          tools.note(e, d);
          if (
            e === "response.output_text.delta" && typeof d["delta"] === "string"
          ) {
            builder.text_offset += d["delta"].length;
          } else if (e === "response.output_item.done") builder.tool_index++;
          if (TERMINAL_EVENTS.has(e)) builder.terminal = true;
        }
        tail.bytes = reader.position;
      }
    } finally {
      reader.close();
    }
    return { tail, builder: { ...builder, open_tools: tools.list } };
  }

  /** How far delivery to a server without sequence numbers has come. */
  readCursor(id: string): number {
    const text = readTextIfExists(join(this.dir(id), "cursor"));
    return Number.parseInt(text ?? "", 10) || 0;
  }

  /** The cursor of a run, for writing. */
  cursor(id: string): Cursor {
    return new Cursor(join(this.dir(id), "cursor"));
  }

  /** The run needs no more delivery: keeps its journal for a while, forgets its request. */
  finish(id: string): void {
    removeIfExists(join(this.dir(id), REQUEST));
    const target = join(this.doneDir, id);
    removeIfExists(target, { recursive: true });
    Deno.renameSync(this.dir(id), target);
  }

  /** Removes delivered runs older than `days`. */
  purge(days: number, now = Date.now()): number {
    let removed = 0;
    for (const entry of Deno.readDirSync(this.doneDir)) {
      const path = join(this.doneDir, entry.name);
      const changed = Deno.lstatSync(path).mtime?.getTime() ?? 0;
      if (now - changed < days * 86_400_000) continue;
      removeIfExists(path, { recursive: true });
      removed++;
    }
    return removed;
  }
}

function readIfExists(path: string): Uint8Array | null {
  try {
    return Deno.readFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

const encoder = new TextEncoder();

/** A run's place of delivery on disk; the file is made when there is something to remember. */
export class Cursor {
  #file: Deno.FsFile | null = null;

  constructor(private readonly path: string) {}

  /** Writes `seq` in place; 16 digits, so that a crash cannot leave half of a longer number. */
  write(seq: number): void {
    this.#file ??= Deno.openSync(this.path, { create: true, write: true, mode: 0o600 });
    this.#file.seekSync(0, Deno.SeekMode.Start);
    this.#file.writeSync(encoder.encode(String(seq).padStart(16, "0")));
  }

  close(): void {
    this.#file?.close();
    this.#file = null;
  }
}
