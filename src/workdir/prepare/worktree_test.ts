import { join } from "../../platform/std/path.ts";
import { assert, assertEquals } from "../../../tests/support/assert.ts";
import { gitOk } from "../../../tests/support/git_server.ts";
import { SandboxWorld, worldUsers } from "../../../tests/support/sandbox_world.ts";
import { guardedTest } from "../../../tests/support/require.ts";
import { Workshop } from "../../../tests/support/workshop.ts";
import { worktreeGrants } from "./worktree.ts";

/** A repository `main` with a linked worktree `side`. */
async function repository(base: string): Promise<{ main: string; side: string }> {
  const [main, side] = [join(base, "main"), join(base, "side")];
  await gitOk(["init", "--quiet", "--initial-branch=main", main]);
  await gitOk(["-C", main, "commit", "--quiet", "--allow-empty", "--message", "First"]);
  await gitOk(["-C", main, "worktree", "add", "--quiet", "-b", "side", side]);
  return { main, side };
}

Deno.test("worktreeGrants() names what a commit in a worktree writes, without hooks and config", async () => {
  using shop = new Workshop();
  const { main, side } = await repository(shop.base);
  assertEquals(
    worktreeGrants(side, [shop.base]),
    ["worktrees/side", "objects", "refs", "logs", "info"].map((name) => join(main, ".git", name)),
  );
  assertEquals(worktreeGrants(main, [shop.base]), []);
  assertEquals(worktreeGrants(shop.home, [shop.base]), []);
  // A bare repository's worktrees are as good.
  await gitOk(["clone", "--quiet", "--bare", main, join(shop.base, "bare.git")]);
  const third = join(shop.base, "third");
  await gitOk(["-C", join(shop.base, "bare.git"), "worktree", "add", "--quiet", third, "side"]);
  assert(worktreeGrants(third, [shop.base]).includes(join(shop.base, "bare.git/objects")));
});

Deno.test("worktreeGrants() gives nothing of a repository outside of the roots", async () => {
  using shop = new Workshop();
  const { side } = await repository(shop.base);
  assertEquals(worktreeGrants(side, [side, shop.workdir]), []);
});

Deno.test("worktreeGrants() believes no .git that an agent has written", async () => {
  using shop = new Workshop();
  const { main, side } = await repository(shop.base);
  const admin = join(main, ".git/worktrees/side");
  const grants = () => worktreeGrants(shop.workdir, [shop.base]);
  // Another directory's worktree, by name and through a link.
  shop.put(".git", `gitdir: ${admin}\n`);
  assertEquals(grants(), []);
  Deno.removeSync(join(shop.workdir, ".git"));
  Deno.symlinkSync(join(side, ".git"), join(shop.workdir, ".git"));
  assertEquals(grants(), []);
  Deno.removeSync(join(shop.workdir, ".git"));
  // An administration of the agent's own that claims to belong to the victim.
  const forged = join(shop.workdir, "forged/worktrees/x");
  Deno.mkdirSync(forged, { recursive: true });
  Deno.writeTextFileSync(join(forged, "gitdir"), join(shop.workdir, ".git"));
  Deno.writeTextFileSync(join(forged, "commondir"), join(main, ".git"));
  shop.put(".git", `gitdir: ${forged}`);
  assertEquals(grants(), []);
  // The same, with links for what is shared.
  Deno.writeTextFileSync(join(forged, "commondir"), "../..");
  for (const name of ["objects", "refs"]) {
    Deno.symlinkSync(join(main, ".git", name), join(shop.workdir, "forged", name));
  }
  assertEquals(grants(), []);
  shop.put(".git", `gitdir: ${"x".repeat(10_000)}`);
  assertEquals(grants(), []);
});

guardedTest({
  name: "worktreeGrants() is enough to commit in the sandbox, and for nothing of the main checkout",
  needs: () => Deno.build.os === "linux" ? undefined : `${Deno.build.os} has no Landlock`,
  async fn() {
    using world = new SandboxWorld(worldUsers()[0]!);
    const { main, side } = await repository(world.workspace);
    const extraWrite = worktreeGrants(side, [world.workspace]);
    const script =
      `cd ${side} && echo x > new && git add new && git -c user.name=a -c user.email=b ` +
      `commit --quiet --message second && git log --format=%s -1; ` +
      `for f in .git/hooks/x .git/config x; do echo x 2>/dev/null >> ${main}/$f && echo "wrote $f"; done; true`;
    const without = await world.agent(script, world.policy({ workdir: side }));
    assert(!without.stdout.includes("second"), without.stdout);
    const ended = await world.agent(script, world.policy({ workdir: side, extraWrite }));
    assertEquals(ended.stdout.trim(), "second", ended.stderr);
  },
});
