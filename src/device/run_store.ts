/**
 * Runs on disk: one directory for each run until the server has acknowledged its terminal event.
 *
 * `runs/<id>/` holds `run.json` (who it is), `request.json` (what was asked; removed at the end since
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
  TERMINAL_EVENTS,
} from "../protocol/mod.ts";
import { JournalReader, type JournalTail } from "../hosts/mod.ts";

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
});
export type RunFile = z.infer<typeof runFile>;

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

  create(run: RunFile, request: ExecuteRequest): void {
    Deno.mkdirSync(this.dir(run.id), { mode: 0o700 });
    const options = { mode: 0o600, createNew: true };
    // A crash between the two leaves a directory without run.json, which the next start removes.
    Deno.writeTextFileSync(
      join(this.dir(run.id), "request.json"),
      JSON.stringify(request),
      options,
    );
    Deno.writeTextFileSync(
      join(this.dir(run.id), "run.json"),
      JSON.stringify(run),
      options,
    );
  }

  update(run: RunFile): void {
    writeFileAtomic(join(this.dir(run.id), "run.json"), JSON.stringify(run));
  }

  /** The request of a run, or null when it is gone. */
  request(id: string): ExecuteRequest | null {
    const text = readTextIfExists(join(this.dir(id), "request.json"));
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
    return { tail, builder };
  }

  /** How far delivery to a server without sequence numbers has come. */
  readCursor(id: string): number {
    const text = readTextIfExists(join(this.dir(id), "cursor"));
    return Number.parseInt(text ?? "", 10) || 0;
  }

  /** Opens the cursor of a run for {@link writeCursor}. */
  openCursor(id: string): Deno.FsFile {
    const path = join(this.dir(id), "cursor");
    return Deno.openSync(path, { create: true, write: true, mode: 0o600 });
  }

  /** The run needs no more delivery: keeps its journal for a while, forgets its request. */
  finish(id: string): void {
    removeIfExists(join(this.dir(id), "request.json"));
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

const encoder = new TextEncoder();

/** Writes sequence number `seq` in place; 16 digits, so that a crash cannot leave half of a longer one. */
export function writeCursor(file: Deno.FsFile, seq: number): void {
  file.seekSync(0, Deno.SeekMode.Start);
  file.writeSync(encoder.encode(String(seq).padStart(16, "0")));
}
