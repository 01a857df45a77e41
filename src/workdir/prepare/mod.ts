/** Preparation of a session's directory: repository, attachments, and the move of older state. */
export { fetchAttachments } from "./attachments.ts";
export {
  type GitCredential,
  gitEnvironment,
  type GitFacts,
  secretsOf as gitSecrets,
  usableToken,
} from "./git_environment.ts";
export { type Hook, type PreparationSettings, preparationSettings } from "./hook.ts";
export { migrateSession, type Migration, type MigrationOutcome } from "./migrate.ts";
export { prepareWorkspace } from "./prepare.ts";
export { rewritePrompt } from "./prompt_notes.ts";
export { maskAddress, normalizeRemote, repoName, sameRemote } from "./remote.ts";
export type {
  AttachmentOutcome,
  CloneJob,
  GitIdentity,
  Prepared,
  PrepareJob,
  PrepareLimits,
  PrepareSeam,
} from "./types.ts";
export { fetchSkills, wantedSkills } from "./skills.ts";
export { worktreeGrants } from "./worktree.ts";
