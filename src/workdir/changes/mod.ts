/** What a turn changed in its directory: snapshots, patch, record. */
export { type ArtifactOwner, type FileChanges, writeArtifact } from "./artifact.ts";
export { type SnapshotMode, Snapshots, snapshotsDir } from "./snapshots.ts";
export {
  CHANGE_LIMITS,
  type ChangedFile,
  type ChangeLimits,
  type Changes,
  type SnapshotPlaces,
  type SnapshotSeam,
} from "./types.ts";
