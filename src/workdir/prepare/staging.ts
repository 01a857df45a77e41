/**
 * A checkout is made beside its place and moved in when it is whole.
 *
 * In `<workdir>/.wegent/clone/` lie, while it lasts: `lock` (the kernel's, held by the one who works
 * here), `stage-<uuid>/` (the checkout that is being made) and `moves.json` (written when it is whole:
 * from then on the move is finished, by us or after a crash by the next preparation). A stage without
 * `moves.json` is what a crash left and is removed.
 */
import * as z from "zod";
import {
  AppError,
  type DaemonLock,
  errorText,
  parseJson,
  readTextIfExists,
  removeIfExists,
  takeFileLock,
  writeFileAtomic,
} from "../../platform/mod.ts";
import { basename, join } from "../../platform/std/path.ts";

/** Directory of ours in a workdir. */
export const OWN_DIR = ".wegent";
/** What else lies in it; a repository must not bring its own. */
const OWN_NAMES = new Set(["session", "attachments", ".claude", "clone"]);
/** Somebody else's clone into the same directory may take this long. */
const LOCK_MS = 30 * 60_000;
const MAX_MOVES = 100_000;

const moves = z.object({
  version: z.literal(1),
  stage: z.string().regex(/^stage-[0-9a-f-]{36}$/),
  /** Name of the checkout's directory in the workdir; empty: the workdir itself. */
  into: z.string().max(255).refine((name) => !/[\\/]|^\.\.?$/.test(name)),
  entries: z.array(z.string().min(1).max(600).refine(isEntry)).max(MAX_MOVES),
});
type Moves = z.infer<typeof moves>;

/** A name, or a name in our own directory. */
function isEntry(entry: string): boolean {
  const names = entry.split("/");
  return names.every((name) => name !== "" && name !== "." && name !== "..") &&
    (names.length === 1 || (names.length === 2 && names[0] === OWN_DIR));
}

/** Work on one checkout; at most one at a time in a workdir. */
export class Staging implements Disposable {
  readonly #dir: string;

  private constructor(
    private readonly workdir: string,
    private readonly into: string,
    private readonly lock: DaemonLock,
  ) {
    this.#dir = join(workdir, OWN_DIR, "clone");
  }

  /** True when an earlier preparation in `workdir` has left something. */
  static leftover(workdir: string): boolean {
    return lstatOrNull(join(workdir, OWN_DIR, "clone")) !== null;
  }

  /**
   * Takes the lock of `workdir` and puts right what a crash left there.
   *
   * @param into The checkout's directory: `workdir` or a directory directly in it.
   * @throws {AppError} `clone_busy`, `clone_conflict`, or `own_dir_invalid` when `.wegent` is no directory.
   */
  static async open(workdir: string, into: string, signal: AbortSignal): Promise<Staging> {
    for (const path of [join(workdir, OWN_DIR), join(workdir, OWN_DIR, "clone")]) ensureOwn(path);
    const lock = await lockOf(join(workdir, OWN_DIR, "clone", "lock"), signal);
    const staging = new Staging(workdir, into, lock);
    try {
      staging.#recover();
      return staging;
    } catch (error) {
      staging[Symbol.dispose]();
      throw error;
    }
  }

  /** A path for a new checkout; nothing is there yet. */
  newStage(): string {
    return join(this.#dir, `stage-${crypto.randomUUID()}`);
  }

  /**
   * Moves the whole checkout `stage` to its place, which must be missing or hold nothing but `.wegent`.
   *
   * @throws {AppError} `clone_conflict` when something has appeared there since; then nothing is moved.
   */
  moveIn(stage: string): void {
    const plan: Moves = {
      version: 1,
      stage: basename(stage),
      into: this.into === this.workdir ? "" : basename(this.into),
      entries: entriesOf(stage),
    };
    writeFileAtomic(this.#journal, JSON.stringify(moves.parse(plan)));
    try {
      this.#finish(plan);
    } catch (error) {
      this.#takeBack(plan);
      throw error;
    }
  }

  /** Removes stages and gives the lock back; what is ours and empty goes too. */
  [Symbol.dispose](): void {
    try {
      // With a journal the next preparation has to go on from here.
      if (lstatOrNull(this.#journal) === null) {
        this.#removeStages();
        removeIfExists(join(this.#dir, "lock"));
        removeIfEmpty(this.#dir);
        removeIfEmpty(join(this.workdir, OWN_DIR));
      }
    } finally {
      this.lock.release();
    }
  }

  get #journal(): string {
    return join(this.#dir, "moves.json");
  }

  #recover(): void {
    const text = readTextIfExists(this.#journal);
    const parsed = moves.safeParse(text === null ? null : parseJson(text));
    const stage = parsed.success ? join(this.#dir, parsed.data.stage) : "";
    if (parsed.success && lstatOrNull(stage)?.isDirectory) this.#finish(parsed.data);
    // A journal nobody can read moved nothing: it is written whole or not at all.
    removeIfExists(this.#journal);
    this.#removeStages();
  }

  /** Moves what is still to be moved; a second call goes on where the first one ended. */
  #finish(plan: Moves): void {
    const stage = join(this.#dir, plan.stage);
    const into = plan.into === "" ? this.workdir : join(this.workdir, plan.into);
    ensureOwn(into);
    for (const entry of plan.entries) moveWithoutReplacing(join(stage, entry), join(into, entry));
    // First the journal: without it the empty stage is garbage, with it the checkout is not whole.
    removeIfExists(this.#journal);
    removeIfExists(stage, { recursive: true });
  }

  /** Undoes a move that met something in its way, so that the checkout is there whole or not at all. */
  #takeBack(plan: Moves): void {
    const stage = join(this.#dir, plan.stage);
    const into = plan.into === "" ? this.workdir : join(this.workdir, plan.into);
    for (const entry of plan.entries.toReversed()) {
      const [from, to] = [join(into, entry), join(stage, entry)];
      if (lstatOrNull(to) === null && lstatOrNull(from) !== null) moveWithoutReplacing(from, to);
    }
    removeIfExists(this.#journal);
    if (into !== this.workdir) removeIfEmpty(into);
  }

  #removeStages(): void {
    for (const { name } of Deno.readDirSync(this.#dir)) {
      if (name === "lock") continue;
      removeTree(join(this.#dir, name));
    }
  }
}

/** What of a checkout is moved: `.git` last, because with it the directory counts as a checkout. */
function entriesOf(stage: string): string[] {
  const names: string[] = [];
  for (const { name, isDirectory } of Deno.readDirSync(stage)) {
    if (name !== OWN_DIR) {
      names.push(name);
      continue;
    }
    const inside = isDirectory ? [...Deno.readDirSync(join(stage, name))].map((e) => e.name) : [];
    if (!isDirectory || inside.some((child) => OWN_NAMES.has(child.toLowerCase()))) {
      throw new AppError(
        "clone_reserved",
        `The repository brings "${OWN_DIR}" of its own, which this program needs for itself`,
        { remedy: "Clone it by hand, or choose a managed directory" },
      );
    }
    names.push(...inside.map((child) => `${OWN_DIR}/${child}`));
  }
  return names.filter((name) => name !== ".git").concat(".git");
}

/**
 * Moves a file, link or directory. What is at `to` already stays, except an empty directory; a file
 * moved by an earlier, interrupted call is recognised.
 */
function moveWithoutReplacing(from: string, to: string): void {
  const source = lstatOrNull(from);
  const target = lstatOrNull(to);
  if (source === null) return;
  if (target !== null && !(source.isDirectory && target.isDirectory)) {
    if (!isSameEntry(from, source, to, target)) throw inTheWay(to);
    return Deno.removeSync(from);
  }
  try {
    if (source.isFile) {
      // A rename would replace what somebody made in this moment; a second name does not.
      Deno.linkSync(from, to);
      Deno.removeSync(from);
    } else if (source.isSymlink) {
      Deno.symlinkSync(Deno.readLinkSync(from), to);
      Deno.removeSync(from);
    } else Deno.renameSync(from, to);
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists || lstatOrNull(to) !== null) throw inTheWay(to);
    // A file system without second names; nothing was there a moment ago.
    if (source.isFile) return Deno.renameSync(from, to);
    throw error;
  }
}

function isSameEntry(
  from: string,
  source: Deno.FileInfo,
  to: string,
  target: Deno.FileInfo,
): boolean {
  if (source.isFile && target.isFile) {
    return source.ino !== null && source.ino === target.ino && source.dev === target.dev;
  }
  return source.isSymlink && target.isSymlink && Deno.readLinkSync(from) === Deno.readLinkSync(to);
}

function inTheWay(path: string): AppError {
  return new AppError(
    "clone_conflict",
    `"${path}" has appeared while the repository was fetched, and nothing is overwritten`,
    { remedy: `Move "${basename(path)}" away and send the message again` },
  );
}

/** A directory of ours, made if missing; a link or a file there is refused. */
function ensureOwn(path: string): void {
  try {
    Deno.mkdirSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
  if (Deno.lstatSync(path).isDirectory) return;
  throw new AppError("own_dir_invalid", `Expected "${path}" to be a directory`, {
    remedy: `Remove or rename "${path}" and send the message again`,
  });
}

/** Whoever removes the lock's file holds the lock; who waited for the old file tries the new one. */
async function lockOf(path: string, signal: AbortSignal): Promise<DaemonLock> {
  for (;;) {
    // Made again because the one before us may have tidied up.
    ensureOwn(join(path, "../.."));
    ensureOwn(join(path, ".."));
    if (lstatOrNull(path)?.isSymlink) Deno.removeSync(path);
    const before = Deno.openSync(path, { create: true, write: true });
    const { ino } = before.statSync();
    before.close();
    let lock: DaemonLock;
    try {
      lock = await takeFileLock(path, LOCK_MS, signal);
    } catch (error) {
      if (signal.aborted) {
        throw new AppError("clone_cancelled", "The repository's preparation was cancelled", {
          remedy: "Send the message again to start over",
          cause: error,
        });
      }
      if (!(error instanceof AppError)) throw error;
      throw new AppError("clone_busy", "Another session is preparing the same directory", {
        remedy: "Send the message again when it has finished",
        cause: error,
      });
    }
    if (lstatOrNull(path)?.ino === ino) return lock;
    lock.release();
  }
}

/** Removes a tree, also one that a git of a dead host is still writing into. */
function removeTree(path: string): void {
  for (let attempt = 0;; attempt++) {
    try {
      return removeIfExists(path, { recursive: true });
    } catch (error) {
      // That git ends by itself: nobody reads its output any more and its files vanish.
      if (attempt === 5 || !/not empty|ENOTEMPTY/i.test(errorText(error))) throw error;
    }
  }
}

function removeIfEmpty(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    // Not empty: somebody needs it.
    if (error instanceof Deno.errors.NotFound || /not empty|ENOTEMPTY/i.test(errorText(error))) {
      return;
    }
    throw error;
  }
}

/** What is at `path` itself, links not followed; null when there is nothing. */
export function lstatOrNull(path: string): Deno.FileInfo | null {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return null;
    }
    throw error;
  }
}
