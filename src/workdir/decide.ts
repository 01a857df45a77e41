/**
 * The resolver: which directory a session may work in, or why it gets a managed one.
 *
 * It decides and creates nothing. What it looks at on the disk goes through {@link WorkdirSeam}. Its
 * answer holds for the moment it was given: the launcher asks the kernel again when a process starts, and
 * the sandbox grants the resolved path only, so a link swapped in later leads nowhere.
 */
import { directoryUsable } from "../platform/mod.ts";
import { isWithin, soundRoots } from "../scope/mod.ts";
import { type PathFault, readPathText } from "./path_text.ts";
import { protectedPlaces } from "./protected.ts";

/** Why a session works in a managed directory although another one was asked for. */
export type WorkdirCode =
  | PathFault
  | "workdir_not_found"
  | "workdir_not_directory"
  | "workdir_not_accessible"
  | "workdir_symlink_escape"
  | "workdir_outside_allowed_roots"
  | "workdir_sensitive"
  | "workdir_device_mismatch"
  | "workdir_policy_unsupported";

/** What a session asks for. */
export interface WorkdirRequest {
  readonly taskId: number;
  /** Device the path was meant for; null: not said. */
  readonly deviceId: string | null;
  readonly workdir: string | null;
  /** `managed`, `existing`, `repo_bound`; null: `existing` when there is a path. */
  readonly policy: string | null;
}

/** Facts of the device. Paths absolute; they may go through links. */
export interface WorkdirContext {
  readonly workspaceRoot: string;
  readonly allowedRoots: readonly string[];
  readonly userHome: string;
  /** WEGENT_EXECUTOR_HOME. */
  readonly executorHome: string;
  readonly deviceId: string;
}

/** Which file a path names, whatever it is called. */
export interface Identity {
  readonly dev: number;
  readonly ino: number;
}

/** What the resolver looks at. */
export interface WorkdirSeam {
  /** The path without links. Rejects as `Deno.realPath` does; bounded in time by the caller. */
  realPath(path: string): Promise<string>;
  /** The same for places of the device itself; null when it cannot be resolved. */
  realPathNow(path: string): string | null;
  /** Null when there is nothing. Follows links. */
  stat(path: string): { readonly directory: boolean; readonly identity: Identity | null } | null;
  /** The directory may be listed, entered and changed. */
  usable(path: string): boolean;
}

/** The directory, or why a managed one. */
export type WorkdirDecision =
  | {
    readonly kind: "directory";
    /** Absolute, no links. */
    readonly path: string;
    /** False: a directory of `repo_bound` that is still to be made. */
    readonly exists: boolean;
  }
  | { readonly kind: "managed"; readonly code: WorkdirCode | null; readonly reason: string | null };

/** A network mount that does not answer counts as not accessible after this time. */
const REAL_PATH_MS = 5000;

/** The disk itself. */
export const workdirSeam: WorkdirSeam = {
  realPath: (path) => Deno.realPath(path),
  realPathNow(path) {
    try {
      return Deno.realPathSync(path);
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  },
  stat(path) {
    try {
      const { isDirectory, dev, ino } = Deno.statSync(path);
      return { directory: isDirectory, identity: ino === null ? null : { dev, ino } };
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  },
  usable: directoryUsable,
};

const WORDS: Readonly<Record<WorkdirCode, string>> = {
  workdir_missing: "no directory was named",
  workdir_invalid: "the path is not valid",
  workdir_not_absolute: "the path is not absolute",
  workdir_not_found: "it does not exist",
  workdir_not_directory: "it is not a directory",
  workdir_not_accessible: "it cannot be read and written",
  workdir_symlink_escape: "it leaves the allowed roots of this device through a link",
  workdir_outside_allowed_roots: "it is outside the allowed roots of this device",
  workdir_sensitive: "it is a protected directory",
  workdir_device_mismatch: "it was chosen for another device",
  workdir_policy_unsupported: "this device does not know the policy that was asked for",
};

/** Places of the device are asked for several times in one decision. */
function remembering(seam: WorkdirSeam): WorkdirSeam {
  const known = new Map<string, string | null>();
  return {
    ...seam,
    realPathNow(path) {
      let real = known.get(path);
      if (real === undefined) known.set(path, real = seam.realPathNow(path));
      return real;
    },
  };
}

/** A fallback with its reason: half a sentence that follows "because". */
function fallback(code: WorkdirCode): WorkdirDecision {
  return { kind: "managed", code, reason: WORDS[code] };
}

/** Decides for one session. Never rejects for anything a request says. */
export async function decideWorkdir(
  request: WorkdirRequest,
  context: WorkdirContext,
  disk: WorkdirSeam = workdirSeam,
): Promise<WorkdirDecision> {
  const seam = remembering(disk);
  const { policy, deviceId, workdir } = request;
  if (policy === "managed" || (policy === null && !workdir?.trim())) {
    return { kind: "managed", code: null, reason: null };
  }
  if (policy !== null && policy !== "existing" && policy !== "repo_bound") {
    return fallback("workdir_policy_unsupported");
  }
  if (deviceId && deviceId !== context.deviceId) return fallback("workdir_device_mismatch");
  const text = readPathText(workdir, context.userHome);
  if ("fault" in text) return fallback(text.fault);
  const found = await resolve(text.path, policy === "repo_bound", seam);
  if ("code" in found) return fallback(found.code);
  const inside = place(found.path, context, seam);
  if (inside === null) {
    const lexical = context.allowedRoots.some((root) => isWithin(root, collapse(text.path)));
    return fallback(lexical ? "workdir_symlink_escape" : "workdir_outside_allowed_roots");
  }
  if (isOwnTask(inside.path, request, context, seam)) {
    return { kind: "managed", code: null, reason: null };
  }
  if (isProtected(inside, context, seam) || isOthers(inside.path, context, seam)) {
    return fallback("workdir_sensitive");
  }
  if (found.exists && !seam.usable(inside.path)) return fallback("workdir_not_accessible");
  return { kind: "directory", path: inside.path, exists: found.exists };
}

/** A path without links, and whether something is there. */
type Found = { readonly path: string; readonly exists: boolean } | { readonly code: WorkdirCode };

/**
 * Resolves `path`; with `mayMiss` a missing end is kept, as long as it climbs nowhere.
 */
export async function resolve(
  path: string,
  mayMiss: boolean,
  seam: WorkdirSeam = workdirSeam,
): Promise<Found> {
  const missing: string[] = [];
  for (let at = path;;) {
    let real: string;
    try {
      real = await withinTime(seam.realPath(at));
    } catch (error) {
      const code = faultOf(error);
      const name = lastName(at);
      const isLink = code === "workdir_not_found" && mayMiss && danglingLink(at);
      if (code !== "workdir_not_found" || !mayMiss || isLink || name === null) return { code };
      missing.unshift(name);
      at = at.slice(0, at.replace(/[\\/]+$/, "").length - name.length);
      continue;
    }
    if (!seam.stat(real)?.directory) return { code: "workdir_not_directory" };
    const rest = missing.map((name) => `/${name}`).join("");
    return { path: real === "/" && rest ? rest : real + rest, exists: missing.length === 0 };
  }
}

/** The last name of a path that still has one to take off; null for the root, `.` and `..`. */
function lastName(path: string): string | null {
  const name = path.replace(/[\\/]+$/, "").split(/[\\/]/).pop() ?? "";
  return name === "" || name === "." || name === ".." ? null : name;
}

function danglingLink(path: string): boolean {
  try {
    return Deno.lstatSync(path.replace(/[\\/]+$/, "")).isSymlink;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

function faultOf(error: unknown): WorkdirCode {
  if (error instanceof Deno.errors.NotFound) return "workdir_not_found";
  // A file on the way, or a loop of links, names nothing either.
  if (error instanceof Deno.errors.NotADirectory) return "workdir_not_directory";
  if (error instanceof Deno.errors.FilesystemLoop) return "workdir_not_found";
  // Deno itself keeps a program without every permission out of /proc, /sys and /dev.
  if (error instanceof Deno.errors.NotCapable) return "workdir_sensitive";
  return "workdir_not_accessible";
}

function isMissing(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory ||
    error instanceof Deno.errors.FilesystemLoop ||
    error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable;
}

async function withinTime(work: Promise<string>): Promise<string> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Deno.errors.TimedOut("No answer")), REAL_PATH_MS);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** `..` and `.` taken away by the letters, as nobody but the reader of a path does. */
function collapse(path: string): string {
  const names: string[] = [];
  for (const name of path.split("/")) {
    if (name === "..") names.pop();
    else if (name !== "" && name !== ".") names.push(name);
  }
  return `/${names.join("/")}`;
}

/** A resolved path in one of the roots. */
interface Inside {
  readonly path: string;
  /** The root, resolved. */
  readonly root: string;
}

/**
 * Finds the root that holds `path` (resolved): by its components, else by what the directories above it
 * are, since one directory may have several names (letter case, Unicode forms, bind mounts). Then the
 * root's own name counts.
 */
function place(path: string, context: WorkdirContext, seam: WorkdirSeam): Inside | null {
  // A root that leads to the top of a file system would allow everything, so it allows nothing; neither
  // does one that goes through a link in another root, which an agent there may have made.
  const disk = { realPath: (at: string) => seam.realPathNow(at), entries: () => null };
  const roots = soundRoots({ roots: context.allowedRoots }, disk)
    .filter((root) => !/^([A-Za-z]:)?[\\/]*$/.test(root) && seam.realPathNow(root) === root);
  const holding = roots.filter((root) => isWithin(root, path))
    .sort((a, b) => b.length - a.length)[0];
  if (holding !== undefined) return { path, root: holding };
  const known = roots.map((root) => ({ root, identity: seam.stat(root)?.identity ?? null }));
  for (let at = path, rest = "";;) {
    const identity = seam.stat(at)?.identity ?? null;
    const same = identity &&
      known.find(({ identity: k }) => k?.dev === identity.dev && k.ino === identity.ino);
    if (same) return { path: same.root + rest, root: same.root };
    const cut = Math.max(at.lastIndexOf("/"), at.lastIndexOf("\\"));
    if (cut <= 0) return null;
    rest = at.slice(cut) + rest;
    at = at.slice(0, cut);
  }
}

/** True for the managed directory of the task itself, where it would work anyway. */
function isOwnTask(
  path: string,
  { taskId }: WorkdirRequest,
  { workspaceRoot }: WorkdirContext,
  seam: WorkdirSeam,
): boolean {
  const workspace = seam.realPathNow(workspaceRoot);
  return workspace !== null && path === `${workspace}/${taskId}`;
}

/** True for what lies in another task's directory or among files that belong to one. */
function isOthers(path: string, { workspaceRoot }: WorkdirContext, seam: WorkdirSeam): boolean {
  const workspace = seam.realPathNow(workspaceRoot);
  if (workspace === null || !isWithin(workspace, path)) return false;
  const [first = ""] = path.slice(workspace.length).split(/[\\/]/).filter(Boolean);
  return /^\d+$/.test(first) || first === "attachments";
}

type ProtectionContext = Pick<WorkdirContext, "workspaceRoot" | "userHome" | "executorHome">;

/** True where no session works: see {@link protectedPlaces}; the home, our state, and what holds them. */
export function isProtected(
  { path, root }: Inside,
  context: ProtectionContext,
  seam: WorkdirSeam = workdirSeam,
): boolean {
  const real = (place: string) => seam.realPathNow(place) ?? place;
  const [home, own, workspace] = [context.userHome, context.executorHome, context.workspaceRoot]
    .map((place) => fold(real(place)));
  const at = fold(path);
  // Whatever holds one of these holds all of it.
  if ([home, own, workspace].some((place) => isWithin(at, place!))) return true;
  if (isWithin(own!, at) && !isWithin(workspace!, at)) return true;
  if (at.split(/[\\/]/).includes(".wegent")) return true;
  const { always, system } = protectedPlaces(context.userHome);
  if (always.some((place) => isWithin(fold(place), at) || isWithin(fold(real(place)), at))) {
    return true;
  }
  const top = fold(root);
  return system.map((place) => fold(real(place))).some((place) =>
    isWithin(place, at) && (place === top || !isWithin(place, top))
  );
}

/** Why a directory can be no root of sessions, or null: a protected place is none, except the home. */
export function whyNoRoot(path: string, context: ProtectionContext): string | null {
  const real = workdirSeam.realPathNow(path) ?? path;
  if (/^([A-Za-z]:)?[\\/]*$/.test(real)) return "It is the whole file system";
  const [home, own, workspace] = [context.userHome, context.executorHome, context.workspaceRoot]
    .map((place) => workdirSeam.realPathNow(place) ?? place);
  if (real === home || isWithin(real, home!)) return null;
  if (isWithin(real, own!) || isWithin(real, workspace!)) return null;
  return isProtected({ path: real, root: real }, context) ? "It is a protected directory" : null;
}

const FOLDING = Deno.build.os === "darwin" || Deno.build.os === "windows";

/** A path as volumes that ignore letter case compare it. */
function fold(path: string): string {
  return FOLDING ? path.normalize("NFC").toLowerCase() : path;
}
