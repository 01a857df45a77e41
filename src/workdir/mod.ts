/** Working directories of sessions: which one, prepared how. */
export { chatName, createChatDirectory } from "./chats.ts";
export { chooseDirectory } from "./choose.ts";
export type {
  ChosenDirectory,
  DirectoryContext,
  DirectoryRequest,
  KnownDirectories,
  Origin,
} from "./choose.ts";
export { decideWorkdir, whyNoRoot, workdirSeam } from "./decide.ts";
export type {
  WorkdirCode,
  WorkdirContext,
  WorkdirDecision,
  WorkdirRequest,
  WorkdirSeam,
} from "./decide.ts";
export { showPath } from "./path_text.ts";
export { gitEnvironment, type GitFacts } from "./prepare/git_environment.ts";
export { normalizeRemote, repoName, sameRemote } from "./prepare/remote.ts";
export type { AttachmentOutcome, Prepared, PrepareJob, PrepareSeam } from "./prepare/types.ts";
export { migrateSession, prepareWorkspace, rewritePrompt, worktreeGrants } from "./stopgap.ts";
export * from "./prepare/mod.ts";
