/**
 * The record of one turn's changes: the patch and what it is about, where a server's commands find it.
 * Source of the form: the protocol's section on file changes.
 */
import { ensurePrivateDir, removeIfExists } from "../../platform/mod.ts";
import { dirname, join } from "../../platform/std/path.ts";
import type { ChangedFile, Changes } from "./types.ts";

/** `response.file_changes`, exactly: a server refuses further members. */
export interface FileChanges {
  readonly version: 1;
  readonly status: "active";
  /** Directory of the record, relative to that of all artifacts. */
  readonly artifact_id: string;
  readonly device_id: string;
  readonly workspace_path: string;
  readonly file_count: number;
  readonly additions: number;
  readonly deletions: number;
  readonly files: readonly ChangedFile[];
  readonly reverted_at: null;
}

/** Which turn a record is of. */
export interface ArtifactOwner {
  readonly taskId: number;
  readonly subtaskId: number;
  readonly deviceId: string;
  /** Absolute, without links. */
  readonly workdir: string;
}

/**
 * Writes the record of a turn below `artifactsDir`: a directory that appears whole, in place of an
 * earlier one of the same turn.
 *
 * @returns What is told to the server.
 */
export async function writeArtifact(
  artifactsDir: string,
  owner: ArtifactOwner,
  changes: Changes,
): Promise<FileChanges> {
  const { taskId, subtaskId, deviceId, workdir } = owner;
  const id = `turn-file-changes/${taskId}/${subtaskId}`;
  const place = join(artifactsDir, id);
  const temp = `${place}.${crypto.randomUUID().slice(0, 8)}.tmp`;
  const metadata = {
    version: 1,
    task_id: taskId,
    subtask_id: subtaskId,
    workspace_path: workdir,
    checksum: hex(new Uint8Array(await crypto.subtle.digest("SHA-256", changes.patch))),
  };
  for (const dir of [join(artifactsDir, "turn-file-changes"), dirname(place)]) {
    ensurePrivateDir(dir);
  }
  try {
    Deno.mkdirSync(temp, { mode: 0o700 });
    writeSynced(join(temp, "changes.patch.gz"), await gzip(changes.patch));
    writeSynced(
      join(temp, "metadata.json"),
      new TextEncoder().encode(`${JSON.stringify(metadata)}\n`),
    );
    removeIfExists(place, { recursive: true });
    Deno.renameSync(temp, place);
  } catch (error) {
    removeIfExists(temp, { recursive: true });
    throw error;
  }
  const sum = (count: (file: ChangedFile) => number) =>
    changes.files.reduce((all, file) => all + count(file), 0);
  return {
    version: 1,
    status: "active",
    artifact_id: id,
    device_id: deviceId,
    workspace_path: workdir,
    file_count: changes.files.length,
    additions: sum((file) => file.additions),
    deletions: sum((file) => file.deletions),
    files: changes.files,
    reverted_at: null,
  };
}

async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const packed = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(packed).arrayBuffer());
}

function writeSynced(path: string, bytes: Uint8Array): void {
  using file = Deno.openSync(path, { write: true, createNew: true, mode: 0o600 });
  for (let n = 0; n < bytes.length;) n += file.writeSync(bytes.subarray(n));
  file.syncSync();
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
