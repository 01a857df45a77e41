/**
 * The release of the Codex CLI that this program installs: version, packages by platform, and their
 * hashes, so that a registry cannot hand us something else.
 */
import type { InstallablePackage } from "../shared/program.ts";

/** Installed when no suitable CLI is found. */
export const CODEX_VERSION = "0.169.0";

/** Oldest version found on a machine that is used. */
export const CODEX_MINIMUM = "0.137.0";

/** All platforms are versions of one package. */
export const CODEX_PACKAGE = "@openai/codex";

interface Platform {
  /** Its folder in the package. */
  readonly triple: string;
  /** `dist.integrity` of `CODEX_PACKAGE@CODEX_VERSION-<platform>`. */
  readonly integrity: string;
}

const PLATFORMS: Readonly<Record<string, Platform>> = {
  "linux-x64": {
    triple: "x86_64-unknown-linux-musl",
    integrity:
      "sha512-o05NyAOCDygSPRo1yinzxvkRSdmsZyBD9E7mbpmjRanSfM8lypqWtQgEo4XfNkwhuCR2aFu8mlGOsQGFXVbVww==",
  },
  "linux-arm64": {
    triple: "aarch64-unknown-linux-musl",
    integrity:
      "sha512-NZ/DaQUpcQmxmqee7Z9uC1rzw3GhSbooawcaTe1LN5Yk+WlinUKGdTXJgClRT/9ogQEEM9TWxYzvxPfj5G/xFg==",
  },
  "darwin-x64": {
    triple: "x86_64-apple-darwin",
    integrity:
      "sha512-K1FKSsSLl9v3z5TeagBQXyQRDBIGB5Jncy5dxsRxwT3aaTqN3AI8VrCfoxBxKMOOU9O2QX1vg7WkBwNVth/s9A==",
  },
  "darwin-arm64": {
    triple: "aarch64-apple-darwin",
    integrity:
      "sha512-5WsWFBbVP78D+6FvNo1MMVxLPZdmcoQlqVJFrF4qx/TmvneLnMQKtLyXkUo54XOTDfoYKpNouTJ/F7gTVA8FnQ==",
  },
  "win32-x64": {
    triple: "x86_64-pc-windows-msvc",
    integrity:
      "sha512-nC+McFU8xRNL9tk3IhxcKdhcyOElwF/HhPO+gzSQCY7yjh3XdzSajX+MYWcHUVWHRHajfwn3/WgJYJK2wS+XWg==",
  },
  "win32-arm64": {
    triple: "aarch64-pc-windows-msvc",
    integrity:
      "sha512-nTN9SpkacGohq60+I80R3t0R8Mhbnlt3OVYNahgAv1Gu77KFwhPc0vz9Ou/DAGDtYhKVWA/jiYXJXnlzkwb/JA==",
  },
};

/** The package of one platform. */
export interface CodexPackage extends InstallablePackage {
  /** Folder of the platform in the package; what is installed is its content. */
  readonly triple: string;
  /** The package of npm that holds it when npm has installed the CLI. */
  readonly nested: string;
}

/** The package for this platform, or null when there is none. */
export function codexPackage(
  os: string = Deno.build.os,
  arch: string = Deno.build.arch,
): CodexPackage | null {
  const system = { linux: "linux", darwin: "darwin", windows: "win32" }[os];
  const cpu = { x86_64: "x64", aarch64: "arm64" }[arch];
  const platform = `${system}-${cpu}`;
  const found = PLATFORMS[platform];
  if (!found) return null;
  const root = `package/vendor/${found.triple}/`;
  return {
    name: CODEX_PACKAGE,
    version: `${CODEX_VERSION}-${platform}`,
    release: CODEX_VERSION,
    binary: os === "windows" ? "bin/codex.exe" : "bin/codex",
    nested: `${CODEX_PACKAGE}-${platform}`,
    strip: root.split("/").length - 1,
    // Without what it needs to be spoken to.
    wanted: (path) => path.startsWith(root) && !path.startsWith(`${root}codex-resources/voice/`),
    ...found,
  };
}
