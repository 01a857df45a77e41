/** Installs an agent's program from its npm package into a directory of ours, once. */
import { AppError, removeIfExists, takeFileLock } from "../../platform/mod.ts";
import { join } from "../../platform/std/path.ts";
import { installedPath } from "./discovery.ts";
import { type DownloadOptions, downloadPackage, unpackPackage } from "./npm_package.ts";
import type { AgentProgram, InstallablePackage } from "./program.ts";

/** Another process may be installing. */
const LOCK_MS = 30 * 60_000;

/** Options of {@link install}. */
export interface InstallOptions extends DownloadOptions {
  /** `agents` of the executor's home; the program goes to `<name>/<release>/` in it. */
  readonly installDir: string;
}

/**
 * Downloads the package of this platform, checks its hash against the one in our source, and puts the
 * program with its helpers in place by a rename. Two processes that install at once do it once.
 *
 * @returns Path of the program.
 * @throws {AppError} `agent_platform`, `agent_registry`, `agent_download` or `agent_hash`; nothing is left
 * behind.
 */
export async function install(
  program: AgentProgram,
  options: InstallOptions,
): Promise<string> {
  const pkg = program.package();
  const target = installedPath(program, options.installDir);
  if (!pkg || !target) {
    throw new AppError("agent_platform", `There is no ${program.label} CLI for this platform`, {
      remedy: `Install it by hand and set ${program.variables[0]} to its path`,
    });
  }
  const dir = join(options.installDir, program.name);
  Deno.mkdirSync(dir, { recursive: true, mode: 0o755 });
  const lock = await takeFileLock(join(dir, "install.lock"), LOCK_MS, options.signal);
  try {
    if (isFile(target)) return target;
    const temp = join(dir, `.installing-${Deno.pid}`);
    const archive = join(dir, `.package-${Deno.pid}.tgz`);
    for (const path of [temp, archive]) removeIfExists(path, { recursive: true });
    Deno.mkdirSync(temp, { mode: 0o755 });
    try {
      await downloadPackage(pkg, archive, { ...options, byHand: program.npmPackage });
      await unpack(pkg, archive, temp);
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

async function unpack(pkg: InstallablePackage, archive: string, dir: string): Promise<void> {
  await unpackPackage(archive, dir, pkg.strip, (path) => pkg.wanted(path));
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
