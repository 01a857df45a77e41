import { assert, assertEquals, assertRejects } from "../../../tests/support/assert.ts";
import { AppError } from "../../platform/mod.ts";
import { dirname } from "../../platform/std/path.ts";
import { ensureCodex, findCodex, nativeProgram } from "./discovery.ts";
import { installCodex, installedPath } from "./install.ts";
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

const options = (dir: string, env: Record<string, string> = {}) => ({
  configured: null,
  installDir: `${dir}/agents`,
  userHome: `${dir}/home`,
  env,
});

Deno.test("findCodex() skips versions that are too old and takes the next one on PATH", () =>
  withDir(async (dir) => {
    program(`${dir}/old/codex`, "0.136.9");
    const good = program(`${dir}/new/codex`, "0.137.0");
    const found = await findCodex(options(dir, { PATH: `${dir}/old:relative:${dir}/new` }));
    assertEquals(found, { path: good, version: "0.137.0", source: "path" });
  }));

Deno.test("findCodex() prefers the one we installed, then what the login shell finds", () =>
  withDir(async (dir) => {
    const onPath = program(`${dir}/bin/codex`, "0.200.0");
    const managed = program(`${dir}/managed/codex`, "0.200.0");
    const shell = `${dir}/shell`;
    // What a profile leaves running holds the output; nobody waits for it.
    const text = `#!/bin/sh\nsleep 5 2>/dev/null &\nPATH=${dir}/managed exec /usr/bin/env\n`;
    Deno.writeTextFileSync(shell, text, { mode: 0o755 });
    const path = { PATH: `${dir}/bin` };
    assertEquals((await findCodex(options(dir, path)))?.path, onPath);
    const env = { ...path, SHELL: shell };
    assertEquals(await findCodex(options(dir, env)), {
      path: managed,
      version: "0.200.0",
      source: "login shell",
    });
    const installed = program(installedPath(`${dir}/agents`) ?? "", CODEX_VERSION);
    assertEquals((await findCodex(options(dir, env)))?.path, installed);
  }));

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

Deno.test("ensureCodex() refuses a configured CLI that is missing or too old", () =>
  withDir(async (dir) => {
    const old = program(`${dir}/old`, "0.1.0");
    for (const configured of [`${dir}/none`, old]) {
      const error = await assertRejects(
        () => ensureCodex({ ...options(dir), configured }),
        AppError,
      );
      assertEquals(error.code, "codex_unusable");
      assert(error.remedy);
    }
    const good = program(`${dir}/good`, "0.200.1");
    assertEquals(await ensureCodex({ ...options(dir), configured: good }), {
      path: good,
      version: "0.200.1",
      source: "configured",
    });
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

// Libraries of the C runtime stay loaded.
Deno.test("installCodex() refuses a package with another hash and leaves nothing behind", {
  sanitizeResources: false,
}, () =>
  withDir(async (dir) => {
    const pkg = codexPackage();
    assert(pkg);
    let named = pkg.integrity;
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      ({ url }) => {
        const tarball = new URL("/package.tgz", url).href;
        return url.endsWith(".tgz")
          ? new Response("not the package")
          : Response.json({ dist: { tarball, integrity: named } });
      },
    );
    const registry = `http://127.0.0.1:${server.addr.port}/`;
    const install = () =>
      installCodex({ installDir: `${dir}/agents`, env: { NPM_CONFIG_REGISTRY: registry } });
    for (const integrity of [pkg.integrity, "sha512-other"]) {
      named = integrity;
      const error = await assertRejects(install, AppError);
      assertEquals(error.code, "agent_hash");
      const who = integrity === pkg.integrity ? "the download has" : "the registry names";
      assert(error.message.includes(who), error.message);
    }
    const left = [...Deno.readDirSync(`${dir}/agents/codex`)].map(({ name }) => name);
    assertEquals(left.filter((name) => name !== "install.lock"), []);
  }));
