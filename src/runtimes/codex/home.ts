/**
 * A home for Codex that stands for its owner's. Codex keeps databases and locks beside login and settings
 * and does not start where it cannot write them; in the owner's own directory the sandbox lets nothing new
 * appear, for what lies there runs unsandboxed later. So each session has a directory of its own, with
 * links to what is the owner's.
 */
import { AppError, errorText, exists } from "../../platform/mod.ts";
import { join } from "../../platform/std/path.ts";

/** What Codex is to find as its owner has it; conversations too, so that both can go on with them. */
const SHARED: readonly string[] = [
  "auth.json",
  ".credentials.json",
  "config.toml",
  "managed_config.toml",
  "AGENTS.md",
  "AGENTS.override.md",
  "hooks.json",
  "agents",
  "prompts",
  "rules",
  "sessions",
  "archived_sessions",
];
/** Codex adds skills of its own to this directory, so that its entries are linked one by one. */
const SKILLS = "skills";
const OWN_SKILLS = ".system";

/** Where a session's home is, and whose it stands for. */
export interface SharedHome {
  readonly dir: string;
  readonly owner: string;
}

/**
 * Makes the home, or brings it up to date: links that are missing or were replaced are set again.
 *
 * @throws {AppError} `codex_home`.
 */
export function linkHome({ dir, owner }: SharedHome): void {
  try {
    Deno.mkdirSync(join(dir, SKILLS), { recursive: true, mode: 0o700 });
    for (const name of SHARED) link(join(owner, name), join(dir, name));
    for (const name of namesIn(join(owner, SKILLS))) {
      if (name !== OWN_SKILLS) link(join(owner, SKILLS, name), join(dir, SKILLS, name));
    }
  } catch (error) {
    throw new AppError("codex_home", `Cannot make a home for Codex: ${errorText(error)}`, {
      cause: error,
    });
  }
}

function link(target: string, path: string): void {
  const wanted = exists(target, { followLinks: true });
  if (wanted && linkAt(path) === target) return;
  remove(path);
  if (wanted) Deno.symlinkSync(target, path);
}

function linkAt(path: string): string | null {
  try {
    return Deno.readLinkSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    // Something else than a link lies there.
    if (error instanceof Error && Deno.lstatSync(path).isSymlink === false) return null;
    throw error;
  }
}

function remove(path: string): void {
  try {
    Deno.removeSync(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function namesIn(dir: string): string[] {
  try {
    return Array.from(Deno.readDirSync(dir), ({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
