/** Snapshots of a workdir before and after a turn, and what lies between them. */
import { AppError, ensurePrivateDir, removeIfExists } from "../../platform/mod.ts";
import { dirname, isAbsolute, join, relative, SEPARATOR } from "../../platform/std/path.ts";
import { localGitEnvironment } from "../prepare/git.ts";
import { withGitConfig } from "../prepare/git_environment.ts";
import { NO_REPOSITORY, SCRIPT } from "./script.ts";
import { isBelow, readableFiles, selectFiles, type Selection } from "./select.ts";
import { BoxedShell } from "./shell.ts";
import { parseSummary } from "./summary.ts";
import {
  CHANGE_LIMITS,
  type ChangeLimits,
  type Changes,
  type SnapshotPlaces,
  type SnapshotSeam,
} from "./types.ts";

/** Longest list of names that is read, in bytes. */
const MAX_LIST = 4 * 1024 * 1024;
/** Of the executor's environment only these reach git here: code in a repository's filters sees them. */
const KEPT =
  /^(?:PATH|HOME|USER|LOGNAME|LANG|LC_\w+|TMPDIR|TMP|TEMP|XDG_CONFIG_HOME|DENO_DIR)$|^(?:SYSTEMROOT|PATHEXT|USERPROFILE|APPDATA|LOCALAPPDATA)$/i;

/** Objects of a snapshot live for one turn: neither safe nor small. One index, in one file. */
const CONFIG: readonly [string, string][] = [
  ["core.fsync", "none"],
  ["core.looseCompression", "0"],
  ["core.splitIndex", "false"],
];

/**
 * How a workdir is seen: `repository`: its own; `plain`: it has none and is small enough to be taken as
 * a whole; `named`: only files that are named beforehand, see {@link Snapshots.keep}.
 */
export type SnapshotMode = "repository" | "plain" | "named";

/**
 * See the module comment. One for a session; a turn is one {@link before} and at most one {@link after}.
 */
export class Snapshots {
  readonly #limits: ChangeLimits;
  #shell: BoxedShell | null = null;
  #mode: SnapshotMode = "repository";
  #nested: readonly string[] = [];
  #copies = new Set<string>();
  #tooLarge = false;
  /** Bytes of the files that went into the objects that are kept; none are kept yet. */
  #written = Infinity;

  constructor(private readonly places: SnapshotPlaces, private readonly seam: SnapshotSeam) {
    this.#limits = { ...CHANGE_LIMITS, ...seam.limits };
  }

  /**
   * Takes the snapshot before a turn; the one of an earlier turn is forgotten.
   *
   * @throws {AppError} `changes_too_many`, `changes_too_large`, `shell_timeout`, `shell_failed` or `snapshot_failed`.
   */
  async before(): Promise<SnapshotMode> {
    const deadline = performance.now() + this.#limits.ms;
    await this.#clear();
    const opened = await this.#open(deadline);
    if (opened === 0) {
      this.#mode = "repository";
      const selection = this.#select();
      this.#assertBounded(selection);
      await this.#take("before", selection, deadline);
      return this.#mode;
    }
    return await this.#beforePlain(deadline);
  }

  /**
   * Keeps a file as it is now, because a tool is about to change it. Only needed where the directory is
   * not seen as a whole; elsewhere it does nothing.
   *
   * @param path Absolute, or relative to the workdir. Outside of it: ignored.
   */
  keep(path: string): void {
    const name = this.#inside(path);
    if (name === null || this.#copies.has(name) || this.#isSeen(name)) return;
    this.#copies.add(name);
    const source = join(this.places.workdir, name);
    const info = lookAt(source);
    if (!info?.isFile || info.size > this.#limits.fileBytes) {
      if (info) this.#copies.delete(name);
      return;
    }
    const copy = join(this.places.dir, "copies", name);
    Deno.mkdirSync(dirname(copy), { recursive: true, mode: 0o700 });
    Deno.copyFileSync(source, copy);
    if (info.mode !== null && Deno.build.os !== "windows") Deno.chmodSync(copy, info.mode & 0o777);
  }

  /** Forgets a file that was kept: the tool has not changed it. */
  release(path: string): void {
    const name = this.#inside(path);
    if (name !== null) this.#copies.delete(name);
  }

  /**
   * Takes the snapshot after a turn.
   *
   * @returns What changed since {@link before}, or null: nothing.
   * @throws {AppError} As {@link before}; also `patch_too_large`.
   */
  async after(): Promise<Changes | null> {
    const deadline = performance.now() + this.#limits.ms;
    await this.#takeCopies(deadline);
    await this.#run(`look_again ${this.#mode}`, deadline);
    const seen = this.#mode === "named" ? NOTHING : this.#select();
    this.#assertBounded(seen);
    const named = this.#copies.size > 0
      ? selectFiles([...this.#copies], this.places.workdir, this.#bounds)
      : NOTHING;
    const selection = {
      ...seen,
      take: [...seen.take, ...named.take],
      gone: [...seen.gone, ...named.gone],
    };
    if (selection.take.length + selection.gone.length === 0) return null;
    await this.#take("after", selection, deadline);
    return await this.#compare(deadline);
  }

  /** Ends the shell and removes the snapshots; a snapshot that is being taken fails. */
  async close(): Promise<void> {
    const shell = this.#shell;
    this.#shell = null;
    this.#written = 0;
    await shell?.close();
    removeIfExists(this.places.dir, { recursive: true });
  }

  /** The shell of an earlier turn may have been swept away together with an agent. */
  async #open(deadline: number): Promise<number> {
    if (this.#shell?.alive) {
      try {
        return await this.#run("open_repository", deadline, [NO_REPOSITORY]);
      } catch (error) {
        if (!(error instanceof AppError) || error.code !== "shell_failed") throw error;
        await this.#clear();
      }
    }
    this.#shell = this.#start();
    return await this.#run("open_repository", deadline, [NO_REPOSITORY]);
  }

  async #beforePlain(deadline: number): Promise<SnapshotMode> {
    const selection = this.#tooLarge ? null : await this.#listPlain(deadline);
    const { plainFiles, plainBytes } = this.#limits;
    if (
      selection === null || selection.take.length > plainFiles || selection.bytes > plainBytes
    ) {
      // It will not have become smaller by the next turn.
      this.#tooLarge = true;
      this.#shell = this.#shell?.alive ? this.#shell : this.#start();
      await this.#run("open_plain named", deadline);
      return this.#mode = "named";
    }
    this.#nested = selection.nested;
    await this.#take("before", selection, deadline);
    return this.#mode = "plain";
  }

  /** Everything in a directory without a repository; null: that is too much. */
  async #listPlain(deadline: number): Promise<Selection | null> {
    try {
      const half = performance.now() + (deadline - performance.now()) / 2;
      await this.#run("open_plain whole", half);
    } catch (error) {
      if (error instanceof AppError && error.code === "shell_timeout") return null;
      throw error;
    }
    const size = lookAt(join(this.places.dir, "list"))?.size ?? 0;
    return size > MAX_LIST ? null : this.#select();
  }

  async #takeCopies(deadline: number): Promise<void> {
    if (this.#copies.size === 0) return;
    const copies = join(this.places.dir, "copies");
    ensurePrivateDir(copies);
    const take = [...this.#copies].filter((name) => lookAt(join(copies, name)) !== null);
    this.#write("take", take);
    this.#write("gone", []);
    await this.#run("take_copies", deadline);
  }

  async #compare(deadline: number): Promise<Changes | null> {
    const prefix = this.#mode === "repository" ? "" : this.#read("prefix", 8192);
    let files = await this.#summary(prefix, deadline);
    if (files.length > 0 && this.#rulesChanged(files)) {
      const created = files.filter((file) => file.change_type === "created" || file.old_path)
        .map((file) => file.path);
      if (await this.#dropIgnored(created, deadline)) files = await this.#summary(prefix, deadline);
    }
    if (files.length === 0) return null;
    if (files.length > this.#limits.files) throw tooMany(this.#limits.files);
    await this.#run("compare patch", deadline);
    const path = join(this.places.dir, "patch");
    if (Deno.statSync(path).size > this.#limits.patchBytes) {
      throw new AppError("patch_too_large", "The turn's changes are too large to be kept");
    }
    return { files, patch: Deno.readFileSync(path) };
  }

  async #summary(prefix: string, deadline: number): Promise<Changes["files"]> {
    await this.#run("compare summary", deadline);
    return parseSummary(this.#read("summary", MAX_LIST), prefix);
  }

  /** The turn may have un-ignored files that were there before: they are none of its making. */
  #rulesChanged(files: Changes["files"]): boolean {
    return lookAt(join(this.places.dir, "rules_changed")) !== null ||
      files.some(({ path, old_path }) => /(?:^|\/)\.gitignore$/.test(old_path ?? path)) ||
      files.some(({ path }) => path.endsWith(".gitignore"));
  }

  async #dropIgnored(created: readonly string[], deadline: number): Promise<boolean> {
    if (created.length === 0 || this.#mode === "named") return false;
    this.#write("created", created);
    await this.#run("ignored_before", deadline);
    if (this.#read("ignored", MAX_LIST) === "") return false;
    await this.#run("drop_ignored", deadline);
    return true;
  }

  async #take(index: string, selection: Selection, deadline: number): Promise<void> {
    this.#write("take", selection.take);
    this.#write("gone", selection.gone);
    this.#written += selection.bytes;
    const code = await this.#run(`take ${index}`, deadline, [1, 128]);
    if (code === 0) return;
    this.#write("take", readableFiles(selection.take, this.places.workdir));
    await this.#run(`take ${index}`, deadline);
  }

  get #bounds() {
    return { fileBytes: this.#limits.fileBytes, ignored: this.places.ignored };
  }

  #select(): Selection {
    const names = this.#read("list", MAX_LIST).split("\0").filter(Boolean);
    return selectFiles(names, this.places.workdir, this.#bounds);
  }

  #assertBounded({ take, bytes }: Selection): void {
    if (take.length > this.#limits.files) throw tooMany(this.#limits.files);
    if (bytes <= this.#limits.bytes) return;
    throw new AppError(
      "changes_too_large",
      `Files of more than ${this.#limits.bytes} bytes differ from the repository`,
    );
  }

  #isSeen(name: string): boolean {
    if (this.#mode === "named") return false;
    return !this.#nested.some((dir) => name.startsWith(dir));
  }

  /** Path relative to the workdir of a file that really lies in it, or null. */
  #inside(path: string): string | null {
    const { workdir, ignored } = this.places;
    if (path.includes("\0")) return null;
    const absolute = isAbsolute(path) ? path : join(workdir, path);
    const place = realParent(absolute);
    if (place === null) return null;
    if (place === workdir || !isBelow(workdir, place)) return null;
    if (ignored.some((tree) => isBelow(tree, place))) return null;
    // As git names it.
    const name = relative(workdir, place).split(SEPARATOR).join("/");
    return /(?:^|\/)\.git(?:\/|$)/.test(name) ? null : name;
  }

  #start(): BoxedShell {
    const env = Object.fromEntries(
      Object.entries(this.seam.env).filter(([name]) =>
        KEPT.test(name) || /^GIT_CONFIG_(?:GLOBAL|SYSTEM|NOSYSTEM)$/.test(name)
      ),
    );
    return new BoxedShell({
      launch: this.seam.launch,
      env: {
        ...withGitConfig(localGitEnvironment(env), CONFIG),
        WORK: this.places.workdir,
        SNAP: this.places.dir,
        GIT_OPTIONAL_LOCKS: "0",
      },
      script: SCRIPT,
    });
  }

  /** @returns The exit status: 0 or one of `expected`. */
  async #run(words: string, deadline: number, expected: readonly number[] = []): Promise<number> {
    const shell = this.#shell;
    if (!shell) throw new AppError("snapshot_failed", "There is no snapshot before the turn");
    const { code, output } = await shell.call(words, Math.max(1, deadline - performance.now()));
    if (code === 0 || expected.includes(code)) return code;
    throw new AppError(
      "snapshot_failed",
      `Cannot look for changes (${words}, status ${code}): ${output.trim().slice(-300)}`,
    );
  }

  #read(name: string, most: number): string {
    const path = join(this.places.dir, name);
    const info = lookAt(path);
    if (info === null) return "";
    if (info.size > most) throw tooMany(this.#limits.files);
    return Deno.readTextFileSync(path);
  }

  #write(name: string, names: readonly string[]): void {
    Deno.writeTextFileSync(join(this.places.dir, name), names.map((n) => `${n}\0`).join(""));
  }

  /**
   * Objects of earlier turns stay while there is room: what is not in the repository need not be written
   * again. The directory itself stays always, as the box is bound to it.
   */
  async #clear(): Promise<void> {
    this.#copies.clear();
    this.#nested = [];
    ensurePrivateDir(this.places.dir);
    const anew = this.#written > this.#limits.keptBytes;
    if (anew) this.#written = 0;
    for (const { name } of [...Deno.readDirSync(this.places.dir)]) {
      if (!anew && (name === "objects" || name === "repo")) continue;
      await Deno.remove(join(this.places.dir, name), { recursive: true });
    }
  }
}

/** Where a host keeps its snapshots: git may write there from its box, the agent may not even read. */
export function snapshotsDir(hostDir: string): string {
  return join(hostDir, "changes");
}

const NOTHING: Selection = { take: [], gone: [], nested: [], large: [], bytes: 0 };

function tooMany(files: number): AppError {
  return new AppError("changes_too_many", `More than ${files} files differ from the repository`);
}

/** `path` with the links of its parent resolved; null when there is no such directory. */
function realParent(path: string): string | null {
  // A tool makes missing directories: the nearest that exists decides.
  for (let at = dirname(path);; at = dirname(at)) {
    try {
      return join(Deno.realPathSync(at), path.slice(at.length));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound) || dirname(at) === at) return null;
    }
  }
}

function lookAt(path: string): Deno.FileInfo | null {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return null;
    }
    throw error;
  }
}
