/** Installs the Claude Code CLI from its npm package into a directory of ours, once. */
import { createHash } from "node:crypto";
import * as z from "zod";
import {
  AppError,
  errorText,
  removeIfExists,
  takeFileLock,
  trustedCertificates,
} from "../../platform/mod.ts";
import { join } from "../../platform/std/path.ts";
import { type ClaudePackage, claudePackage } from "./release.ts";

/** Larger packages are not believed. */
const MAX_PACKAGE_BYTES = 1024 * 1024 * 1024;
const METADATA_MS = 30_000;
/** Longest pause between two pieces of the download. */
const STALL_MS = 60_000;

type Env = Readonly<Record<string, string | undefined>>;

export interface InstallOptions {
  /** `agents` of the executor's home; the CLI goes to `claude/<version>/` in it. */
  readonly installDir: string;
  readonly env: Env;
  /** Told of the bytes that have come and of how many will; the total is 0 while it is unknown. */
  onProgress?(done: number, total: number): void;
  readonly signal?: AbortSignal;
}

/** Path at which {@link installClaude} puts the CLI on this platform; null where there is none. */
export function installedPath(installDir: string): string | null {
  const pkg = claudePackage();
  return pkg && join(installDir, "claude", pkg.version, pkg.binary);
}

/**
 * Downloads the package of this platform, checks its hash against the one in our source, and puts the
 * CLI in place by a rename. Two processes that install at once do it once.
 *
 * @returns Path of the CLI.
 * @throws {AppError} `claude_platform`, `claude_registry`, `claude_download` or `claude_hash`; nothing
 * is left behind.
 */
export async function installClaude(options: InstallOptions): Promise<string> {
  const pkg = claudePackage();
  const target = installedPath(options.installDir);
  if (!pkg || !target) {
    throw new AppError("claude_platform", "There is no Claude Code CLI for this platform", {
      remedy: "Install it by hand and set CLAUDE_BINARY to its path",
    });
  }
  const dir = join(options.installDir, "claude");
  Deno.mkdirSync(dir, { recursive: true, mode: 0o755 });
  const lock = await takeFileLock(join(dir, "install.lock"), 30 * 60_000, options.signal);
  try {
    if (exists(target)) return target;
    const temp = join(dir, `.installing-${Deno.pid}`);
    removeIfExists(temp, { recursive: true });
    Deno.mkdirSync(temp, { mode: 0o755 });
    try {
      await download(pkg, join(temp, "package.tgz"), options);
      await unpack(join(temp, "package.tgz"), temp, pkg);
      removeIfExists(join(temp, "package.tgz"));
      Deno.chmodSync(join(temp, pkg.binary), 0o755);
      Deno.renameSync(temp, join(dir, pkg.version));
    } finally {
      removeIfExists(temp, { recursive: true });
    }
    return target;
  } finally {
    lock.release();
  }
}

async function download(pkg: ClaudePackage, path: string, options: InstallOptions): Promise<void> {
  const registry = await registryUrl(options.env);
  const certificates = trustedCertificates(options.env);
  const client = Deno.createHttpClient({ caCerts: certificates });
  try {
    const { tarball, integrity } = await metadata(registry, pkg, client);
    if (integrity !== pkg.integrity) throw hashError(pkg, "the registry names another hash");
    const found = await fetchToFile(tarball, path, client, options);
    if (found !== pkg.integrity) throw hashError(pkg, "the download has another hash");
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError("claude_download", `Cannot download ${pkg.name}: ${errorText(error)}`, {
      cause: error,
      remedy: "Check the network and proxy, or install Claude Code with `npm install -g " +
        "@anthropic-ai/claude-code`",
    });
  } finally {
    client.close();
  }
}

/** The npm registry of this machine: from the environment, or as `npm` is set up. */
export async function registryUrl(env: Env): Promise<string> {
  const set = env["NPM_CONFIG_REGISTRY"] || env["npm_config_registry"] || await npmRegistry();
  if (set && URL.canParse(set)) return set.replace(/\/*$/, "/");
  throw new AppError("claude_registry", "Cannot install Claude Code: no npm registry is known", {
    remedy: "Install Node.js with npm, or set NPM_CONFIG_REGISTRY, or install Claude Code by hand",
  });
}

async function npmRegistry(): Promise<string | null> {
  const command = Deno.build.os === "windows" ? "npm.cmd" : "npm";
  try {
    const { success, stdout } = await new Deno.Command(command, {
      args: ["config", "get", "registry"],
      stdin: "null",
      stderr: "null",
      signal: AbortSignal.timeout(20_000),
    }).output();
    return success ? new TextDecoder().decode(stdout).trim() : null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

const packageMetadata = z.looseObject({
  dist: z.looseObject({ tarball: z.url(), integrity: z.string() }),
});

async function metadata(
  registry: string,
  pkg: ClaudePackage,
  client: Deno.HttpClient,
): Promise<{ tarball: string; integrity: string }> {
  const url = `${registry}${pkg.name.replace("/", "%2f")}/${pkg.version}`;
  const response = await fetch(url, { client, signal: AbortSignal.timeout(METADATA_MS) });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`the registry answers ${response.status}`);
  }
  return packageMetadata.parse(await response.json()).dist;
}

/** Streams `url` into `path`. @returns Its integrity string. */
async function fetchToFile(
  url: string,
  path: string,
  client: Deno.HttpClient,
  { onProgress, signal }: InstallOptions,
): Promise<string> {
  const stall = new AbortController();
  const any = AbortSignal.any(signal ? [stall.signal, signal] : [stall.signal]);
  let timer = setTimeout(() => stall.abort(new Error("the download stalled")), STALL_MS);
  const file = await Deno.open(path, { write: true, createNew: true, mode: 0o600 });
  const hash = createHash("sha512");
  let done = 0;
  try {
    const response = await fetch(url, { client, signal: any });
    if (!response.ok || !response.body) throw new Error(`the registry answers ${response.status}`);
    const total = Number(response.headers.get("content-length")) || 0;
    for await (const chunk of response.body) {
      clearTimeout(timer);
      timer = setTimeout(() => stall.abort(new Error("the download stalled")), STALL_MS);
      done += chunk.length;
      if (done > MAX_PACKAGE_BYTES) throw new Error("the package is too large");
      hash.update(chunk);
      for (let n = 0; n < chunk.length;) n += await file.write(chunk.subarray(n));
      onProgress?.(done, total);
    }
    onProgress?.(done, done);
  } finally {
    clearTimeout(timer);
    file.close();
  }
  return `sha512-${hash.digest("base64")}`;
}

/** Takes the CLI, and nothing else, out of the package. */
async function unpack(archive: string, dir: string, pkg: ClaudePackage): Promise<void> {
  const { extract } = await import("tar");
  await extract({
    file: archive,
    cwd: dir,
    strip: 1,
    strict: true,
    preservePaths: false,
    filter: (path, entry) =>
      path === `package/${pkg.binary}` && "type" in entry && entry.type === "File",
  });
  if (!exists(join(dir, pkg.binary))) {
    throw new AppError("claude_download", `The package ${pkg.name} holds no "${pkg.binary}"`);
  }
}

function hashError(pkg: ClaudePackage, reason: string): AppError {
  return new AppError("claude_hash", `Refused ${pkg.name}@${pkg.version}: ${reason}`, {
    remedy: "Try again; if it stays, the registry or something before it changes packages",
  });
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
