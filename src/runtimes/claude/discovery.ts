/** Finds the Claude Code CLI on this machine. */
import { AppError } from "../../platform/mod.ts";
import { isAbsolute, join } from "../../platform/std/path.ts";
import { loginShellPath } from "../shared/login_shell.ts";
import { installClaude, installedPath, type InstallOptions } from "./install.ts";
import { CLAUDE_MINIMUM, compareVersions } from "./release.ts";

const VERSION_MS = 10_000;

/** Where a CLI was found. */
export type ClaudeSource = "configured" | "installed" | "path" | "login shell" | "known place";

export interface FoundClaude {
  /** Absolute path. */
  readonly path: string;
  readonly version: string;
  readonly source: ClaudeSource;
}

export interface DiscoveryOptions extends InstallOptions {
  /** Path the owner chose; nothing else is looked at then. */
  readonly configured: string | null;
  readonly userHome: string;
}

/**
 * The CLI to use: the configured one, the one we installed, or the first on the login shell's `PATH`, on
 * our own `PATH` or in a usual place that is new enough; else it is installed.
 *
 * @throws {AppError} `claude_unusable` when the configured one is missing or too old, or what
 * {@link installClaude} throws.
 */
export async function ensureClaude(options: DiscoveryOptions): Promise<FoundClaude> {
  if (options.configured) return await requireUsable(options.configured);
  const found = await findClaude(options);
  if (found) return found;
  const path = await installClaude(options);
  return { path, version: await readVersion(path) ?? "unknown", source: "installed" };
}

/** Looks for a usable CLI without installing one. */
export async function findClaude(
  options: Pick<DiscoveryOptions, "env" | "userHome" | "installDir">,
): Promise<FoundClaude | null> {
  const seen = new Set<string>();
  for await (const [source, path] of candidates(options)) {
    if (seen.has(path)) continue;
    seen.add(path);
    const version = await readVersion(path);
    if (version && compareVersions(version, CLAUDE_MINIMUM) >= 0) return { path, version, source };
  }
  return null;
}

async function* candidates(
  { env, userHome, installDir }: Pick<DiscoveryOptions, "env" | "userHome" | "installDir">,
): AsyncGenerator<[ClaudeSource, string]> {
  const installed = installedPath(installDir);
  if (installed) yield ["installed", installed];
  const name = Deno.build.os === "windows" ? "claude.exe" : "claude";
  const separator = Deno.build.os === "windows" ? ";" : ":";
  const dirs = (path: string | null | undefined) =>
    (path ?? "").split(separator).filter(isAbsolute);
  // A service's `PATH` is short; the login shell knows where version managers put things.
  const shell = await loginShellPath(env["SHELL"], env);
  for (const dir of dirs(shell)) yield ["login shell", join(dir, name)];
  for (const dir of dirs(env["PATH"])) yield ["path", join(dir, name)];
  for (const dir of [".local/bin", ".claude/local", ".npm-global/bin", ".bun/bin"]) {
    yield ["known place", join(userHome, dir, name)];
  }
  for (const dir of ["/usr/local/bin", "/opt/homebrew/bin"]) yield ["known place", join(dir, name)];
}

async function requireUsable(path: string): Promise<FoundClaude> {
  const version = await readVersion(path);
  const remedy =
    "Correct CLAUDE_BINARY or `agent.claude_binary`, or leave it empty to have one found";
  if (!version) {
    throw new AppError("claude_unusable", `Cannot run the configured Claude CLI "${path}"`, {
      remedy,
    });
  }
  if (compareVersions(version, CLAUDE_MINIMUM) < 0) {
    throw new AppError(
      "claude_unusable",
      `The configured Claude CLI "${path}" is version ${version}; ${CLAUDE_MINIMUM} is needed`,
      { remedy },
    );
  }
  return { path, version, source: "configured" };
}

/** What `claude --version` says, or null when there is no such program or it does not answer. */
export async function readVersion(path: string): Promise<string | null> {
  try {
    if (!(await Deno.stat(path)).isFile) return null;
    const { success, stdout } = await new Deno.Command(path, {
      args: ["--version"],
      stdin: "null",
      stderr: "null",
      env: { CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1" },
      signal: AbortSignal.timeout(VERSION_MS),
    }).output();
    return success ? new TextDecoder().decode(stdout).match(/\d+\.\d+\.\d+/)?.[0] ?? null : null;
  } catch (error) {
    // Missing, not executable, of another platform or hanging: not usable, whatever the reason.
    if (error instanceof Error) return null;
    throw error;
  }
}
