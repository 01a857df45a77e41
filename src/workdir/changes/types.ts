/** What the parts of a turn's changes hand to each other. */

/** One file a turn changed, in the shape of the wire. */
export interface ChangedFile {
  /** Path before a rename; null for every other change. */
  readonly old_path: string | null;
  /** As in the patch: relative to the top of the repository, or to the workdir when there is none. */
  readonly path: string;
  readonly change_type: "created" | "modified" | "deleted" | "renamed";
  /** Lines; 0 for binary files. */
  readonly additions: number;
  readonly deletions: number;
  readonly binary: boolean;
}

/** What a turn changed. */
export interface Changes {
  /** Sorted by path; never empty. */
  readonly files: readonly ChangedFile[];
  /** Binary patch from before to after the turn, as `git apply` takes it. */
  readonly patch: Uint8Array<ArrayBuffer>;
}

/** Where snapshots are taken and kept. Paths are absolute and without links. */
export interface SnapshotPlaces {
  readonly workdir: string;
  /** Private directory for snapshots; made and emptied here. Git writes in it, from its box. */
  readonly dir: string;
  /** Trees in the workdir that are not its owner's, such as the agent's configuration. */
  readonly ignored: readonly string[];
}

/** Bounds of one turn's snapshots. */
export interface ChangeLimits {
  /** Longest time of one snapshot, in milliseconds. */
  readonly ms: number;
  readonly patchBytes: number;
  /** Files that are new or changed against the repository, and files of a turn's changes. */
  readonly files: number;
  /** Larger files are left out. */
  readonly fileBytes: number;
  /** Of all files that are new or changed against the repository. */
  readonly bytes: number;
  /** Of earlier turns' files, as long as they are kept. */
  readonly keptBytes: number;
  /** A directory without a repository that holds more is not taken as a whole. */
  readonly plainFiles: number;
  readonly plainBytes: number;
}

export const CHANGE_LIMITS: ChangeLimits = {
  ms: 5000,
  patchBytes: 20 * 1024 * 1024,
  files: 5000,
  fileBytes: 20 * 1024 * 1024,
  bytes: 256 * 1024 * 1024,
  keptBytes: 512 * 1024 * 1024,
  plainFiles: 2000,
  plainBytes: 32 * 1024 * 1024,
};

/** How git is started. */
export interface SnapshotSeam {
  /** Argv that starts the command appended to it through the launcher; empty: started directly. */
  readonly launch: readonly string[];
  /** The executor's environment; only what git needs is handed on. */
  readonly env: Readonly<Record<string, string>>;
  readonly limits?: Partial<ChangeLimits>;
}
