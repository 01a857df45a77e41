import { assertEquals, assertStringIncludes } from "../../tests/support/assert.ts";
import { resolveWorkdir } from "./mod.ts";

/** A home with a workspace, an allowed root beside it and something outside. */
function withHome(test: (home: string, ask: (workdir: string | null) => Resolved) => void): void {
  const home = Deno.realPathSync(Deno.makeTempDirSync());
  for (const dir of ["workspace", "roots/a", "roots-twin", "outside"]) {
    Deno.mkdirSync(`${home}/${dir}`, { recursive: true });
  }
  const context = {
    workspaceRoot: `${home}/workspace`,
    allowedRoots: [`${home}/workspace`, `${home}/roots`, `${home}/missing`],
    userHome: home,
  };
  try {
    test(home, (workdir) => resolveWorkdir({ taskId: 7, workdir, policy: "existing" }, context));
  } finally {
    Deno.removeSync(home, { recursive: true });
  }
}
type Resolved = ReturnType<typeof resolveWorkdir>;

Deno.test("resolveWorkdir() makes the managed directory when nothing is asked for", () =>
  withHome((home, ask) => {
    assertEquals(ask(null), { path: `${home}/workspace/7`, managed: true, notice: null });
    assertEquals(Deno.statSync(`${home}/workspace/7`).isDirectory, true);
  }));

Deno.test("resolveWorkdir() takes an existing directory inside a root, also by ~ and through a link", () =>
  withHome((home, ask) => {
    Deno.symlinkSync(`${home}/roots/a`, `${home}/roots/link`);
    for (const named of [`${home}/roots/a`, "~/roots/a", `${home}/roots/link`]) {
      assertEquals(ask(named), { path: `${home}/roots/a`, managed: false, notice: null });
    }
    assertEquals(ask("~/roots").path, `${home}/roots`);
  }));

Deno.test("resolveWorkdir() falls back with a reason for what is outside, missing or no directory", () =>
  withHome((home, ask) => {
    Deno.symlinkSync(`${home}/outside`, `${home}/roots/escape`);
    Deno.writeTextFileSync(`${home}/roots/file`, "");
    const cases: [string, string][] = [
      [`${home}/outside`, "outside the allowed roots"],
      [`${home}/roots-twin`, "outside the allowed roots"],
      [`${home}/roots/../outside`, "outside the allowed roots"],
      [`${home}/roots/escape`, "outside the allowed roots"],
      [`${home}/roots/none`, "does not exist"],
      [`${home}/roots/file`, "not a directory"],
      ["roots/a", "not an absolute path"],
      ["~other/roots", "not an absolute path"],
      [`${home}/roots/a\0`, "not an absolute path"],
    ];
    for (const [named, reason] of cases) {
      const { path, managed, notice } = ask(named);
      assertEquals([path, managed], [`${home}/workspace/7`, true], named);
      assertStringIncludes(notice ?? "", reason);
    }
  }));
