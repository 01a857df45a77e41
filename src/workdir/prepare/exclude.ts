/** Keeps our own directory out of the user's commits, in the file git has for one checkout alone. */
import { errorText, readTextIfExists, writeFileAtomic } from "../../platform/mod.ts";
import { basename, dirname, join, resolve } from "../../platform/std/path.ts";
import type { Git } from "./git.ts";
import { lstatOrNull, OWN_DIR } from "./staging.ts";

const MAX_EXCLUDE = 1024 * 1024;
const LINE = `${OWN_DIR}/`;

/**
 * Adds `.wegent/` to `info/exclude` of the checkout that `workdir` lies in, once.
 *
 * @returns A sentence when that was not possible, which harms nothing; null otherwise, also when there
 *   is no checkout.
 */
export async function excludeOwnDir(git: Git, workdir: string): Promise<string | null> {
  return await excludeLine(git, workdir, LINE);
}

/** As {@link excludeOwnDir}, for another name; one of a directory ends with a slash. */
export async function excludeLine(
  git: Git,
  workdir: string,
  line: string,
): Promise<string | null> {
  if (!insideCheckout(workdir)) return null;
  const asked = await git.ask(
    ["rev-parse", "--git-common-dir", "--git-path", "info/exclude"],
    workdir,
  );
  const [common, file] = asked?.split("\n") ?? [];
  if (!common || !file) return null;
  try {
    addLine(resolve(workdir, common), resolve(workdir, file), line);
    return null;
  } catch (error) {
    return `Could not tell git to ignore ${line}: ${errorText(error)}`;
  }
}

/** A look at the disk, so that no process is started where there is no repository. */
function insideCheckout(workdir: string): boolean {
  for (let at = workdir;; at = dirname(at)) {
    try {
      if (lstatOrNull(join(at, ".git")) !== null) return true;
    } catch (error) {
      // The executable of an image looks at nothing above its roots.
      if (error instanceof Deno.errors.NotCapable) return false;
      throw error;
    }
    if (dirname(at) === at) return false;
  }
}

function addLine(common: string, file: string, line: string): void {
  const info = dirname(file);
  if (lstatOrNull(info) === null) Deno.mkdirSync(info);
  // Whoever made a link of it wants something else to be written.
  if (Deno.realPathSync(info) !== join(Deno.realPathSync(common), "info")) {
    throw new Error(`"${info}" is not in the repository`);
  }
  const target = join(Deno.realPathSync(info), basename(file));
  const found = lstatOrNull(target);
  if (found !== null && !found.isFile) throw new Error(`"${target}" is not a plain file`);
  if (found !== null && found.size > MAX_EXCLUDE) throw new Error(`"${target}" is too long`);
  const text = readTextIfExists(target) ?? "";
  if (text.split(/\r?\n/).some((text) => saysAlready(text.trim(), line))) return;
  writeFileAtomic(target, `${text}${text === "" || text.endsWith("\n") ? "" : "\n"}${line}\n`);
  if (found?.mode) Deno.chmodSync(target, found.mode & 0o777);
}

function saysAlready(text: string, line: string): boolean {
  const name = line.replace(/\/$/, "");
  return [line, name, `/${line}`, `/${name}`, `**/${line}`].includes(text);
}
