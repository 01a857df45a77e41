/** Finds the Codex CLI on this machine. */
import { AppError } from "../../platform/mod.ts";
import { dirname, isAbsolute, join } from "../../platform/std/path.ts";
import { compareVersions } from "../claude/mod.ts";
import { loginShellPath } from "../shared/login_shell.ts";
import { installCodex, installedPath, type InstallOptions } from "./install.ts";
import { CODEX_MINIMUM, codexPackage } from "./release.ts";

const VERSION_MS = 10_000;

/** Where a CLI was found. */
export type CodexSource = "configured" | "installed" | "path" | "login shell" | "known place";

export interface FoundCodex {
  /** Absolute path of the native program. */
  readonly path: string;
  readonly version: string;
  readonly source: CodexSource;
}

export interface CodexDiscoveryOptions extends InstallOptions {
  /** Path the owner chose; nothing else is looked at then. */
  readonly configured: string | null;
  readonly userHome: string;
}

type Places = Pick<CodexDiscoveryOptions, "env" | "userHome" | "installDir">;

/**
 * The CLI to use: the configured one, the one we installed, or the first on the login
 * shell's `PATH`, on our own or in a usual place that is new enough; else it is installed.
 *
 * @throws {AppError} `codex_unusable` when the configured one is missing or too old, or what
 * {@link installCodex} throws.
 */
export async function ensureCodex(options: CodexDiscoveryOptions): Promise<FoundCodex> {
  if (options.configured) return await requireUsable(options.configured);
  const found = await findCodex(options);
  if (found) return found;
  const path = await installCodex(options);
  return { path, version: await readCodexVersion(path) ?? "unknown", source: "installed" };
}

/** Looks for a usable CLI without installing one. */
export async function findCodex(places: Places): Promise<FoundCodex | null> {
  const seen = new Set<string>();
  for await (const [source, candidate] of candidates(places)) {
    const path = nativeProgram(candidate);
    if (path === null || seen.has(path)) continue;
    seen.add(path);
    const version = await readCodexVersion(path);
    if (version && compareVersions(version, CODEX_MINIMUM) >= 0) return { path, version, source };
  }
  return null;
}

async function* candidates(
  { env, userHome, installDir }: Places,
): AsyncGenerator<[CodexSource, string]> {
  const installed = installedPath(installDir);
  if (installed) yield ["installed", installed];
  if (Deno.build.os === "darwin") {
    yield ["known place", "/Applications/Codex.app/Contents/Resources/codex"];
  }
  const windows = Deno.build.os === "windows";
  // A `.cmd` cannot be started without a shell; npm's lies beside the package.
  const name = windows ? "codex.cmd" : "codex";
  const dirs = (path: string | null | undefined) =>
    (path ?? "").split(windows ? ";" : ":").filter(isAbsolute);
  // A service's `PATH` is short; the login shell knows where version managers put things.
  const shell = await loginShellPath(env["SHELL"], env);
  for (const dir of dirs(shell)) yield ["login shell", join(dir, name)];
  for (const dir of dirs(env["PATH"])) {
    if (windows) yield ["path", join(dir, "codex.exe")];
    yield ["path", join(dir, name)];
  }
  const homes = [".local/bin", ".npm-global/bin", ".bun/bin", ".yarn/bin", "node_modules/.bin"];
  for (const dir of homes) yield ["known place", join(userHome, dir, name)];
  for (const dir of ["/usr/local/bin", "/opt/homebrew/bin"]) yield ["known place", join(dir, name)];
}

/**
 * The native program behind a candidate: npm puts a script there that would stay as a second process.
 * Null when there is no such file.
 */
export function nativeProgram(candidate: string): string | null {
  const real = realFile(candidate);
  const pkg = codexPackage();
  if (real === null || !pkg) return real;
  const script = /\.(?:c?js|mjs|cmd)$/i.test(real);
  if (!script) return real;
  // `<package>/bin/codex.js`, or `<prefix>/codex.cmd` beside `node_modules`.
  const roots = [dirname(dirname(real)), join(dirname(real), "node_modules/@openai/codex")];
  const inside = join("vendor", pkg.triple, pkg.binary);
  for (const root of roots) {
    for (
      const place of [join(root, "node_modules", pkg.nested), join(root, "../..", pkg.nested), root]
    ) {
      const found = realFile(join(place, inside));
      if (found !== null) return found;
    }
  }
  // Of a layout we do not know; the script works too, except where it needs a shell.
  return /\.cmd$/i.test(real) ? null : real;
}

function realFile(path: string): string | null {
  try {
    const real = Deno.realPathSync(path);
    return Deno.statSync(real).isFile ? real : null;
  } catch (error) {
    // Missing, unreadable or a loop: nothing that could be started.
    if (error instanceof Error) return null;
    throw error;
  }
}

async function requireUsable(path: string): Promise<FoundCodex> {
  const remedy =
    "Correct CODEX_BINARY or `agent.codex_binary`, or leave it empty to have one found";
  const native = nativeProgram(path);
  const version = native && await readCodexVersion(native);
  if (!native || !version) {
    throw new AppError("codex_unusable", `Cannot run the configured Codex CLI "${path}"`, {
      remedy,
    });
  }
  if (compareVersions(version, CODEX_MINIMUM) < 0) {
    throw new AppError(
      "codex_unusable",
      `The configured Codex CLI "${path}" is version ${version}; ${CODEX_MINIMUM} is needed`,
      { remedy: `${remedy}; \`npm install -g @openai/codex@latest\` brings a new one` },
    );
  }
  return { path: native, version, source: "configured" };
}

/** What `codex --version` says, or null when there is no such program or it does not answer. */
export async function readCodexVersion(path: string): Promise<string | null> {
  try {
    const { success, stdout } = await new Deno.Command(path, {
      args: ["--version"],
      stdin: "null",
      stderr: "null",
      signal: AbortSignal.timeout(VERSION_MS),
    }).output();
    return success ? new TextDecoder().decode(stdout).match(/\d+\.\d+\.\d+/)?.[0] ?? null : null;
  } catch (error) {
    // Missing, not executable, of another platform or hanging: not usable, whatever the reason.
    if (error instanceof Error) return null;
    throw error;
  }
}
