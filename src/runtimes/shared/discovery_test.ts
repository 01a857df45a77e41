import { assert, assertEquals, assertRejects } from "../../../tests/support/assert.ts";
import { AppError } from "../../platform/mod.ts";
import { dirname } from "../../platform/std/path.ts";
import { AGENTS } from "../agents.ts";
import { claudePackage } from "../claude/release.ts";
import {
  configuredPath,
  ensureProgram,
  findProgram,
  installedPath,
  installProgram,
  listPrograms,
} from "./discovery.ts";
import { type AgentProgram, compareVersions } from "./program.ts";

/** A program that answers `--version` as an agent's CLI would. */
function fake(path: string, version: string): string {
  Deno.mkdirSync(dirname(path), { recursive: true });
  Deno.writeTextFileSync(path, `#!/bin/sh\necho "cli ${version} (some words)"\n`, { mode: 0o755 });
  return path;
}

const options = (dir: string, env: Record<string, string> = {}) => ({
  configured: null,
  installDir: `${dir}/agents`,
  userHome: `${dir}/home`,
  env,
});

/** The same for each agent: they differ in facts only. */
function testEach(name: string, test: (program: AgentProgram, dir: string) => Promise<void>) {
  for (const { program } of AGENTS) {
    // Libraries of the C runtime stay loaded.
    Deno.test(`${name} (${program.label})`, { sanitizeResources: false }, async () => {
      const dir = Deno.realPathSync(Deno.makeTempDirSync());
      try {
        await test(program, dir);
      } finally {
        Deno.removeSync(dir, { recursive: true });
      }
    });
  }
}

/** The version just below the oldest that is used. */
function tooOld({ minimum }: AgentProgram): string {
  const [major = 0, minor = 0, patch = 0] = minimum.split(".").map(Number);
  return patch > 0 ? `${major}.${minor}.${patch - 1}` : `${major}.${minor - 1}.999`;
}

testEach(
  "findProgram() skips versions that are too old and takes the next one on PATH",
  async (program, dir) => {
    fake(`${dir}/old/${program.name}`, tooOld(program));
    const path = fake(`${dir}/new/${program.name}`, program.minimum);
    const found = await findProgram(
      program,
      options(dir, { PATH: `${dir}/old:relative:${dir}/new` }),
    );
    assertEquals(found, { path, version: program.minimum, source: "path" });
  },
);

testEach(
  "findProgram() prefers what we installed, then the login shell, then PATH, then usual places",
  async (program, dir) => {
    const local = fake(`${dir}/home/.local/bin/${program.name}`, "9.0.0");
    assertEquals((await findProgram(program, options(dir)))?.path, local);
    const onPath = fake(`${dir}/bin/${program.name}`, "9.0.0");
    const path = { PATH: `${dir}/bin` };
    assertEquals((await findProgram(program, options(dir, path)))?.path, onPath);
    const managed = fake(`${dir}/managed/${program.name}`, "9.0.0");
    const shell = `${dir}/shell`;
    // What a profile leaves running holds the output; nobody waits for it.
    const text = `#!/bin/sh\nsleep 5 2>/dev/null &\nPATH=${dir}/managed exec /usr/bin/env\n`;
    Deno.writeTextFileSync(shell, text, { mode: 0o755 });
    const env = { ...path, SHELL: shell };
    assertEquals(await findProgram(program, options(dir, env)), {
      path: managed,
      version: "9.0.0",
      source: "login shell",
    });
    const installed = fake(installedPath(program, `${dir}/agents`) ?? "", program.release);
    assertEquals((await findProgram(program, options(dir, env)))?.path, installed);
    const listed = await listPrograms(program, options(dir, env));
    assertEquals(listed.map(({ path, source }) => [path, source]), [
      [installed, "state directory"],
      [managed, "login shell"],
      [onPath, "path"],
      [local, "known place"],
    ]);
  },
);

testEach(
  "ensureProgram() refuses a configured program that is missing or too old, with a remedy",
  async (program, dir) => {
    const old = fake(`${dir}/old`, tooOld(program));
    for (const configured of [`${dir}/none`, old]) {
      const error = await assertRejects(
        () => ensureProgram(program, { ...options(dir), configured }),
        AppError,
      );
      assertEquals(error.code, "agent_unusable");
      assert(
        error.message.includes(program.label) && error.remedy?.includes(program.variables[0]!),
      );
      if (configured === old) {
        assert(
          error.remedy?.includes(`npm install -g ${program.npmPackage}`),
        );
      }
    }
    const good = fake(`${dir}/good`, "9.1.0");
    const found = { path: good, version: "9.1.0", source: "explicit path" };
    assertEquals(
      await ensureProgram(program, { ...options(dir), configured: good }),
      found as never,
    );
    // A bare name is one on PATH.
    const bare = { ...options(dir, { PATH: dir }), configured: "good" };
    assertEquals(await ensureProgram(program, bare), found as never);
  },
);

testEach("configuredPath() puts the environment before the file", (program) => {
  const settings = { [program.setting]: "/file" };
  for (const name of program.variables) {
    assertEquals(configuredPath(program, { [name]: " /env " }, settings), "/env");
  }
  assertEquals(configuredPath(program, { [program.variables[0]!]: " " }, settings), "/file");
  assertEquals(configuredPath(program, {}, {}), null);
  return Promise.resolve();
});

testEach(
  "installProgram() refuses a package with another hash and leaves nothing behind",
  async (program, dir) => {
    const pkg = program.package();
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
      installProgram(program, {
        installDir: `${dir}/agents`,
        env: { NPM_CONFIG_REGISTRY: registry },
      });
    for (const integrity of [pkg.integrity, "sha512-other"]) {
      named = integrity;
      const error = await assertRejects(install, AppError);
      assertEquals(error.code, "agent_hash");
      const who = integrity === pkg.integrity ? "the download has" : "the registry names";
      assert(error.message.includes(who), error.message);
    }
    const left = [...Deno.readDirSync(`${dir}/agents/${program.name}`)].map(({ name }) => name);
    assertEquals(left.filter((name) => name !== "install.lock"), []);
  },
);

testEach("package() names a package and a hash for every platform we ship", (program) => {
  for (const os of ["linux", "darwin", "windows"]) {
    for (const arch of ["x86_64", "aarch64"]) {
      const pkg = program.package(os, arch);
      assert(pkg?.integrity.startsWith("sha512-"), `${os} ${arch}`);
      assert(pkg?.version.startsWith(program.release));
    }
  }
  assertEquals(program.package("freebsd", "x86_64"), null);
  return Promise.resolve();
});

Deno.test("claudePackage() knows the other C library of Linux", () => {
  assert(claudePackage("linux", "x86_64", true)?.name.endsWith("linux-x64-musl"));
});

Deno.test("compareVersions() compares numbers, not letters", () => {
  assert(compareVersions("2.1.89", "2.1.100") < 0);
  assert(compareVersions("2.1.197", "2.1.197") === 0);
  assert(compareVersions("3.0.0-beta.1", "2.9.9") > 0);
});
