/** A workdir with a home beside it, and preparations in it. */
import { join, relative } from "../../src/platform/std/path.ts";
import * as libc from "../../src/platform/libc.ts";
import { AppError, makeDirectories, takeFileLock } from "../../src/platform/mod.ts";
import {
  type Prepared,
  type PrepareJob,
  type PrepareSeam,
  prepareWorkspace,
} from "../../src/workdir/mod.ts";

const NOBODY_ASKED = { token: null, login: null, id: null, email: null, domain: null };

/** See the module comment. */
export class Workshop implements Disposable {
  readonly base = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "wegent-prepare-" }));
  readonly workdir = join(this.base, "project");
  readonly home = join(this.base, "home");
  readonly abort = new AbortController();
  readonly progress: string[] = [];

  constructor() {
    Deno.mkdirSync(this.workdir);
    Deno.mkdirSync(this.home);
  }

  /** Environment of the preparation; the home has no configuration of git. */
  get env(): Record<string, string> {
    return {
      PATH: Deno.env.get("PATH") ?? "/usr/bin:/bin",
      HOME: this.home,
      GIT_CONFIG_NOSYSTEM: "1",
    };
  }

  job(changes: Partial<PrepareJob> = {}): PrepareJob {
    return {
      taskId: 7,
      subtaskId: 101,
      workdir: this.workdir,
      origin: "session",
      firstTurn: true,
      clone: null,
      git: NOBODY_ASKED,
      attachments: [],
      attachmentsDir: join(this.workdir, ".wegent/attachments/7/101"),
      downloadBase: "",
      authToken: "",
      ownState: true,
      ...changes,
    };
  }

  /** A job that clones into the workdir. */
  clone(url: string, branch: string | null = null, changes: Partial<PrepareJob> = {}): PrepareJob {
    return this.job({ clone: { url, branch, into: this.workdir }, ...changes });
  }

  seam(changes: Partial<PrepareSeam> = {}): PrepareSeam {
    return {
      launch: [],
      env: this.env,
      signal: this.abort.signal,
      onProgress: (text) => this.progress.push(text),
      ...changes,
    };
  }

  prepare(job: PrepareJob, changes: Partial<PrepareSeam> = {}): Promise<Prepared> {
    return prepareWorkspace(job, this.seam(changes));
  }

  /** The error of a preparation that must fail. */
  async refused(job: PrepareJob, changes: Partial<PrepareSeam> = {}): Promise<AppError> {
    try {
      await this.prepare(job, changes);
    } catch (error) {
      if (error instanceof AppError) return error;
      throw error;
    }
    throw new Error("The preparation succeeded");
  }

  /** Writes a file below the workdir. */
  put(path: string, text: string): void {
    Deno.mkdirSync(join(this.workdir, path, ".."), { recursive: true });
    Deno.writeTextFileSync(join(this.workdir, path), text);
  }

  read(path: string): string {
    return Deno.readTextFileSync(join(this.workdir, path));
  }

  /** Everything below the workdir, `.git` as one entry, directories with a slash. */
  tree(): string[] {
    return [...walk(this.workdir, this.workdir)].sort();
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.base, { recursive: true });
  }
}

function* walk(base: string, dir: string): Iterable<string> {
  for (const entry of Deno.readDirSync(dir)) {
    const path = join(dir, entry.name);
    yield relative(base, path) + (entry.isDirectory ? "/" : "");
    if (entry.isDirectory && entry.name !== ".git") yield* walk(base, path);
  }
}

/** Paths of all plain files below `dir` whose content holds `text`, as bytes. */
export function filesWith(dir: string, text: string): string[] {
  const found: string[] = [];
  for (const entry of Deno.readDirSync(dir)) {
    const path = join(dir, entry.name);
    if (entry.isDirectory) found.push(...filesWith(path, text));
    else if (
      entry.isFile && new TextDecoder("latin1").decode(Deno.readFileSync(path)).includes(text)
    ) {
      found.push(path);
    }
  }
  return found;
}

/** Opens what is used of the C library ahead of the tests, so that none of them takes it for a leak. */
async function warmUp(): Promise<void> {
  const dir = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "wegent-prepare-" }));
  makeDirectories(join(dir, "a"));
  libc.errnoText(libc.ERRNO.ENOENT);
  (await takeFileLock(join(dir, "lock"), 1000)).release();
  Deno.removeSync(dir, { recursive: true });
}

await warmUp();
