import { join } from "../../platform/std/path.ts";
import { assertEquals, assertStringIncludes } from "../../../tests/support/assert.ts";
import { gitOk } from "../../../tests/support/git_server.ts";
import { Workshop } from "../../../tests/support/workshop.ts";
import { excludeOwnDir } from "./exclude.ts";
import { Git } from "./git.ts";

const exclude = (shop: Workshop, dir = shop.workdir) =>
  excludeOwnDir(new Git(shop.seam(), null), dir);

Deno.test("excludeOwnDir() adds one line, once, also from a directory further down", async () => {
  using shop = new Workshop();
  await gitOk(["init", "--quiet", shop.workdir]);
  const file = join(shop.workdir, ".git/info/exclude");
  Deno.writeTextFileSync(file, "# mine\n*.log");
  Deno.chmodSync(file, 0o640);
  shop.put("sub/.wegent/x", "x");
  for (const dir of [shop.workdir, join(shop.workdir, "sub"), shop.workdir]) {
    assertEquals(await exclude(shop, dir), null);
  }
  assertEquals(Deno.readTextFileSync(file), "# mine\n*.log\n.wegent/\n");
  assertEquals(Deno.statSync(file).mode! & 0o777, 0o640);
  assertEquals(await gitOk(["-C", shop.workdir, "status", "--porcelain"]), "");
});

Deno.test("excludeOwnDir() makes the file that is missing and leaves a line like it", async () => {
  using shop = new Workshop();
  await gitOk(["init", "--quiet", "--template=", shop.workdir]);
  assertEquals(await exclude(shop), null);
  assertEquals(shop.read(".git/info/exclude"), ".wegent/\n");
  Deno.writeTextFileSync(join(shop.workdir, ".git/info/exclude"), "/.wegent\r\n");
  await exclude(shop);
  assertEquals(shop.read(".git/info/exclude"), "/.wegent\r\n");
});

Deno.test("excludeOwnDir() writes through no link out of the repository", async () => {
  using shop = new Workshop();
  await gitOk(["init", "--quiet", shop.workdir]);
  const victim = join(shop.home, "victim");
  Deno.writeTextFileSync(victim, "kept\n");
  const file = join(shop.workdir, ".git/info/exclude");
  Deno.removeSync(file);
  Deno.symlinkSync(victim, file);
  assertStringIncludes(await exclude(shop) ?? "", "Could not tell git to ignore .wegent/");
  Deno.removeSync(join(shop.workdir, ".git/info"), { recursive: true });
  Deno.symlinkSync(shop.home, join(shop.workdir, ".git/info"));
  assertStringIncludes(await exclude(shop) ?? "", "is not in the repository");
  assertEquals(Deno.readTextFileSync(victim), "kept\n");
  assertEquals([...Deno.readDirSync(shop.home)].length, 1);
});

Deno.test("excludeOwnDir() starts nothing where there is no repository", async () => {
  using shop = new Workshop();
  const git = new Git(shop.seam({ launch: ["/nowhere"] }), null);
  assertEquals(await excludeOwnDir(git, shop.workdir), null);
});
