/** Takes files out of an npm package whose hash we know, without npm. */
import { createHash } from "node:crypto";
import * as z from "zod";
import { AppError, errorText, trustedCertificates } from "../../platform/mod.ts";

/** Larger packages are not believed. */
const MAX_PACKAGE_BYTES = 1024 * 1024 * 1024;
const METADATA_MS = 30_000;
/** Longest pause between two pieces of the download. */
const STALL_MS = 60_000;

type Env = Readonly<Record<string, string | undefined>>;

/** One version of a package. */
export interface NpmPackage {
  readonly name: string;
  readonly version: string;
  /** `dist.integrity`: subresource integrity, SHA-512. */
  readonly integrity: string;
}

export interface DownloadOptions {
  readonly env: Env;
  /** Told of the bytes that have come and of how many will; the total is 0 while it is unknown. */
  onProgress?(done: number, total: number): void;
  readonly signal?: AbortSignal;
  /** Package a person would install instead. @default the package itself */
  readonly byHand?: string;
}

/**
 * Downloads a package to the new file `path` and checks it.
 *
 * @throws {AppError} `agent_registry`, `agent_download` or `agent_hash`.
 */
export async function downloadPackage(
  pkg: NpmPackage,
  path: string,
  options: DownloadOptions,
): Promise<void> {
  const registry = await npmRegistry(options.env);
  const client = Deno.createHttpClient({ caCerts: trustedCertificates(options.env) });
  try {
    const { tarball, integrity } = await metadata(registry, pkg, client);
    if (integrity !== pkg.integrity) throw hashError(pkg, "the registry names another hash");
    const found = await fetchToFile(tarball, path, client, options);
    if (found !== pkg.integrity) throw hashError(pkg, "the download has another hash");
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError(
      "agent_download",
      `Cannot download ${pkg.name}@${pkg.version}: ${errorText(error)}`,
      {
        cause: error,
        remedy: `Check the network and proxy, or install it with \`npm install -g ${
          options.byHand ?? pkg.name
        }\``,
      },
    );
  } finally {
    client.close();
  }
}

/**
 * Unpacks the files of an archive for which `wanted` holds; links are left out.
 *
 * @param strip Leading parts of each path that are cut off.
 */
export async function unpackPackage(
  archive: string,
  dir: string,
  strip: number,
  wanted: (path: string) => boolean,
): Promise<void> {
  const { extract } = await import("tar");
  await extract({
    file: archive,
    cwd: dir,
    strip,
    strict: true,
    preservePaths: false,
    filter: (path, entry) => "type" in entry && entry.type === "File" && wanted(path),
  });
}

/**
 * The npm registry of this machine: from the environment, or as `npm` is set up.
 *
 * @throws {AppError} `agent_registry`.
 */
async function npmRegistry(env: Env): Promise<string> {
  const set = env["NPM_CONFIG_REGISTRY"] || env["npm_config_registry"] || await askNpm();
  if (set && URL.canParse(set)) return set.replace(/\/*$/, "/");
  throw new AppError("agent_registry", "Cannot install the agent: no npm registry is known", {
    remedy: "Install Node.js with npm, or set NPM_CONFIG_REGISTRY, or install the agent by hand",
  });
}

async function askNpm(): Promise<string | null> {
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
  pkg: NpmPackage,
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
  { onProgress, signal }: DownloadOptions,
): Promise<string> {
  const stall = new AbortController();
  const any = AbortSignal.any(signal ? [stall.signal, signal] : [stall.signal]);
  const wait = () => setTimeout(() => stall.abort(new Error("the download stalled")), STALL_MS);
  let timer = wait();
  const file = await Deno.open(path, { write: true, createNew: true, mode: 0o600 });
  const hash = createHash("sha512");
  let done = 0;
  try {
    const response = await fetch(url, { client, signal: any });
    if (!response.ok || !response.body) throw new Error(`the registry answers ${response.status}`);
    const total = Number(response.headers.get("content-length")) || 0;
    for await (const chunk of response.body) {
      clearTimeout(timer);
      timer = wait();
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

function hashError(pkg: NpmPackage, reason: string): AppError {
  return new AppError("agent_hash", `Refused ${pkg.name}@${pkg.version}: ${reason}`, {
    remedy: "Try again; if it stays, the registry or something before it changes packages",
  });
}
