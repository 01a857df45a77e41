/** Finds, or installs once, the Claude Code CLI that the tests are written for. */
import { dirname, join } from "../../src/platform/std/path.ts";
import { deadline } from "../../src/platform/std/async.ts";

/** The version every test runs against. */
export const CLAUDE_VERSION = "2.1.197";

/** An installation by another process may take this long (the package has about 70 MB). */
const INSTALL_MS = 300_000;

let found: Promise<string> | undefined;

/**
 * Path of the native `claude` binary: `CLAUDE_BINARY` when set, else the tests' cache directory
 * (`${XDG_CACHE_HOME:-~/.cache}/wegent-executor-tests`), filled by npm at the first call on a machine.
 *
 * @throws {Error} If `CLAUDE_BINARY` names no file, the platform has no package, or npm fails.
 */
export function claudeBinary(): Promise<string> {
  return found ??= locate();
}

async function locate(): Promise<string> {
  const given = Deno.env.get("CLAUDE_BINARY");
  if (given) {
    if (await isFile(given)) return given;
    throw new Error(`CLAUDE_BINARY names no file: "${given}"`);
  }
  const prefix = join(cacheRoot(), `claude-${CLAUDE_VERSION}`);
  const binary = join(
    prefix,
    "node_modules",
    ...packageName().split("/"),
    "claude",
  );
  if (await isFile(binary)) return binary;
  await Deno.mkdir(dirname(prefix), { recursive: true });
  await withLock(`${prefix}.lock`, async () => {
    if (!await isFile(binary)) await install(prefix);
  });
  if (await isFile(binary)) return binary;
  throw new Error(`npm installed no binary at "${binary}"`);
}

function packageName(): string {
  const arch = { x86_64: "x64", aarch64: "arm64" }[Deno.build.arch as string];
  const os = { linux: "linux", darwin: "darwin" }[Deno.build.os as string];
  if (arch === undefined || os === undefined) {
    throw new Error(
      `No Claude Code package is known for ${Deno.build.os} on ${Deno.build.arch}`,
    );
  }
  return `@anthropic-ai/claude-code-${os}-${arch}`;
}

/**
 * Installs beside the final directory and renames, so that an interrupted installation is never taken
 * for a whole one.
 */
async function install(prefix: string): Promise<void> {
  const partial = `${prefix}.partial`;
  await removeTree(partial);
  const { success, stderr } = await new Deno.Command("npm", {
    args: [
      "install",
      "--prefix",
      partial,
      "--no-audit",
      "--no-fund",
      "--ignore-scripts",
      `${packageName()}@${CLAUDE_VERSION}`,
    ],
    stdout: "null",
    stderr: "piped",
    signal: AbortSignal.timeout(INSTALL_MS),
  }).output();
  if (!success) {
    throw new Error(
      `Cannot install ${packageName()}@${CLAUDE_VERSION}: ${
        new TextDecoder().decode(stderr).slice(-2000)
      }`,
    );
  }
  await removeTree(prefix);
  await Deno.rename(partial, prefix);
}

/** The kernel drops the lock when its holder ends, however it ends. */
async function withLock(path: string, work: () => Promise<void>) {
  using file = await Deno.open(path, { create: true, write: true });
  await deadline(file.lock(true), INSTALL_MS);
  await work();
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
