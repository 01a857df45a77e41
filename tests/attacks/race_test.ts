/**
 * The directory of a session, or one above it, is swapped for a link to outside again and again while the
 * launcher starts in it, a thousand times over. A start either happens inside or is refused.
 */
import { join } from "../../src/platform/std/path.ts";
import { LAUNCH_FAILED, launchErrorOf, type Policy } from "../../src/scope/mod.ts";
import { landlockAbi } from "../../src/scope/landlock.ts";
import { openAllOfLibc } from "../../src/platform/libc.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { guardedTest } from "../support/require.ts";
import {
  InstalledProgram,
  SandboxWorld,
  type WorldUser,
  worldUsers,
} from "../support/sandbox_world.ts";
import type { Fence } from "./attack.ts";
import { canaryOf, changes } from "./canary.ts";

openAllOfLibc();

const ABI = landlockAbi();
const AT_ONCE = 4;
const RENAMEAT2 = Deno.build.arch === "aarch64" ? 276 : 316;

/** Perl that exchanges two names (RENAME_EXCHANGE), waits a moment, and so on until its input ends. */
const SWAPPER = `($a, $b) = @ARGV; $| = 1; print "up\\n"; $in = ""; vec($in, 0, 1) = 1;
  until (select($r = $in, undef, undef, 0.0004 + rand(0.004))) {
    syscall(${RENAMEAT2}, -100, $a, -100, $b, 2) == 0 or die "exchange: $!";
  }`;

/** What is swapped: the directory itself, or the one above it. */
type Swapped = "directory" | "component";

/** How starts went. */
interface Count {
  inside: number;
  refused: number;
  /** Neither, with what was said. */
  readonly strange: string[];
  /** Paths outside that differ afterwards. */
  changed: readonly string[];
}

/** Starts `times` times in a directory that is being swapped, with fences switched off. */
async function race(
  user: WorldUser,
  swapped: Swapped,
  times: number,
  off: readonly Fence[] = [],
): Promise<Count> {
  using program = new InstalledProgram();
  using world = new SandboxWorld(user, program);
  const above = join(world.workspace, "7");
  const inside = join(above, "inner");
  const outside = join(world.outside, "seven");
  for (const path of [inside, join(outside, "inner")]) Deno.mkdirSync(path, { recursive: true });
  const workdir = inside;
  const [real, target] = swapped === "directory"
    ? [inside, join(outside, "inner")]
    : [above, outside];
  const link = join(world.workspace, "link");
  Deno.symlinkSync(target, link);
  const made = world.policy({ workdir });
  const policy: Policy = JSON.parse(Deno.readTextFileSync(made));
  Deno.writeTextFileSync(
    made,
    JSON.stringify({
      ...policy,
      mode: off.includes("os") ? "off" : policy.mode,
      roots: off.includes("launcher") ? ["/"] : policy.roots,
    }),
  );
  world.own();
  const before = canaryOf(world.outside, []);
  const swapper = world.service(["perl", "-e", SWAPPER, "--", real, link]);
  const reader = swapper.stdout.getReader();
  await reader.read();
  const count: Count = { inside: 0, refused: 0, strange: [], changed: [] };
  try {
    let left = times;
    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
      while (left-- > 0) await start(world, made, count);
    }));
  } finally {
    await swapper.stdin.close();
    await reader.cancel();
  }
  assertEquals((await swapper.status).code, 0);
  return { ...count, changed: changes(before, canaryOf(world.outside, [])) };
}

async function start(world: SandboxWorld, policy: string, count: Count): Promise<void> {
  const argv = world.launcher(policy, "agent", ["sh", "-c", "echo x > raced-$$ && echo started"]);
  const { code, stdout, stderr } = await world.run(argv);
  if (stdout === "started\n") return void count.inside++;
  const error = code === LAUNCH_FAILED ? launchErrorOf(stderr)?.code : undefined;
  const expected = ["workdir_outside_roots", "workdir_missing", "write_path_moved"];
  if (error !== undefined && expected.includes(error)) return void count.refused++;
  // The grant and the entry met different directories: the command stands where it may not write.
  if (/Permission denied/.test(stderr)) return void count.refused++;
  count.strange.push(`${code} ${stdout} ${stderr}`.slice(0, 500));
}

for (const user of worldUsers()) {
  guardedTest({
    name: `race (${user}): a directory, or one above it, is swapped for a link during 1,000 starts`,
    needs: () => ABI > 0 ? undefined : "This kernel has no Landlock",
    async fn() {
      for (const swapped of ["directory", "component"] as const) {
        const { inside, refused, strange, changed } = await race(user, swapped, 500);
        assertEquals([inside + refused, strange.slice(0, 3), changed], [500, [], []]);
        assert(inside > 0 && refused > 0, `${inside} inside, ${refused} refused`);
      }
    },
  });
}

guardedTest({
  name: "race: either of launcher and kernel holds alone; without both it is lost",
  needs: () => ABI > 0 ? undefined : "This kernel has no Landlock",
  async fn() {
    const [user = "ordinary"] = worldUsers();
    for (const off of ["launcher", "os"] as const) {
      assertEquals((await race(user, "directory", 100, [off])).changed, [], off);
    }
    const { changed } = await race(user, "directory", 100, ["launcher", "os"]);
    assert(changed.length > 0, "The race was never won, so it proves nothing");
  },
});
