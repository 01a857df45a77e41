/** Everything that is done to a session's directory before a turn, in order. */
import { fetchAttachments } from "./attachments.ts";
import { type Checkout, ensureCheckout } from "./clone.ts";
import { excludeOwnDir } from "./exclude.ts";
import { Git } from "./git.ts";
import { credentialOf, secretsOf } from "./git_environment.ts";
import { runHook } from "./hook.ts";
import { layOutInstructions } from "./instructions.ts";
import { Staging } from "./staging.ts";
import type { Prepared, PrepareJob, PrepareSeam } from "./types.ts";

/**
 * Prepares the directory of a turn: puts right what a crash left, clones or reuses the repository, keeps
 * our own directory out of it, lays out a project's instruction files, fetches the attachments and runs
 * the owner's hook.
 *
 * Runs where the session's directory may be written: in the session host. Git runs through the launcher.
 *
 * @throws {AppError} When the repository cannot be had; then nothing has changed in the directory. Faults
 *   of the rest are notes and outcomes.
 */
export async function prepareWorkspace(job: PrepareJob, seam: PrepareSeam): Promise<Prepared> {
  const credential = credentialOf({ ...job.git, url: job.clone?.url ?? null });
  const git = new Git(seam, credential);
  let checkout: Checkout = { cloned: false, notes: [] };
  if (job.clone !== null) {
    const work = { ...job, clone: job.clone, identity: job.git };
    checkout = await ensureCheckout(work, git, seam, credential !== null);
  } else if (Staging.leftover(job.workdir)) {
    (await Staging.open(job.workdir, job.workdir, seam.signal))[Symbol.dispose]();
  }
  const notes = [...checkout.notes];
  if (job.ownState && (job.firstTurn || checkout.cloned)) {
    const note = await excludeOwnDir(git, job.workdir);
    if (note !== null) notes.push(note);
  }
  if (job.origin === "project" && job.instructionFiles) {
    notes.push(...await layOutInstructions(git, job.workdir, job.instructionFiles));
  }
  const attachments = await fetchAttachments(job, seam);
  const hook = job.hook ? await runHook(job, job.hook, seam) : { note: null, output: "" };
  if (hook.note !== null) notes.push(hook.note);
  const secrets = [...secretsOf(credential), ...(job.authToken ? [job.authToken] : [])];
  return { notes, attachments, secrets, cloned: checkout.cloned, hookOutput: hook.output };
}
