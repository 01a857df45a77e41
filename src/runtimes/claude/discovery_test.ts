import { assert, assertEquals, assertRejects } from "../../../tests/support/assert.ts";
import { AppError } from "../../platform/mod.ts";
import { ensureClaude, findClaude } from "./discovery.ts";
import { claudePackage, compareVersions } from "./release.ts";

/** A program that answers `--version` as an agent's CLI would. */
function program(dir: string, name: string, version: string): string {
  const path = `${dir}/${name}`;
  Deno.mkdirSync(dir, { recursive: true });
  Deno.writeTextFileSync(path, `#!/bin/sh\necho "${version} (Claude Code)"\n`, { mode: 0o755 });
  return path;
}

async function withDir(test: (dir: string) => Promise<void>): Promise<void> {
  const dir = Deno.makeTempDirSync();
  try {
    await test(dir);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

const options = (dir: string, env: Record<string, string> = {}) => ({
  configured: null,
  installDir: `${dir}/agents`,
  userHome: `${dir}/home`,
  env,
});

Deno.test("findClaude() skips versions that are too old and takes the next one on PATH", () =>
  withDir(async (dir) => {
    program(`${dir}/old`, "claude", "2.1.88");
    const good = program(`${dir}/new`, "claude", "2.1.89");
    const found = await findClaude(options(dir, { PATH: `${dir}/old:relative:${dir}/new` }));
    assertEquals(found, { path: good, version: "2.1.89", source: "path" });
  }));

Deno.test("findClaude() asks the login shell for its PATH before it looks at ours and in usual places", () =>
  withDir(async (dir) => {
    const local = program(`${dir}/home/.local/bin`, "claude", "3.0.0");
    assertEquals((await findClaude(options(dir)))?.path, local);
    program(`${dir}/new`, "claude", "3.0.0");
    const managed = program(`${dir}/managed`, "claude", "3.0.0");
    const shell = `${dir}/shell`;
    // What a profile leaves running holds the output; nobody waits for it.
    const text = `#!/bin/sh\nsleep 5 2>/dev/null &\nPATH=${dir}/managed exec /usr/bin/env\n`;
    Deno.writeTextFileSync(shell, text, { mode: 0o755 });
    assertEquals(await findClaude(options(dir, { SHELL: shell, PATH: `${dir}/new` })), {
      path: managed,
      version: "3.0.0",
      source: "login shell",
    });
  }));

Deno.test("ensureClaude() refuses a configured CLI that is missing or too old", () =>
  withDir(async (dir) => {
    const old = program(dir, "old", "1.0.0");
    for (const configured of [`${dir}/none`, old]) {
      const error = await assertRejects(
        () => ensureClaude({ ...options(dir), configured }),
        AppError,
      );
      assertEquals(error.code, "claude_unusable");
      assert(error.remedy);
    }
  }));

Deno.test("compareVersions() compares numbers, not letters", () => {
  assert(compareVersions("2.1.89", "2.1.100") < 0);
  assert(compareVersions("2.1.197", "2.1.197") === 0);
  assert(compareVersions("3.0.0-beta.1", "2.9.9") > 0);
});

Deno.test("claudePackage() names a package and a hash for every platform we ship", () => {
  for (const [os, arch] of [["linux", "x86_64"], ["linux", "aarch64"], ["darwin", "aarch64"]]) {
    const pkg = claudePackage(os, arch, false);
    assert(pkg?.integrity.startsWith("sha512-"), `${os} ${arch}`);
  }
  assertEquals(claudePackage("freebsd", "x86_64", false), null);
});
