/**
 * The one-time move of a session's memory into the directory it belongs to: which conversation it was
 * (`session.json`, or the id Wegent's own executor kept) and the conversation itself, which the CLI finds
 * by its configuration directory and the working directory.
 *
 * Everything is copied; what is old stays where it is.
 */
import * as z from "zod";
import { parseJson, writeFileAtomic } from "../../platform/mod.ts";
import { join } from "../../platform/std/path.ts";
import { lstatOrNull } from "./staging.ts";

/** Where a session's things were and are to be. All absolute. */
export interface Migration {
  /** Session directory of an earlier version. */
  readonly oldDir: string;
  /** Session directory from now on; it exists. */
  readonly newDir: string;
  /** `CLAUDE_CONFIG_DIR` of an earlier version; null: the owner's own. */
  readonly oldConfigDir: string | null;
  /** `CLAUDE_CONFIG_DIR` from now on; null: the owner's own. */
  readonly newConfigDir: string | null;
  /** The agent's working directory, before and after. */
  readonly workdir: string;
  /** Directories in which Wegent's own executor kept `.claude_session_id`. */
  readonly pythonDirs: readonly string[];
  /** The bot, which is part of that file's name. */
  readonly botId: number | null;
  /** @default `~/.claude` */
  readonly ownerConfigDir?: string;
}

/** What a migration came to. */
export interface MigrationOutcome {
  /** The conversation that can be resumed at the new place, or null. */
  readonly session: string | null;
  /** True when this call did the work, false when an earlier one had. */
  readonly done: boolean;
}

/** Says in the new session directory that there is nothing more to move. */
const MARKER = "migrated.json";
/** `session.json`, as `src/hosts/session_file.ts` writes it. */
const saved = z.object({
  version: z.literal(1),
  agent: z.literal("claude"),
  id: z.uuid(),
  model: z.string().max(200).nullable(),
  workdir: z.string(),
  config_dir: z.string().nullable(),
});
type Saved = z.infer<typeof saved>;

const MAX_SMALL = 64 * 1024;
/** Of a transcript so much is read to learn where it was made. */
const HEAD_BYTES = 256 * 1024;
const MAX_PROJECTS = 20_000;
/** Files of one conversation beside its transcript (answers of subagents, long results). */
const MAX_FILES = 5000;
const MAX_DEPTH = 6;

/**
 * Moves a session's memory once. A conversation that cannot be found, or that belongs to another working
 * directory, is left alone: the next turn begins a new one.
 *
 * @throws {Error} When the new place cannot be written.
 */
export async function migrateSession(migration: Migration): Promise<MigrationOutcome> {
  const { newDir, newConfigDir, workdir } = migration;
  if (lstatOrNull(join(newDir, MARKER)) !== null) return { session: null, done: false };
  const before = earlier(migration);
  let session: string | null = null;
  if (lstatOrNull(join(newDir, "session.json")) === null && before !== null) {
    const found = await carryOver(migration, before);
    if (found) {
      const now: Saved = { ...before, workdir, config_dir: newConfigDir };
      writeFileAtomic(join(newDir, "session.json"), JSON.stringify(now));
      session = before.id;
    }
  }
  writeFileAtomic(join(newDir, MARKER), JSON.stringify({ version: 1, session }));
  return { session, done: true };
}

/** The conversation an earlier version would resume here. */
function earlier({ oldDir, workdir, pythonDirs, botId, oldConfigDir }: Migration): Saved | null {
  const text = smallFile(join(oldDir, "session.json"));
  const parsed = saved.safeParse(text === null ? null : parseJson(text));
  if (parsed.success) return parsed.data.workdir === workdir ? parsed.data : null;
  const name = botId ? `.claude_session_id_${botId}` : ".claude_session_id";
  for (const dir of pythonDirs) {
    const id = z.uuid().safeParse(smallFile(join(dir, name))?.trim());
    if (!id.success) continue;
    return {
      version: 1,
      agent: "claude",
      id: id.data,
      model: null,
      workdir,
      config_dir: oldConfigDir,
    };
  }
  return null;
}

/** Makes sure that the conversation lies in the new configuration directory. */
async function carryOver(migration: Migration, { id, config_dir }: Saved): Promise<boolean> {
  const owner = migration.ownerConfigDir ?? join(Deno.env.get("HOME") ?? "/", ".claude");
  const to = migration.newConfigDir ?? owner;
  const places = new Set([to, config_dir ?? owner, migration.oldConfigDir ?? owner, owner]);
  for (const from of places) {
    const project = await findProject(from, id, migration.workdir);
    if (project === null) continue;
    if (from !== to) await copyConversation(from, to, project, id);
    return true;
  }
  return false;
}

/** Name of the directory in `projects` that has the transcript of `id` made in `workdir`. */
async function findProject(config: string, id: string, workdir: string): Promise<string | null> {
  const projects = join(config, "projects");
  if (lstatOrNull(projects)?.isDirectory !== true) return null;
  let seen = 0;
  for await (const { name, isDirectory } of Deno.readDir(projects)) {
    if (++seen > MAX_PROJECTS) return null;
    const transcript = join(projects, name, `${id}.jsonl`);
    if (!isDirectory || lstatOrNull(transcript)?.isFile !== true) continue;
    if (directoryOf(await head(transcript)) === workdir) return name;
  }
  return null;
}

/** The working directory a transcript's beginning names. */
function directoryOf(text: string): string | null {
  for (const line of text.split("\n")) {
    const value = parseJson(line) as { cwd?: unknown } | null;
    if (typeof value === "object" && typeof value?.cwd === "string") return value.cwd;
  }
  return null;
}

async function head(path: string): Promise<string> {
  using file = await Deno.open(path);
  const buffer = new Uint8Array(HEAD_BYTES);
  let length = 0;
  while (length < buffer.length) {
    const n = await file.read(buffer.subarray(length));
    if (n === null) break;
    length += n;
  }
  return new TextDecoder().decode(buffer.subarray(0, length));
}

/** Copies the transcript last: with it the conversation counts as there. */
async function copyConversation(
  from: string,
  to: string,
  project: string,
  id: string,
): Promise<void> {
  const [source, target] = [join(from, "projects", project), join(to, "projects", project)];
  await Deno.mkdir(target, { recursive: true, mode: 0o700 });
  if (lstatOrNull(join(source, id))?.isDirectory) {
    await copyTree(join(source, id), join(target, id), { left: MAX_FILES }, 0);
  }
  await copyFile(join(source, `${id}.jsonl`), join(target, `${id}.jsonl`));
}

/** Copies plain files and directories; links and other things are left out. */
async function copyTree(
  from: string,
  to: string,
  budget: { left: number },
  depth: number,
): Promise<void> {
  if (depth > MAX_DEPTH) return;
  await Deno.mkdir(to, { recursive: true, mode: 0o700 });
  for await (const { name, isFile, isDirectory } of Deno.readDir(from)) {
    if (--budget.left < 0) return;
    if (isDirectory) await copyTree(join(from, name), join(to, name), budget, depth + 1);
    else if (isFile) await copyFile(join(from, name), join(to, name));
  }
}

/** A copy that is there whole or not at all; one that is there already stays. */
async function copyFile(from: string, to: string): Promise<void> {
  if (lstatOrNull(to) !== null) return;
  const part = `${to}.${crypto.randomUUID().slice(0, 8)}.part`;
  try {
    await Deno.copyFile(from, part);
    await Deno.rename(part, to);
  } catch (error) {
    await Deno.remove(part).catch(() => {}); // the first error is the one to tell
    throw error;
  }
}

/** Text of a small plain file; null for anything else, links included. */
function smallFile(path: string): string | null {
  const info = lstatOrNull(path);
  return info?.isFile && info.size <= MAX_SMALL ? Deno.readTextFileSync(path) : null;
}
