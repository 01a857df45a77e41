import { assert, assertEquals } from "../../../tests/support/assert.ts";
import { dirname } from "../../platform/std/path.ts";
import { nativeProgram } from "./native_program.ts";
import { CODEX_VERSION, codexPackage } from "./release.ts";

/** A program that answers `--version` as an agent's CLI would. */
function program(path: string, version: string): string {
  Deno.mkdirSync(dirname(path), { recursive: true });
  Deno.writeTextFileSync(path, `#!/bin/sh\necho "codex-cli ${version}"\n`, { mode: 0o755 });
  return path;
}

async function withDir(test: (dir: string) => Promise<void>): Promise<void> {
  const dir = Deno.realPathSync(Deno.makeTempDirSync());
  try {
    await test(dir);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

Deno.test("nativeProgram() goes past npm's script to the program, in both of npm's layouts", () =>
  withDir((dir) => {
    const pkg = codexPackage();
    assert(pkg);
    for (const nested of ["codex/node_modules/", ""]) {
      const modules = `${dir}/${nested === "" ? "flat" : "nested"}/node_modules`;
      const root = `${modules}/@openai/codex`;
      const script = program(`${root}/bin/codex.js`, "0.169.0");
      const platform = nested === ""
        ? `${modules}/${pkg.nested}`
        : `${root}/node_modules/${pkg.nested}`;
      const native = program(`${platform}/vendor/${pkg.triple}/${pkg.binary}`, "0.169.0");
      Deno.mkdirSync(`${modules}/.bin`);
      Deno.symlinkSync(script, `${modules}/.bin/codex`);
      assertEquals(nativeProgram(`${modules}/.bin/codex`), native);
    }
    const alone = program(`${dir}/other/bin/codex.js`, "0.169.0");
    assertEquals(nativeProgram(alone), alone);
    assertEquals(nativeProgram(`${dir}/none`), null);
    return Promise.resolve();
  }));

Deno.test("codexPackage() names a version and a hash for every platform we ship", () => {
  for (const os of ["linux", "darwin", "windows"]) {
    for (const arch of ["x86_64", "aarch64"]) {
      const pkg = codexPackage(os, arch);
      assert(pkg !== null && pkg.integrity.startsWith("sha512-"), `${os} ${arch}`);
      assert(pkg.version.startsWith(`${CODEX_VERSION}-`));
    }
  }
  assertEquals(codexPackage("freebsd", "x86_64"), null);
});
