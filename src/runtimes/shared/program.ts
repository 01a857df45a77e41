/** An agent's command-line program: facts for finding and installing it. */
import type { NpmPackage } from "./npm_package.ts";

/** One version of a package, and what of it is installed. */
export interface InstallablePackage extends NpmPackage {
  /** Version of the program; that of the package may name a platform as well. */
  readonly release: string;
  /** Path of the program inside the directory it is installed to. */
  readonly binary: string;
  /** Leading parts of each path in the archive that are cut off. */
  readonly strip: number;
  /** True for the files of the archive that are installed. */
  wanted(path: string): boolean;
}

/** See the module comment. Paths of directories are relative to the owner's home. */
export interface AgentProgram {
  /** Name on the command line and of its directory among what we install. */
  readonly name: string;
  readonly label: string;
  /** Oldest version found on a machine that is used. */
  readonly minimum: string;
  /** The version that is installed. */
  readonly release: string;
  /** Name for `npm install -g`. */
  readonly npmPackage: string;
  /** Variables with which the owner names the program, the first that is set counts. */
  readonly variables: readonly string[];
  /** Its key in the configuration's `agent`, behind the variables. */
  readonly setting: string;
  /** File names in a directory of a `PATH`. */
  readonly files: readonly string[];
  /** Directories below the owner's home in which it usually lies. */
  readonly homeDirs: readonly string[];
  /** Further places, as absolute paths. @default none */
  readonly places?: readonly string[];
  /** The package for a platform, by default this one; null when there is none. */
  package(os?: string, arch?: string): InstallablePackage | null;
  /** The program behind a path, null when nothing there can be started. @default the path itself */
  programBehind?(path: string): string | null;
}

/** Compares dotted versions numerically: negative when `a` is older. Unreadable parts count as 0. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((v) => v.split(/[.+-]/).slice(0, 3).map((n) => Number(n) || 0));
  for (let i = 0; i < 3; i++) {
    const difference = (left?.[i] ?? 0) - (right?.[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
