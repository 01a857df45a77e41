/** The real package of the Codex CLI, from this machine's registry. */
import { join } from "../../src/platform/std/path.ts";
import { agentOf } from "../../src/runtimes/mod.ts";
import { ensureProgram } from "../../src/runtimes/shared/mod.ts";
import { versionOf } from "../../src/runtimes/shared/discovery.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { CODEX_VERSION } from "../support/codex_cli.ts";
import { guardedTest } from "../support/require.ts";

guardedTest({
  name: "ensureProgram() installs Codex in its pinned version with its helpers, checked, once",
  needs: npmMissing,
  // Libraries of the C runtime stay loaded.
  sanitizeResources: false,
  fn: installs,
});

async function npmMissing(): Promise<string | undefined> {
  if (Deno.env.get("NPM_CONFIG_REGISTRY")) return undefined;
  try {
    await new Deno.Command("npm", { args: ["--version"], stdout: "null" }).output();
    return undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "npm is not installed";
    throw error;
  }
}

async function installs(): Promise<void> {
  const dir = await Deno.realPath(await Deno.makeTempDir());
  try {
    const seen: number[] = [];
    const options = {
      configured: null,
      installDir: join(dir, "agents"),
      userHome: join(dir, "home"),
      env: {
        NPM_CONFIG_REGISTRY: Deno.env.get("NPM_CONFIG_REGISTRY"),
        SSL_CERT_FILE: Deno.env.get("SSL_CERT_FILE"),
      },
      onProgress: (done: number) => void seen.push(done),
    };
    const { program } = agentOf("codex");
    const found = await ensureProgram(program, options);
    assertEquals(found.source, "state directory");
    assertEquals(found.version, CODEX_VERSION);
    assertEquals(await versionOf(found.path, {}), CODEX_VERSION);
    assert(seen.length > 10 && (seen.at(-1) ?? 0) > 50_000_000);
    const root = join(dir, "agents/codex", CODEX_VERSION);
    const names = [...Deno.readDirSync(root)].map(({ name }) => name).sort();
    assertEquals(names, ["bin", "codex-package.json", "codex-path", "codex-resources"]);
    assertEquals([...Deno.readDirSync(join(root, "codex-resources"))].map(({ name }) => name), [
      "bwrap",
    ]);
    seen.length = 0;
    assertEquals((await ensureProgram(program, options)).path, found.path);
    assertEquals(seen, []);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}
