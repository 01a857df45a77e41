/** Installs the Codex CLI from its npm package into a directory of ours, once. */
import { AppError, removeIfExists, takeFileLock } from "../../platform/mod.ts";
import { join } from "../../platform/std/path.ts";
import { type DownloadOptions, downloadPackage, unpackPackage } from "../shared/npm_package.ts";
import { type CodexPackage, codexPackage } from "./release.ts";

const LOCK_MS = 30 * 60_000;

export interface InstallOptions extends DownloadOptions {
  /** `agents` of the executor's home; the CLI goes to `codex/<version>/` in it. */
  readonly installDir: string;
}

/** Path at which {@link installCodex} puts the CLI on this platform; null where there is none. */
export function installedPath(installDir: string): string | null {
  const pkg = codexPackage();
  return pkg && join(installDir, "codex", pkg.release, pkg.binary);
}

/**
 * Downloads the package of this platform, checks its hash against the one in our source, and puts the
 * CLI with its helpers in place by a rename. Two processes that install at once do it once.
 *
 * @returns Path of the CLI.
 * @throws {AppError} `codex_platform`, `agent_registry`, `agent_download` or `agent_hash`; nothing is
 * left behind.
 */
export async function installCodex(options: InstallOptions): Promise<string> {
  const pkg = codexPackage();
  const target = installedPath(options.installDir);
  if (!pkg || !target) {
    throw new AppError("codex_platform", "There is no Codex CLI for this platform", {
      remedy: "Install it by hand and set CODEX_BINARY to its path",
    });
  }
  const dir = join(options.installDir, "codex");
  Deno.mkdirSync(dir, { recursive: true, mode: 0o755 });
  const lock = await takeFileLock(join(dir, "install.lock"), LOCK_MS, options.signal);
  try {
    if (isFile(target)) return target;
    const temp = join(dir, `.installing-${Deno.pid}`);
    const archive = join(dir, `.package-${Deno.pid}.tgz`);
    for (const path of [temp, archive]) removeIfExists(path, { recursive: true });
    Deno.mkdirSync(temp, { mode: 0o755 });
    try {
      await downloadPackage(pkg, archive, options);
      await unpack(archive, temp, pkg);
      removeIfExists(join(dir, pkg.release), { recursive: true });
      Deno.renameSync(temp, join(dir, pkg.release));
    } finally {
      for (const path of [temp, archive]) removeIfExists(path, { recursive: true });
    }
    return target;
  } finally {
    lock.release();
  }
}

/** Takes the CLI and its helpers out of the package, without what it needs to be spoken to. */
async function unpack(archive: string, dir: string, pkg: CodexPackage): Promise<void> {
  const root = `package/vendor/${pkg.triple}/`;
  const wanted = (path: string) =>
    path.startsWith(root) && !path.startsWith(`${root}codex-resources/voice/`);
  await unpackPackage(archive, dir, root.split("/").length - 1, wanted);
  const binary = join(dir, pkg.binary);
  if (!isFile(binary)) {
    throw new AppError("agent_download", `The package ${pkg.name} holds no "${pkg.binary}"`);
  }
  Deno.chmodSync(binary, 0o755);
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
