/** Finds, or installs once, the Codex CLI that the tests are written for. */
import { deadline } from "../../src/platform/std/async.ts";
import { dirname, join } from "../../src/platform/std/path.ts";

/** The version every test runs against. */
export const CODEX_VERSION = "0.169.0";

/** An installation by another process may take this long (the package has about 130 MB). */
const INSTALL_MS = 300_000;

let found: Promise<string> | undefined;

/**
 * Path of the native `codex` binary: `CODEX_BINARY` when set, else the tests' cache directory
 * (`${XDG_CACHE_HOME:-~/.cache}/wegent-executor-tests`), filled by npm at the first call on a machine.
 *
 * @throws {Error} If `CODEX_BINARY` names no file, the platform has no package, or npm fails.
 */
export function codexBinary(): Promise<string> {
  return found ??= locate();
}

async function locate(): Promise<string> {
  const given = Deno.env.get("CODEX_BINARY");
  if (given) {
    if (await isFile(given)) return given;
    throw new Error(`CODEX_BINARY names no file: "${given}"`);
  }
  const { platform, triple } = packageOf();
  const prefix = join(cacheRoot(), `codex-${CODEX_VERSION}`);
  const binary = join(prefix, "node_modules/@openai/codex/vendor", triple, "bin/codex");
  if (await isFile(binary)) return binary;
  await Deno.mkdir(dirname(prefix), { recursive: true });
  // The kernel drops the lock when its holder ends, however it ends.
  using lock = await Deno.open(`${prefix}.lock`, { create: true, write: true });
  await deadline(lock.lock(true), INSTALL_MS);
  if (!await isFile(binary)) await install(prefix, `${CODEX_VERSION}-${platform}`);
  if (await isFile(binary)) return binary;
  throw new Error(`npm installed no binary at "${binary}"`);
}

function packageOf(): { platform: string; triple: string } {
  const arch = { x86_64: "x64", aarch64: "arm64" }[Deno.build.arch as string];
  const { os } = Deno.build;
  if (arch === undefined || (os !== "linux" && os !== "darwin")) {
    throw new Error(`No Codex package is known for ${os} on ${Deno.build.arch}`);
  }
  const system = os === "linux" ? "unknown-linux-musl" : "apple-darwin";
  return { platform: `${os}-${arch}`, triple: `${Deno.build.arch}-${system}` };
}

/** Installs beside the final directory and renames: an interrupted one is never taken for a whole one. */
async function install(prefix: string, version: string): Promise<void> {
  const partial = `${prefix}.partial`;
  await removeTree(partial);
  const quiet = ["--no-audit", "--no-fund", "--ignore-scripts"];
  const { success, stderr } = await new Deno.Command("npm", {
    args: ["install", "--prefix", partial, ...quiet, `@openai/codex@${version}`],
    stdout: "null",
    stderr: "piped",
    signal: AbortSignal.timeout(INSTALL_MS),
  }).output();
  if (!success) {
    const words = new TextDecoder().decode(stderr).slice(-2000);
    throw new Error(`Cannot install @openai/codex@${version}: ${words}`);
  }
  await removeTree(prefix);
  await Deno.rename(partial, prefix);
}

function cacheRoot(): string {
  const xdg = Deno.env.get("XDG_CACHE_HOME");
  const home = Deno.env.get("HOME");
  if (!xdg && !home) throw new Error("HOME is not set");
  return join(xdg || join(home!, ".cache"), "wegent-executor-tests");
}

async function removeTree(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
