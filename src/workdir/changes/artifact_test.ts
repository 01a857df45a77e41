import { assertEquals } from "../../../tests/support/assert.ts";
import { join } from "../../platform/std/path.ts";
import { writeArtifact } from "./artifact.ts";
import type { Changes } from "./types.ts";

const OWNER = { taskId: 7, subtaskId: 8, deviceId: "d", workdir: "/w" };

function changes(text: string): Changes {
  const file = { change_type: "modified", binary: false, old_path: null } as const;
  return {
    patch: new TextEncoder().encode(text),
    files: [
      { ...file, path: "a", additions: 1, deletions: 2 },
      { ...file, path: "b", additions: 3, deletions: 0 },
    ],
  };
}

async function unpacked(dir: string): Promise<string> {
  const packed = Deno.readFileSync(join(dir, "changes.patch.gz"));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return await new Response(stream).text();
}

Deno.test("writeArtifact() keeps patch and facts, replaces an earlier record, and is its owner's only", async () => {
  const base = Deno.makeTempDirSync();
  try {
    await writeArtifact(base, OWNER, changes("earlier"));
    const told = await writeArtifact(base, OWNER, changes("abc"));
    assertEquals([told.artifact_id, told.file_count, told.additions, told.deletions], [
      "turn-file-changes/7/8",
      2,
      4,
      2,
    ]);
    assertEquals(Object.keys(told).sort(), [
      "additions",
      "artifact_id",
      "deletions",
      "device_id",
      "file_count",
      "files",
      "reverted_at",
      "status",
      "version",
      "workspace_path",
    ]);
    const dir = join(base, told.artifact_id);
    assertEquals(await unpacked(dir), "abc");
    assertEquals(JSON.parse(Deno.readTextFileSync(join(dir, "metadata.json"))), {
      version: 1,
      task_id: 7,
      subtask_id: 8,
      workspace_path: "/w",
      // SHA-256 of "abc", from FIPS 180-2.
      checksum: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    });
    assertEquals([...Deno.readDirSync(join(base, "turn-file-changes/7"))].length, 1);
    for (const path of [join(base, "turn-file-changes"), dir]) {
      assertEquals((Deno.statSync(path).mode ?? 0) & 0o777, 0o700);
    }
    assertEquals((Deno.statSync(join(dir, "metadata.json")).mode ?? 0) & 0o777, 0o600);
  } finally {
    Deno.removeSync(base, { recursive: true });
  }
});
