/** Preparations that are killed or run out of disk: a whole checkout or none, never half of one. */
import { exists } from "../../src/platform/mod.ts";
import { SmallDisk, smallDiskReason } from "../support/full_disk.ts";
import { gitOk, GitServer } from "../support/git_server.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { alive, allProcesses } from "../support/processes.ts";
import { guardedTest } from "../support/require.ts";
import { poll } from "../support/waiting.ts";
import { Workshop } from "../support/workshop.ts";
import { fromFileUrl, join } from "../../src/platform/std/path.ts";
import type { PrepareJob } from "../../src/workdir/mod.ts";

const ROOT = fromFileUrl(new URL("../../", import.meta.url));
const FLAGS =
  ("--no-prompt --cached-only --no-check --quiet --allow-read --allow-write --allow-net " +
    "--allow-env --allow-run --allow-sys --allow-ffi").split(" ");

/** Starts a preparation as a process; it is to be killed. */
function start(shop: Workshop, job: PrepareJob): Deno.ChildProcess {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", ...FLAGS, "--config", join(ROOT, "deno.json"), "tests/support/prepare_main.ts"],
    cwd: ROOT,
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const input = JSON.stringify({ job, seam: { launch: [], env: shop.env } });
  const writer = child.stdin.getWriter();
  void writer.write(new TextEncoder().encode(input)).then(() => writer.close());
  return child;
}

/** Kills the preparation, waits for its git to follow, and returns what lies in the workdir. */
async function killed(shop: Workshop, child: Deno.ChildProcess): Promise<string[]> {
  child.kill("SIGKILL");
  await child.status;
  const left = shop.tree();
  const gits = allProcesses().filter(({ command }) => command.includes(shop.base));
  for (const { pid } of gits) {
    await poll(() => !alive(pid), 20_000, "the end of the orphaned git");
  }
  return left;
}

async function assertWhole(shop: Workshop, files: number): Promise<void> {
  assertEquals(await gitOk(["-C", shop.workdir, "status", "--porcelain"]), "");
  assertEquals(await gitOk(["-C", shop.workdir, "fsck", "--no-progress"]), "");
  assertEquals(shop.tree().filter((path) => path.includes(".wegent")), []);
  assertEquals(shop.tree().length, files + 1);
}

Deno.test("prepareWorkspace() killed while it fetches leaves no checkout, and the next one succeeds", async () => {
  await using server = new GitServer();
  using shop = new Workshop();
  await server.add("app", { files: { "a.txt": "a", "d/b.txt": "b" }, ballast: 400_000 });
  const job = shop.clone(server.url("app"));
  const stage = () => [...Deno.readDirSync(shop.workdir)].some(({ name }) => name === ".wegent");
  for (const ms of [0, 150, 400, 700]) {
    server.fault = { kind: "slow", pieces: 10, ms: 150 };
    const child = start(shop, job);
    await poll(stage, 20_000, "the stage");
    await new Promise((resolve) => setTimeout(resolve, ms));
    const left = await killed(shop, child);
    assertEquals(left.filter((path) => !path.startsWith(".wegent/")), [], `after ${ms} ms`);
  }
  server.fault = null;
  await shop.prepare(job);
  await assertWhole(shop, 4);
});

Deno.test("prepareWorkspace() killed while it moves the checkout in is finished by the next one", async () => {
  await using server = new GitServer();
  using shop = new Workshop();
  const names = Array.from({ length: 3000 }, (_, i) => `f${i}.txt`);
  await server.add("app", { files: Object.fromEntries(names.map((name) => [name, name])) });
  const job = shop.clone(server.url("app"));
  const journal = join(shop.workdir, ".wegent/clone/moves.json");
  let halfway = 0;
  for (const ms of [0, 5, 15, 30]) {
    const child = start(shop, job);
    await poll(() => exists(journal), 60_000, "the journal", 1);
    await new Promise((resolve) => setTimeout(resolve, ms));
    const left = await killed(shop, child);
    const moved = left.filter((path) => !path.startsWith(".wegent")).length;
    if (exists(journal) && moved > 0) halfway++;
    // With the journal it is no checkout yet; without, it is a whole one.
    assertEquals(exists(join(shop.workdir, ".git")), moved === names.length + 1);
    const { cloned } = await shop.prepare(job);
    assertEquals(cloned, false);
    await assertWhole(shop, names.length);
    await Deno.remove(shop.workdir, { recursive: true });
    await Deno.mkdir(shop.workdir);
  }
  assert(halfway > 0, "no kill hit the move");
});

guardedTest({
  name: "prepareWorkspace() on a disk of any fullness makes a whole checkout or none",
  needs: smallDiskReason,
  async fn() {
    await using server = new GitServer();
    using shop = new Workshop();
    await server.add("app", { files: { "a.txt": "a", "d/b.txt": "b" }, ballast: 1_000_000 });
    const job = shop.clone(server.url("app"));
    const outcomes = new Set<string>();
    for (const kib of [0, 4, 16, 64, 128, 512, 1000, 1100, 2000, 2100, 2150, 2200, 4000]) {
      await using disk = await SmallDisk.mount(shop.workdir, 8);
      await disk.fill(kib * 1024);
      // The disk's ballast lies beside the directory.
      await Deno.mkdir(join(shop.workdir, "sub")).catch(() => {});
      if (!exists(join(shop.workdir, "sub"))) {
        outcomes.add("no room for a directory");
        continue;
      }
      const sub = { ...job, workdir: join(shop.workdir, "sub") };
      const into = { ...sub, clone: { ...job.clone!, into: sub.workdir } };
      try {
        await shop.prepare(into);
        assertEquals(await gitOk(["-C", sub.workdir, "status", "--porcelain"]), "");
        outcomes.add("whole");
      } catch (error) {
        const { code } = error as { code?: string };
        assertEquals(code, "clone_disk_full", `${kib} KiB: ${error}`);
        const names = [...Deno.readDirSync(sub.workdir)].map(({ name }) => name);
        assertEquals(names, [], `${kib} KiB`);
        outcomes.add("full");
      }
    }
    assert(outcomes.has("whole") && outcomes.has("full"), [...outcomes].join());
  },
});
