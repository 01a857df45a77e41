/**
 * The scope of the whole program as flags of `deno run` and `deno compile`, for an image whose roots are
 * known when it is built.
 *
 * The flags are a statement of what the program works on, not a fence: it also needs processes and FFI,
 * which go around every path permission. What fences it in are the worker and the sandbox (decision 20).
 */
import { AppError } from "../platform/errors.ts";
import { child, diskSeam, type FileSeam, isWithin, resolvePath } from "./paths.ts";

/** Where the program's things lie. Paths absolute. */
export interface ProgramPlaces {
  readonly userHome: string;
  /** WEGENT_EXECUTOR_HOME. */
  readonly home: string;
  readonly workspaceRoot: string;
  /** All roots of working directories, those of chats and projects included. */
  readonly roots: readonly string[];
  /** A configuration file outside of `home`. @default none */
  readonly configFile?: string;
  /** Directories agents may write besides (`sandbox.write`). @default [] */
  readonly extraWrite?: readonly string[];
  /** PATH, in which the agents' programs are looked for. @default "" */
  readonly path?: string;
}

/** Files and directories of the whole program. */
export interface ProgramScope {
  /** Sorted; each place as it is named and where it leads. */
  readonly read: readonly string[];
  readonly write: readonly string[];
}

/** The system's own: certificates and names of users, what `/dev` and `/proc` say of the machine. */
const SYSTEM_READ: readonly string[] = ["/etc", "/usr", "/dev/null"];

/**
 * Derives what the program as a whole reads and writes: its home, the roots, the owner's agent
 * configuration (where an agent with the owner's login keeps its conversations), and for reading the
 * directories on PATH and the system's certificates.
 *
 * A root that does not exist yet is part of it: an image is built before it runs.
 *
 * @throws {AppError} `path_invalid` for a place that is relative or holds `..`.
 */
export function deriveProgramScope(
  places: ProgramPlaces,
  seam: FileSeam = diskSeam,
): ProgramScope {
  const { userHome, home, workspaceRoot, roots, configFile, extraWrite, path } = places;
  const write = bothNames([
    home,
    workspaceRoot,
    ...roots,
    ...(extraWrite ?? []),
    ...(configFile ? [configFile] : []),
    child(userHome, ".claude"),
  ], seam);
  const onPath = (path ?? "").split(":").filter((dir) => dir.startsWith("/"));
  return { read: bothNames([...write, ...SYSTEM_READ, ...onPath], seam), write };
}

/**
 * Deno checks the name of a path, so a place counts under its name and without links. What another one
 * holds is left out.
 */
function bothNames(paths: readonly string[], seam: FileSeam): string[] {
  const plain = paths.map((path) => path.replace(/(?<=.)\/+$/, ""));
  const names = [...new Set(plain.flatMap((path) => [path, resolvePath(path, seam)]))].sort();
  return names.filter((path) => !names.some((other) => other !== path && isWithin(other, path)));
}

/**
 * The flags, one word each.
 *
 * @param version Of the Deno that takes them. @default the one that runs this
 * @throws {AppError} `path_with_comma`: up to Deno 2.6 a comma in a path is written twice; 2.9 takes every
 *   comma for the end of a path, so that such a path cannot be said.
 */
export function renderDenoFlags(
  { read, write }: ProgramScope,
  version: string = Deno.version.deno,
): string[] {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const list = (paths: readonly string[]) => {
    const wrong = paths.find((path) => path.includes(","));
    if (wrong !== undefined && (major > 2 || minor > 6)) {
      throw new AppError(
        "path_with_comma",
        `Cannot say "${wrong}" in flags of Deno ${version}: it holds a comma`,
        { remedy: "Rename the directory, or list the one above it" },
      );
    }
    return paths.map((path) => path.replaceAll(",", ",,")).join(",");
  };
  return [
    `--allow-read=${list(read)}`,
    `--allow-write=${list(write)}`,
    // The server is not known to an image, and from Deno 2.9 local sockets would have to be named here.
    "--allow-net",
    "--allow-env",
    "--allow-run",
    "--allow-sys",
    "--allow-ffi",
    "--no-prompt",
    "--unstable-worker-options",
  ];
}

/** Words as one line for a POSIX shell; only a word that needs quotes has them. */
export function shellLine(words: readonly string[]): string {
  return words.map((word) =>
    /^[\w@%+=:,./~-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
  ).join(" ");
}
