import { assert, assertEquals, assertRejects, assertStringIncludes } from "./assert.ts";
import { SmallDisk, smallDiskReason } from "./full_disk.ts";
import {
  alive,
  environmentOf,
  killHard,
  processInfo,
  processTree,
  pssBytes,
  treePssBytes,
  waitGone,
} from "./processes.ts";
import { guardedTest } from "./require.ts";
import { createWorld, sourceFlags } from "./world.ts";

Deno.test("createWorld() gives a program nothing but the world's environment", async () => {
  Deno.env.set("NOT_FOR_WORLDS", "1");
  await using world = await createWorld({ claude: false });
  const program = world.spawn(["/usr/bin/env"], { EXTRA: "yes" });
  assertEquals((await program.exited(5000)).code, 0);
  const out = program.output("stdout");
  assertStringIncludes(out, `HOME=${world.home}\n`);
  assertStringIncludes(out, "EXTRA=yes\n");
  assert(!out.includes("NOT_FOR_WORLDS"));
  Deno.env.delete("NOT_FOR_WORLDS");
});

Deno.test("World runs our program and captures its output", async () => {
  await using world = await createWorld({ claude: false });
  const { code, stdout } = await world.run(["--version"]);
  assertEquals(code, 0);
  assert(/^\D*\d+\.\d+\.\d+/.test(stdout), stdout);
});

Deno.test("World puts the pinned Claude CLI on the path", async () => {
  await using world = await createWorld();
  const program = world.spawn(["/bin/sh", "-c", "claude --version"]);
  await program.waitForLine("2.1.197", 20_000);
});

Deno.test("Program.waitForLine() finds earlier lines and reports an end without it", async () => {
  await using world = await createWorld({ claude: false });
  const program = world.spawn(["/bin/sh", "-c", "echo one; echo two >&2; exit 3"]);
  assertEquals((await program.waitForLine(/^two/, 2000)).stream, "stderr");
  assertEquals((await program.waitForLine("one", 2000)).text, "one");
  await assertRejects(() => program.waitForLine("three", 2000), Error, "ended without");
  assertEquals((await program.exited(2000)).code, 3);
});

Deno.test("World.dispose() ends detached processes and tells of them", async () => {
  const world = await createWorld({ claude: false });
  const script = "setsid sh -c 'sleep 301 & wait' & env -i setsid sleep 302 & wait";
  const program = world.spawn(["/bin/sh", "-c", script]);
  while (world.processesLike(/sleep 301/).length === 0) await new Promise((r) => setTimeout(r, 10));
  const [sleeper] = world.processesLike(/^sleep 301/);
  assert(sleeper && alive(sleeper.pid));
  assertEquals(environmentOf(sleeper.pid).get("HOME"), world.home);
  for (const info of processTree(program.pid)) {
    if (info.command === "sleep 302") killHard(info.pid); // Carries no mark, nobody could find it.
  }
  assert(program.signal("SIGKILL"));
  await program.exited(2000);
  await assertRejects(
    () => world.dispose({ expectNoProcess: true }),
    Error,
    "Processes were left",
  );
  assert(!alive(sleeper.pid));
});

Deno.test("processTree() and pssBytes() see a process and its children", async () => {
  await using world = await createWorld({ claude: false });
  const program = world.spawn(["/bin/sh", "-c", "echo up; sleep 303 & wait"]);
  await program.waitForLine("up", 2000);
  while (processTree(program.pid).length < 2) await new Promise((r) => setTimeout(r, 5));
  assert(pssBytes(program.pid) > 10_000);
  assert(treePssBytes(program.pid) > pssBytes(program.pid));
  const info = processInfo(program.pid);
  assertEquals(info?.parent, Deno.pid);
  assert((info?.started ?? 0) > 0);
  const child = processTree(program.pid)[1]!;
  killHard(child.pid);
  await waitGone(child.pid, 2000);
  assertEquals(killHard(child.pid), false);
  await program.exited(2000);
});

Deno.test("sourceFlags() takes the rights of the task start", () => {
  const flags = sourceFlags();
  assert(flags.includes("--no-prompt"));
  assert(!flags.includes("-A") && !flags.includes("--allow-all"));
});

guardedTest({
  name: "SmallDisk fills up and has room again",
  needs: smallDiskReason,
  async fn() {
    await using world = await createWorld({ claude: false });
    await using disk = await SmallDisk.mount(world.tmp, 2);
    const file = `${disk.path}/a`;
    assert(await disk.fill() > 1_000_000);
    await assertRejects(() => Deno.writeTextFile(file, "x".repeat(5000)), Error, "os error 28");
    await disk.free();
    await Deno.writeTextFile(file, "x".repeat(5000));
    await disk.fill(64 * 1024);
    await Deno.writeTextFile(file, "x".repeat(30_000));
  },
});
