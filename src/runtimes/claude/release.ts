/**
 * The release of the Claude Code CLI that this program installs: version, package names by platform,
 * and the hashes of the packages, so that a registry cannot hand us something else.
 */
import type { InstallablePackage } from "../shared/program.ts";

/** Installed when no suitable CLI is found. */
export const CLAUDE_VERSION = "2.1.197";

/** Oldest version found on a machine that is used. */
export const CLAUDE_MINIMUM = "2.1.89";

/** The package whose platform packages hold the native binary. */
export const CLAUDE_PACKAGE = "@anthropic-ai/claude-code";

/** `dist.integrity` of `CLAUDE_PACKAGE-<platform>@CLAUDE_VERSION` (subresource integrity, SHA-512). */
const INTEGRITY: Readonly<Record<string, string>> = {
  "linux-x64":
    "sha512-rIlKmrY0QMyHgPRX/MYWNj039vbypICvI9jVe3rs9Xy2RnNklySjyPxqh62QadznzoftEO23uYQ1tFePcQ//bg==",
  "linux-arm64":
    "sha512-sx6SoGj3MNR5CV+YDkNtbLHXa1tn3G8qcYFgm1gnvOi9ODQUKbhiPfankJfkTMDVekOvnKJhm6i9hGFIPzp7cQ==",
  "linux-x64-musl":
    "sha512-/Ij3+inZf96Lb1BLnO0rWArRi1HqIMh6HeGrQoykrp7a8Yj0SA1EQIO42kpNeVxM9z3o3xUaiIf0FRMzLIp6oQ==",
  "linux-arm64-musl":
    "sha512-r3taVK9rDaMahHkrCGV8wF1Sjphs7fqXy2ZEznyDGxUqeW6HxgkbG7dPplXnwwGiMTdYLrtQTQMN21ZTxcVHBA==",
  "darwin-arm64":
    "sha512-1FOVhJzkKGWgOEEsvaK3ylCEmjKeJiXwfKl7RtNEbiDj7OxhRQ1G1CLN0HGDTTq1QwY+Dm2x1Yscdv5NfobAxQ==",
  "darwin-x64":
    "sha512-DOPeGTQqJWVENJsxwMxJtLOx+7OBINEDg9trQldlJR1nBssaYzNj1WWxp37JYSBRjeYLhqLipvDqEA0LMglL7A==",
  "win32-x64":
    "sha512-bH/146HdS+MO2ndTvljKUJQbcKuvOWujH02WiLkhQJmo/YJLTCMnn1P/jxjjv6W9y/+LGxN58SfdHa6zobatTw==",
  "win32-arm64":
    "sha512-P/1y1JcBSKNRt9asd0bhGRwLdD7yLnq9BlXdA0KHC+0zTm/WPqsCHupt8C7f7adb14//dVlkkbRT+9F5Iup/qA==",
};

/** The package for this platform, or null when there is none. */
export function claudePackage(
  os: string = Deno.build.os,
  arch: string = Deno.build.arch,
  musl: boolean = os === "linux" && isMusl(),
): InstallablePackage | null {
  const system = { linux: "linux", darwin: "darwin", windows: "win32" }[os];
  const cpu = { x86_64: "x64", aarch64: "arm64" }[arch];
  const platform = `${system}-${cpu}${musl ? "-musl" : ""}`;
  const integrity = INTEGRITY[platform];
  if (!integrity) return null;
  const binary = os === "windows" ? "claude.exe" : "claude";
  return {
    name: `${CLAUDE_PACKAGE}-${platform}`,
    version: CLAUDE_VERSION,
    release: CLAUDE_VERSION,
    integrity,
    binary,
    strip: 1,
    // The program and nothing else.
    wanted: (path) => path === `package/${binary}`,
  };
}

/** True on a system whose own C library is musl; one that has both is a glibc system. */
function isMusl(): boolean {
  const loaders = ["/lib", "/lib64"].flatMap((dir) => {
    try {
      return [...Deno.readDirSync(dir)].map((entry) => entry.name);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  });
  return loaders.some((name) => name.startsWith("ld-musl-")) &&
    !loaders.some((name) => name.startsWith("ld-linux"));
}
