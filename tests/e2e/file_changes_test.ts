/** What turns changed, instruction files and the owner's script, through a device with the real CLI. */
import { exists } from "../../src/platform/mod.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { callTool, say, script, type Step } from "../support/model.ts";
import { type DeviceFixture, LONG, withDevice, workdirOf } from "./fixture.ts";
import { turnIn } from "./workdir_turn.ts";

interface Told {
  readonly files: readonly Record<string, unknown>[];
  readonly [member: string]: unknown;
}

/** A directory that may be chosen, with a repository in it. */
function repository({ world }: DeviceFixture, files: Record<string, string>): string {
  const dir = `${Deno.realPathSync(world.home)}/Projects/app`;
  Deno.mkdirSync(dir, { recursive: true });
  git(dir, "init", "-q");
  for (const [name, text] of Object.entries(files)) Deno.writeTextFileSync(`${dir}/${name}`, text);
  git(dir, "add", "-A");
  git(dir, "commit", "-qm", "first");
  return dir;
}

function git(dir: string, ...args: string[]): string {
  if (!dir.startsWith("/")) throw new Error(`No directory: ${dir}`);
  const { code, stdout, stderr } = new Deno.Command("git", {
    args: ["-c", "user.name=n", "-c", "user.email=n@example.com", "-C", dir, ...args],
    env: { GIT_CONFIG_NOSYSTEM: "1", GIT_CEILING_DIRECTORIES: `${dir}/..` },
  }).outputSync();
  if (code !== 0) throw new Error(`git ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

const ROOTS = { env: { LOCAL_WORKDIR_ALLOWED_ROOTS: "~/Projects" } };

const EXISTING = (dir: string) => ({ workdir: dir, workdir_policy: "existing" });

function deviceOf({ backend }: DeviceFixture): string {
  return [...backend.devices.keys()][0] ?? "";
}

function bash(command: string): Step {
  return callTool("Bash", { command, description: "d" });
}

/** Runs the steps and returns what `response.completed` told. */
async function changesOf(
  fixture: DeviceFixture,
  steps: readonly Step[],
  fields: Record<string, unknown> = {},
  taskId?: number,
): Promise<{ task: number; subtask: number; told: Told | undefined; notices: string }> {
  const turn = await turnIn(fixture, { device_id: deviceOf(fixture), ...fields }, {
    prompt: script(...steps, say("done")),
    ...(taskId && { task_id: taskId }),
  });
  assertEquals(turn.status, "COMPLETED", turn.error);
  const last = fixture.backend.eventsOf(turn.subtask_id).at(-1);
  assertEquals(last?.event, "response.completed");
  const response = last?.data?.["response"] as Record<string, unknown>;
  return {
    task: turn.task_id,
    subtask: turn.subtask_id,
    told: response["file_changes"] as Told | undefined,
    notices: turn.notices,
  };
}

async function recordOf({ world }: DeviceFixture, told: Told): Promise<{
  patch: string;
  metadata: Record<string, unknown>;
}> {
  const dir = `${world.executorHome}/artifacts/${told["artifact_id"]}`;
  const packed = Deno.readFileSync(`${dir}/changes.patch.gz`);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return {
    patch: await new Response(stream).text(),
    metadata: JSON.parse(Deno.readTextFileSync(`${dir}/metadata.json`)),
  };
}

Deno.test("a turn tells what its edits and its shell changed, and its record takes it back", () =>
  withDevice(ROOTS, async (fixture) => {
    const dir = repository(fixture, { "a.txt": "one\ntwo\n", "b.txt": "b\n", "c.txt": "c\n" });
    Deno.writeTextFileSync(`${dir}/mine.txt`, "not committed\n");
    const { task, subtask, told } = await changesOf(fixture, [
      callTool("Write", { file_path: `${dir}/new.txt`, content: "n\n" }),
      bash("printf 'one\\n2\\n' > a.txt; rm b.txt; mv c.txt moved.txt; printf 'x\\n' >> mine.txt"),
    ], EXISTING(dir));
    const file = (path: string, change_type: string, additions: number, deletions: number) => ({
      old_path: null,
      path,
      change_type,
      additions,
      deletions,
      binary: false,
    });
    assertEquals(told, {
      version: 1,
      status: "active",
      artifact_id: `turn-file-changes/${task}/${subtask}`,
      device_id: deviceOf(fixture),
      workspace_path: dir,
      file_count: 5,
      additions: 3,
      deletions: 2,
      files: [
        file("a.txt", "modified", 1, 1),
        file("b.txt", "deleted", 0, 1),
        file("mine.txt", "modified", 1, 0),
        { ...file("moved.txt", "renamed", 0, 0), old_path: "c.txt" },
        file("new.txt", "created", 1, 0),
      ],
      reverted_at: null,
    });
    const { patch, metadata } = await recordOf(fixture, told!);
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(patch));
    assertEquals(metadata, {
      version: 1,
      task_id: task,
      subtask_id: subtask,
      workspace_path: dir,
      checksum: Array.from(new Uint8Array(digest), (b) => b.toString(16).padStart(2, "0")).join(""),
    });
    assertEquals(git(dir, "diff", "--cached", "--name-only"), "", "the index is as it was");
    Deno.writeTextFileSync(`${fixture.world.home}/turn.patch`, patch);
    git(dir, "apply", "-R", `${fixture.world.home}/turn.patch`);
    assertEquals(git(dir, "status", "--porcelain"), "?? mine.txt\n");
    assertEquals(Deno.readTextFileSync(`${dir}/mine.txt`), "not committed\n");

    const reading = await changesOf(fixture, [bash("cat a.txt")], EXISTING(dir), task);
    assertEquals(reading.told, undefined, "nothing changed");
    const second = await changesOf(fixture, [bash("echo 3 >> a.txt")], EXISTING(dir), task);
    assertEquals(second.told?.files, [file("a.txt", "modified", 1, 0)]);
  }));

Deno.test("a managed directory without a repository tells its changes too; our own files are none", () =>
  withDevice({}, async (fixture) => {
    const first = await changesOf(fixture, [bash("echo 1 > f; mkdir d; echo 2 > d/g")]);
    assertEquals(first.told?.files.map((file) => [file["path"], file["change_type"]]), [
      ["d/g", "created"],
      ["f", "created"],
    ]);
    const dir = workdirOf(fixture.world, first.task);
    const second = await changesOf(
      fixture,
      [
        callTool("Read", { file_path: `${dir}/f` }),
        callTool("Edit", { file_path: `${dir}/f`, old_string: "1", new_string: "one" }),
      ],
      {},
      first.task,
    );
    assertEquals(second.told?.files.map((file) => [file["path"], file["change_type"]]), [
      ["f", "modified"],
    ]);
    const { patch } = await recordOf(fixture, second.told!);
    Deno.writeTextFileSync(`${fixture.world.home}/turn.patch`, patch);
    git(dir, "apply", "-R", `${fixture.world.home}/turn.patch`);
    assertEquals(Deno.readTextFileSync(`${dir}/f`), "1\n");
  }));

Deno.test("without a device id, without tools and on a cancel nothing is told", () =>
  withDevice({}, async (fixture) => {
    const { backend, request, world } = fixture;
    const silent = await changesOf(fixture, [bash("echo 1 > f")], { device_id: null });
    assertEquals(silent.told, undefined);
    assertEquals((await changesOf(fixture, [])).told, undefined);
    const turn = {
      ...request(script(bash("echo 1 > f; echo ready; sleep 60"), say("never"))),
      device_id: deviceOf(fixture),
    };
    backend.execute(turn);
    const file = `${workdirOf(world, turn.task_id)}/f`;
    for (const end = Date.now() + LONG; !exists(file) && Date.now() < end;) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    backend.cancel({ taskId: turn.task_id, subtaskId: turn.subtask_id });
    assertEquals((await backend.waitTerminal(turn.subtask_id, LONG)).status, "CANCELLED");
    assert(!exists(`${world.executorHome}/artifacts/turn-file-changes`), "no record is left");
  }));

Deno.test("an agent neither reads nor changes snapshots and records", () =>
  withDevice({}, async (fixture) => {
    const { world } = fixture;
    const first = await changesOf(fixture, [bash("echo 1 > f")]);
    const record = `${world.executorHome}/artifacts/${first.told?.["artifact_id"]}`;
    const turn = await turnIn(fixture, { device_id: deviceOf(fixture) }, {
      task_id: first.task,
      prompt: script(
        bash(
          `cat ${record}/metadata.json; echo x > ${record}/metadata.json; cd ${world.executorHome}/run/hosts; ` +
            "cat */changes/facts; for d in */changes; do echo x > $d/before; rm $d/before; done; echo end",
        ),
        say("done"),
      ),
    });
    assertEquals(turn.output.match(/Permission denied/g)?.length ?? 0, 5, turn.output);
    assertMatch(Deno.readTextFileSync(`${record}/metadata.json`), /checksum/);
  }));

Deno.test("a project's instruction files reach Claude and stay out of its git", () =>
  withDevice({}, async (fixture) => {
    const dir = repository(fixture, {
      "AGENTS.md": "Say please.\n",
      ".cursorrules": "tabs\n",
      "f": "1\n",
    });
    const project = { workspace_source: "local_path", project_id: 9, project_workspace_path: dir };
    const { told, notices } = await changesOf(fixture, [bash("echo 2 > f")], project);
    assertEquals(notices, "");
    assertEquals(Deno.readLinkSync(`${dir}/CLAUDE.md`), "AGENTS.md");
    assertEquals(Deno.readTextFileSync(`${dir}/.claudecode/.cursorrules`), "tabs\n");
    assertEquals(git(dir, "status", "--porcelain"), " M f\n");
    assertEquals(told?.files.map((file) => file["path"]), ["f"]);
    const asked = fixture.model.scripted().at(-1);
    assertStringIncludes(JSON.stringify(asked?.body), "Say please.");
  }));

Deno.test("the owner's script runs before each turn; its failure is a note", async () => {
  const dir = Deno.makeTempDirSync({ prefix: "wegent-hook-" });
  const hook = `${dir}/hook.sh`;
  Deno.writeTextFileSync(
    hook,
    'echo "$1|$WEGENT_TASK_DIR|$WEGENT_TASK_ID|$WEGENT_GIT_URL" >> "$1/hook.txt"; pwd -P >> "$1/hook.txt"\n' +
      '[ ! -e "$1/fail" ]\n',
  );
  try {
    await withDevice({ env: { WEGENT_HOOK_PRE_EXECUTE: hook } }, async (fixture) => {
      const first = await changesOf(fixture, [bash("cat hook.txt; touch fail")]);
      const task = workdirOf(fixture.world, first.task);
      assertEquals(first.notices, "");
      assertEquals(
        Deno.readTextFileSync(`${task}/hook.txt`),
        `${task}|${task}|${first.task}|\n${Deno.realPathSync(task)}\n`,
      );
      assertEquals(first.told?.files.map((file) => file["path"]), ["fail"]);
      const second = await changesOf(fixture, [], {}, first.task);
      assertStringIncludes(second.notices, "ended with status 1");
    });
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});
