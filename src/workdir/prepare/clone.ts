/** A repository in a directory: cloned when there is nothing, used as it is when it is there already. */
import { AppError, errorText } from "../../platform/mod.ts";
import { basename, join } from "../../platform/std/path.ts";
import { type Git, type GitEnded, lastWords } from "./git.ts";
import { failureCode, gitFailure } from "./git_failures.ts";
import { checkBranch, checkedRemote, maskAddress, type Remote, sameRemote } from "./remote.ts";
import { lstatOrNull, OWN_DIR, Staging } from "./staging.ts";
import type { CloneJob, GitIdentity, PrepareSeam } from "./types.ts";

/** More submodules are not tried one by one. */
const MAX_SUBMODULES = 200;

/** What {@link ensureCheckout} works on. */
export interface CheckoutJob {
  readonly workdir: string;
  readonly firstTurn: boolean;
  readonly clone: CloneJob;
  readonly identity: GitIdentity;
}

/** What it came to. */
export interface Checkout {
  readonly cloned: boolean;
  readonly notes: readonly string[];
}

/**
 * Makes sure that the checkout is there: cloned into an empty (or missing) directory, used when it is the
 * same repository, refused when it is anything else. In a directory that has been used before nothing is
 * touched and nothing is asked.
 *
 * @throws {AppError} `repo_mismatch`, `repo_dirty`, `branch_invalid`, `clone_…` or `git_missing`; then
 *   nothing has changed in the directory.
 */
export async function ensureCheckout(
  job: CheckoutJob,
  git: Git,
  seam: PrepareSeam,
  withToken: boolean,
): Promise<Checkout> {
  const { url, branch, into } = job.clone;
  const remote = checkedRemote(url);
  if (branch !== null) checkBranch(branch);
  const work = { job, git, remote, seam, withToken };
  try {
    if (Staging.leftover(job.workdir) || isVacant(into)) {
      using staging = await Staging.open(job.workdir, into, seam.signal);
      // Asked again with the lock: another session may have cloned while we waited.
      if (isVacant(into)) return await clone(work, staging);
    }
    if (!job.firstTurn) return { cloned: false, notes: [] };
    return await reuse(work);
  } catch (error) {
    throw isDiskFull(error) ? gitFailure(failedOf(errorText(error)), { ...work, branch }) : error;
  }
}

/** True for a full disk met by ourselves, not by git. */
function isDiskFull(error: unknown): boolean {
  return !(error instanceof AppError) && failureCode(errorText(error)) === "clone_disk_full";
}

function failedOf(stderr: string): GitEnded {
  return { code: -1, stdout: "", stderr, stopped: null };
}

interface Work {
  readonly job: CheckoutJob;
  readonly git: Git;
  readonly remote: Remote;
  readonly seam: PrepareSeam;
  readonly withToken: boolean;
}

/** True when nothing of anybody's is in the directory. */
function isVacant(path: string): boolean {
  const info = lstatOrNull(path);
  if (info === null) return true;
  if (!info.isDirectory) return false;
  for (const { name } of Deno.readDirSync(path)) {
    if (name !== OWN_DIR) return false;
  }
  return true;
}

async function clone(work: Work, staging: Staging): Promise<Checkout> {
  const { git, remote, seam, job } = work;
  const { branch } = job.clone;
  const stage = staging.newStage();
  seam.onProgress(`Cloning ${remote.host}/${remote.path}${branch ? ` (branch ${branch})` : ""}`);
  const chosen = branch === null ? [] : ["--branch", branch, "--single-branch"];
  const ended = await git.run(["clone", "--progress", ...chosen, "--", remote.url, stage], {
    cwd: job.workdir,
    network: true,
  });
  if (ended.code !== 0) throw gitFailure(ended, { ...work, branch });
  const notes = await submodules(work, stage);
  await setAuthor(git, stage, job.identity);
  if (seam.signal.aborted) {
    throw gitFailure({ ...ended, stopped: "cancelled" }, { ...work, branch });
  }
  staging.moveIn(stage);
  return { cloned: true, notes: [`Cloned ${remote.host}/${remote.path}`, ...notes] };
}

/** Fetches submodules. One that may not be read leaves its directory empty, as git itself does. */
async function submodules(work: Work, stage: string): Promise<string[]> {
  if (!lstatOrNull(join(stage, ".gitmodules"))?.isFile) return [];
  if (await updateSubmodules(work, stage, []) === null) return [];
  // Git gives up on all when it cannot have one; the others are fetched one by one. Forced, because it
  // takes those it has fetched already, but not written yet, for complete.
  const config = [
    "config",
    "--file",
    ".gitmodules",
    "--null",
    "--get-regexp",
    "^submodule\\..*\\.path$",
  ];
  const listed = await work.git.ask(config, stage) ?? "";
  const paths = listed.split("\0").filter(Boolean).map((entry) => entry.split("\n")[1] ?? "");
  const missing: string[] = [];
  for (const path of paths.slice(0, MAX_SUBMODULES)) {
    const why = await updateSubmodules(work, stage, ["--force", "--", path]);
    if (why !== null) missing.push(`The submodule "${path}" could not be fetched: ${why}`);
  }
  return missing;
}

/**
 * @returns Null, or why it did not work.
 * @throws {AppError} When the next submodule would not work either.
 */
async function updateSubmodules(
  work: Work,
  stage: string,
  which: readonly string[],
): Promise<string | null> {
  const args = ["submodule", "update", "--init", "--recursive", "--progress", ...which];
  const ended = await work.git.run(args, { cwd: stage, network: true });
  if (ended.code === 0) return null;
  const code = failureCode(ended.stderr);
  if (ended.stopped || code === "clone_network" || code === "clone_disk_full") {
    throw gitFailure(ended, { ...work, branch: null });
  }
  return lastWords(ended.stderr);
}

/** Name and address for commits in a checkout of ours; a checkout of the user's keeps its own. */
async function setAuthor(git: Git, checkout: string, identity: GitIdentity): Promise<void> {
  const { login, id } = identity;
  if (!login) return;
  const email = identity.email || (id && `${id}+${login}@users.noreply.github.com`);
  if (!email) return;
  await git.ask(["config", "--local", "user.name", login], checkout);
  await git.ask(["config", "--local", "user.email", email], checkout);
}

async function reuse(work: Work): Promise<Checkout> {
  const { git, remote, job } = work;
  const { into, branch } = job.clone;
  if (lstatOrNull(into)?.isDirectory !== true) throw mismatch(into, "a file", remote);
  const inside = await git.ask(["rev-parse", "--is-inside-work-tree"], into);
  if (inside?.trim() !== "true") throw mismatch(into, "files that are no git checkout", remote);
  const urls = await remotes(git, into);
  if (![...urls.values()].some((url) => sameRemote(url, remote.url))) {
    const found = urls.get("origin") ?? [...urls.values()][0];
    const what = found === undefined
      ? "a git checkout without a remote"
      : `a checkout of "${maskAddress(found)}"`;
    throw mismatch(into, what, remote);
  }
  const name =
    [...urls].find(([key, url]) => key === "origin" && sameRemote(url, remote.url))?.[0] ??
      [...urls].find(([, url]) => sameRemote(url, remote.url))?.[0] ?? "origin";
  const notes = [`Using the checkout of ${remote.host}/${remote.path} that is in the directory`];
  if (branch !== null && await switchBranch(work, branch, name)) {
    notes.push(`Switched to the branch "${branch}"`);
  }
  return { cloned: false, notes };
}

/** Names and addresses git fetches from, with the owner's `insteadOf` applied. */
async function remotes(git: Git, checkout: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const line of (await git.ask(["remote", "-v"], checkout) ?? "").split("\n")) {
    const [, name, url] = line.match(/^([^\t]+)\t(.*) \(fetch\)/) ?? [];
    if (name && url) found.set(name, url);
  }
  return found;
}

/**
 * Switches a clean checkout to `branch`, which is fetched when it is not known.
 *
 * @returns False when it is on that branch already.
 */
async function switchBranch(work: Work, branch: string, remoteName: string): Promise<boolean> {
  const { git, job, seam } = work;
  const { into } = job.clone;
  const head = (await git.ask(["symbolic-ref", "--quiet", "--short", "HEAD"], into))?.trim() ||
    null;
  if (head === branch) return false;
  // Files git does not track stay where they are when it switches, and it refuses to overwrite them.
  const status = await git.ask(
    ["--no-optional-locks", "status", "--porcelain", "--untracked-files=no"],
    into,
  );
  if (status === null || status !== "") throw dirty(into, head, branch);
  const known = async (ref: string) =>
    await git.ask(["rev-parse", "--verify", "--quiet", "--end-of-options", ref], into) !== null;
  const local = await known(`refs/heads/${branch}`);
  const tracking = `refs/remotes/${remoteName}/${branch}`;
  if (!local && !await known(tracking)) {
    seam.onProgress(`Fetching the branch ${branch}`);
    const refspec = `+refs/heads/${branch}:${tracking}`;
    const fetched = await git.run(["fetch", "--progress", "--", remoteName, refspec], {
      cwd: into,
      network: true,
    });
    if (fetched.code !== 0) throw gitFailure(fetched, { ...work, branch });
  }
  const how = local ? [branch] : ["--create", branch, "--track", `${remoteName}/${branch}`];
  let switched = await git.run(["switch", "--no-guess", ...how], { cwd: into });
  if (/cannot set up tracking/i.test(switched.stderr)) {
    // A clone of one branch follows no other; the branch itself is all that is wanted.
    how.splice(2, 1, "--no-track");
    switched = await git.run(["switch", "--no-guess", ...how], { cwd: into });
  }
  if (switched.code === 0) return true;
  if (switched.stopped) throw gitFailure(switched, { ...work, branch });
  throw dirty(into, head, branch, lastWords(switched.stderr));
}

function mismatch(into: string, found: string, remote: Remote): AppError {
  return new AppError(
    "repo_mismatch",
    `Cannot use "${into}" for "${remote.host}/${remote.path}": it holds ${found}`,
    { remedy: "Choose another directory, or one that is empty" },
  );
}

function dirty(into: string, head: string | null, branch: string, said?: string): AppError {
  const on = head === null ? "a commit without a branch" : `the branch "${head}"`;
  const why = said ? `git says: ${said}` : "it has changes that are not committed";
  return new AppError(
    "repo_dirty",
    `Cannot switch "${basename(into)}" from ${on} to the branch "${branch}": ${why}`,
    { remedy: "Commit or stash the changes, or send the message without a branch" },
  );
}
