/** Where things lie that several boxes have in common: caches, what nobody may read or change. */
import { AppError } from "../platform/errors.ts";
import { child, components, type FileSeam, isWithin, parent, resolvePath } from "./paths.ts";
import { CACHES, CLAUDE_CONFIG_KEPT, CREDENTIALS, START_FILES } from "./sensitive.ts";

/** The device's places. All paths absolute; links are resolved by those who use them. */
export interface PlacesInput {
  /** The owner's home directory. */
  readonly userHome: string;
  /** WEGENT_EXECUTOR_HOME: kept from every box, except what is named below. */
  readonly home: string;
  /** Workspace root; readable although it usually lies below `home`. */
  readonly workspaceRoot: string;
  /** Roots of working directories. */
  readonly roots: readonly string[];
  /** Agent CLIs we installed: readable, never writable. @default `home/agents` */
  readonly agentsDir?: string;
  /** Sources of this program, when it runs from source: readable, never writable. @default [] */
  readonly programDirs?: readonly string[];
  /** Directories the user added (`sandbox.write`). @default [] */
  readonly extraWrite?: readonly string[];
  /** `sandbox.deny_read`, and a configuration file outside of `home`. */
  readonly denyRead?: readonly string[];
  /** `strict` also keeps credentials (`~/.ssh`, cloud logins) from the box. @default "default" */
  readonly preset?: "default" | "strict";
  /** This program's own environment, in which PATH and the caches' variables are looked up. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Resolves a directory of ours. Our home and the roots may be reached through links, but below them
 * nobody but an earlier agent makes one, and following it would grant whatever it leads to.
 */
export function inPlace(path: string, input: PlacesInput, seam: FileSeam): string {
  const actual = resolvePath(path, seam);
  const trees = [input.workspaceRoot, input.home, ...input.roots]
    .map((tree) => resolvePath(tree, seam));
  if (!linkedInside(path, trees, seam)) return actual;
  throw new AppError(
    "path_moved",
    `Expected "${path}" to be no link, but it leads to "${actual}"`,
    { remedy: "Remove the link and start the session again" },
  );
}

/** True when `path` goes through a link that lies inside one of `trees`. */
export function linkedInside(path: string, trees: readonly string[], seam: FileSeam): boolean {
  let place = "/";
  let inside = false;
  for (const name of components(path)) {
    const next = child(place, name);
    inside ||= trees.some((tree) => tree !== next && isWithin(tree, next));
    place = seam.realPath(next) ?? next;
    if (inside && place !== next) return true;
  }
  return false;
}

/** `path` moved from below `from` to below `to`; null when it is not below `from`. */
export function rebase(path: string, from: string, to: string): string | null {
  if (!isWithin(from, path)) return null;
  return components(path).slice(components(from).length).reduce(child, to);
}

/** Caches of common tools, as the environment names them; they may not exist. */
export function cacheDirs(input: PlacesInput): string[] {
  const { env, userHome } = input;
  const absolute = (value: string | undefined) =>
    value?.startsWith("/") ? [value.replace(/\/+$/, "") || "/"] : [];
  return [
    ...CACHES.map((path) => child(userHome, path)),
    ...absolute(env.XDG_CACHE_HOME),
    ...absolute(env.npm_config_cache),
    ...absolute(env.GOMODCACHE),
    ...absolute(env.CARGO_HOME).flatMap((path) => [child(path, "registry"), child(path, "git")]),
  ]
    // Neither our own state nor a whole home directory is a cache, whatever a variable says.
    .filter((path) =>
      !isWithin(path, input.home) && !isWithin(input.home, path) && !isWithin(path, userHome)
    );
}

/** What no box may read: our state, what the configuration denies, credentials in the preset `strict`. */
export function denied(input: PlacesInput, seam: FileSeam): string[] {
  const credentials = input.preset === "strict"
    ? CREDENTIALS.map((path) => child(input.userHome, path))
    : [];
  return bothEnds([input.home, ...(input.denyRead ?? []), ...credentials], seam);
}

/**
 * What no box may change: files that run, or decide what runs, outside of a box later.
 *
 * @param workdir Directory the box works in; the program's own sources may be changed there.
 */
export function kept(input: PlacesInput, workdir: string, seam: FileSeam): string[] {
  const inHome = [...START_FILES, ...CLAUDE_CONFIG_KEPT.map((name) => `.claude/${name}`)];
  const onPath = (input.env.PATH ?? "").split(":").filter((path) => path.startsWith("/"));
  // Whoever works on this program in its own directory has chosen to change it.
  const program = [...programFiles(input), ...readOnly(input)].filter((path) => path !== workdir);
  return bothEnds(
    [...inHome.map((path) => child(input.userHome, path)), ...onPath, ...program],
    seam,
  );
}

/** Files the next, unsandboxed start of this program executes. */
function programFiles(input: PlacesInput): string[] {
  if (Deno.build.standalone) return [Deno.execPath()];
  const { env } = input;
  const cache = env.XDG_CACHE_HOME ??
    child(input.userHome, Deno.build.os === "darwin" ? "Library/Caches" : ".cache");
  // Run from source, Deno's cache holds our packages and our compiled modules.
  return [Deno.execPath(), env.DENO_DIR ?? child(cache, "deno")].filter((path) =>
    path.startsWith("/")
  );
}

/** Trees of ours that are read and never changed. */
export function readOnly(input: PlacesInput): string[] {
  return [input.agentsDir ?? child(input.home, "agents"), ...(input.programDirs ?? [])];
}

/** Each path where its name is and where it leads: neither the link nor its target may be replaced. */
function bothEnds(paths: readonly string[], seam: FileSeam): string[] {
  return unique(paths.flatMap((path) => {
    const plain = path.replace(/\/+$/, "") || "/";
    const name = plain.slice(parent(plain).length).replace(/^\/+/, "");
    const place = name ? child(resolvePath(parent(plain), seam), name) : plain;
    return [place, resolvePath(plain, seam)];
  }));
}

/**
 * The roots without links. One that goes through a link inside another root is left out: an agent that
 * works there may have made it, and it would open whatever it leads to.
 */
export function soundRoots(input: Pick<PlacesInput, "roots">, seam: FileSeam): string[] {
  const trees = input.roots.map((path) => resolvePath(path, seam));
  return unique(
    input.roots.filter((root) => !linkedInside(root, trees, seam))
      .map((root) => resolvePath(root, seam)),
  );
}

/** Each path once. */
export function unique(paths: readonly string[]): string[] {
  return [...new Set(paths)];
}
