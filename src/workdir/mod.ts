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
export {
  fetchAttachments,
  fetchSkills,
  gitEnvironment,
  maskAddress,
  migrateSession,
  normalizeRemote,
  preparationSettings,
  prepareWorkspace,
  repoName,
  rewritePrompt,
  sameRemote,
  wantedSkills,
  worktreeGrants,
} from "./prepare/mod.ts";
export type {
  AttachmentOutcome,
  GitFacts,
  Migration,
  Prepared,
  PrepareJob,
  PrepareSeam,
} from "./prepare/mod.ts";
export { type FileChanges, Snapshots, snapshotsDir, writeArtifact } from "./changes/mod.ts";
export type { ChangedFile, Changes } from "./changes/mod.ts";
