/**
 * Instruction files of a project. Claude Code reads `CLAUDE.md` only: files of other agents are laid where
 * it can find them, and git is told to leave that alone. Failures are notes.
 */
import { errorText, writeFileAtomic } from "../../platform/mod.ts";
import { basename, dirname, isAbsolute, join } from "../../platform/std/path.ts";
import { excludeLine } from "./exclude.ts";
import type { Git } from "./git.ts";
import { lstatOrNull } from "./staging.ts";

/** Where copies of other agents' files lie in the project. */
const COPIES = ".claudecode";
const LINK = "CLAUDE.md";
/** Names of the file all agents share, the preferred one first. */
const SHARED = ["AGENTS.md", "Agents.md", "agents.md"];
const MAX_FILE = 1024 * 1024;

/**
 * Lays the files out: each of `names` as a copy in `.claudecode/`, and `CLAUDE.md` as a link to `AGENTS.md`
 * where the project has no `CLAUDE.md` of its own.
 *
 * @param names Relative paths in the project; others are left out.
 * @param project Absolute, without links.
 * @returns Sentences about what could not be done.
 */
export async function layOutInstructions(
  git: Git,
  project: string,
  names: readonly string[],
  os: typeof Deno.build.os = Deno.build.os,
): Promise<string[]> {
  const notes: string[] = [];
  const attempt = async (what: string, work: () => Promise<string | null>) => {
    try {
      const note = await work();
      if (note !== null) notes.push(note);
    } catch (error) {
      notes.push(`Could not ${what}: ${errorText(error)}`);
    }
  };
  const found = names.filter((name) => isInside(name) && lstatOrNull(join(project, name)) !== null);
  for (const name of found) await attempt(`copy ${name}`, () => copy(project, name));
  if (found.length > 0) {
    await attempt(`exclude ${COPIES}/`, () => excludeLine(git, project, `${COPIES}/`));
  }
  await attempt(`make ${LINK} lead to ${SHARED[0]}`, () => link(git, project, os));
  return notes;
}

function isInside(name: string): boolean {
  return !isAbsolute(name) && !name.split(/[/\\]/).includes("..") && !name.includes("\0");
}

// deno-lint-ignore require-await -- a failure is to be a rejection
async function copy(project: string, name: string): Promise<null> {
  const source = join(project, name);
  const text = readOwn(project, source);
  const dir = join(project, COPIES);
  if (lstatOrNull(dir) === null) Deno.mkdirSync(dir);
  if (Deno.realPathSync(dir) !== dir) throw new Error(`"${dir}" is a link`);
  const target = join(dir, basename(name));
  const there = lstatOrNull(target);
  if (there?.isFile && there.size <= MAX_FILE && Deno.readTextFileSync(target) === text) {
    return null;
  }
  writeFileAtomic(target, text);
  return null;
}

/** Text of a file that lies in the project itself: a link could lead to what only this host may read. */
function readOwn(project: string, path: string): string {
  if (Deno.realPathSync(dirname(path)) !== dirname(path) || !path.startsWith(project)) {
    throw new Error("It is reached through a link");
  }
  const info = lstatOrNull(path);
  if (!info?.isFile) throw new Error("It is no plain file");
  if (info.size > MAX_FILE) throw new Error("It is too long");
  using file = Deno.openSync(path);
  const opened = file.statSync();
  if (opened.ino !== info.ino || opened.dev !== info.dev) throw new Error("It was replaced");
  const bytes = new Uint8Array(Math.min(opened.size, MAX_FILE));
  let length = 0;
  for (let n = file.readSync(bytes); n; n = file.readSync(bytes.subarray(length))) length += n;
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, length));
}

/** A link on Windows needs a privilege, so there it is a copy. */
async function link(
  git: Git,
  project: string,
  os: typeof Deno.build.os,
): Promise<string | null> {
  const shared = SHARED.find((name) => lstatOrNull(join(project, name)) !== null);
  if (shared === undefined) return null;
  const path = join(project, LINK);
  const there = lstatOrNull(path);
  if (there !== null && !there.isSymlink) return null;
  if (there?.isSymlink && Deno.readLinkSync(path) === shared) return null;
  if (there !== null && await git.ask(["ls-files", "--error-unmatch", "--", LINK], project)) {
    // A link of the project itself: replacing it would be a change its owner has not made.
    return null;
  }
  if (os === "windows") {
    writeFileAtomic(path, readOwn(project, join(project, shared)));
  } else {
    const temp = join(project, `.${LINK}.${crypto.randomUUID().slice(0, 8)}.tmp`);
    Deno.symlinkSync(shared, temp);
    Deno.renameSync(temp, path);
  }
  return await excludeLine(git, project, LINK);
}
