/** Which directory a session works in, and why it is not the one that was asked for. */
import { expandHome } from "../config/mod.ts";
import { errorText } from "../platform/mod.ts";
import { isAbsolute, join } from "../platform/std/path.ts";
import { diskSeam, isWithin } from "../scope/mod.ts";

/** What a session asks for. */
export interface WorkdirRequest {
  readonly taskId: number;
  readonly workdir: string | null;
  readonly policy: string | null;
}

export interface WorkdirContext {
  readonly workspaceRoot: string;
  readonly allowedRoots: readonly string[];
  readonly userHome: string;
}

/** The effective directory; `notice` is set when it is a fallback. */
export interface ResolvedWorkdir {
  /** Absolute, links resolved; exists. */
  readonly path: string;
  readonly managed: boolean;
  readonly notice: string | null;
}

/**
 * Resolves a session's directory: an existing directory inside the allowed roots (links resolved), or
 * the managed directory `{workspaceRoot}/{taskId}` with a sentence that says why.
 */
export function resolveWorkdir(
  request: WorkdirRequest,
  context: WorkdirContext,
): ResolvedWorkdir {
  if (!request.workdir || request.policy === "managed") {
    return managed(request, context, null);
  }
  if (request.policy === "repo_bound") {
    return managed(
      request,
      context,
      "bound repositories are not supported by this version",
    );
  }
  // A relative path is relative to nothing the person who asked could know.
  const named = /^~(\/|$)/.test(request.workdir) || isAbsolute(request.workdir);
  const wanted = expandHome(request.workdir, context.userHome);
  if (!named || wanted.includes("\0")) {
    return managed(request, context, "it is not an absolute path");
  }
  let path: string;
  try {
    path = Deno.realPathSync(wanted);
    if (!Deno.statSync(path).isDirectory) {
      return managed(request, context, "it is not a directory");
    }
  } catch (error) {
    const missing = error instanceof Deno.errors.NotFound;
    return managed(
      request,
      context,
      missing ? "it does not exist" : errorText(error),
    );
  }
  if (!insideRoots(path, context.allowedRoots)) {
    return managed(
      request,
      context,
      "it is outside the allowed roots of this device",
    );
  }
  return { path, managed: false, notice: null };
}

/** True when `path` (links resolved) is one of `roots` or below one, compared by components. */
export function insideRoots(path: string, roots: readonly string[]): boolean {
  return roots.some((root) => {
    const real = diskSeam.realPath(root);
    return real !== null && isWithin(real, path);
  });
}

function managed(
  { taskId, workdir }: WorkdirRequest,
  { workspaceRoot }: WorkdirContext,
  reason: string | null,
): ResolvedWorkdir {
  const path = join(workspaceRoot, String(taskId));
  Deno.mkdirSync(path, { recursive: true, mode: 0o700 });
  const notice = reason === null
    ? null
    : `Working in the managed directory ${path} instead of "${workdir}": ${reason}.`;
  return { path: Deno.realPathSync(path), managed: true, notice };
}
