/**
 * The device worker's rights, derived from the allowed roots: one value, rendered as the permissions of
 * a Deno worker. What the whole program works on is in `flags.ts`.
 *
 * Deno checks a link's own path, not where it leads, so every path is resolved here and the paths that
 * are handed to the worker have to be resolved the same way.
 */
import { diskSeam, type FileSeam, isWithin, parent } from "./paths.ts";
import { soundRoots } from "./places.ts";

/** What the scope is derived from. Paths are absolute. */
export interface ScopeInput {
  readonly workspaceRoot: string;
  /** Roots inside which sessions may work. */
  readonly allowedRoots: readonly string[];
  /** Root of standalone chats, when it lies elsewhere. */
  readonly chatsDir?: string;
  /** Root of projects and worktrees, when it lies elsewhere. */
  readonly projectsDir?: string;
  /** The worker's own state. */
  readonly stateDir: string;
  /** Our home with the token's file, which no root may open up. @default The parent of `stateDir` */
  readonly executorHome?: string;
  /** The server's URL; empty when there is none. */
  readonly backendUrl: string;
  /** A configured proxy for it. @default null */
  readonly proxyUrl?: string | null;
}

/** What the part of the program that talks to the network may do. */
export interface Scope {
  /** Trees that may be read; resolved, sorted. */
  readonly read: readonly string[];
  /** Trees that may be changed; resolved, sorted. */
  readonly write: readonly string[];
  /** No process is ever started from there. */
  readonly run: false;
  /** `host:port` of the server and the proxy. */
  readonly net: readonly string[];
  /** Roots that are not part of it, and why: one sentence without a full stop each. */
  readonly leftOut: readonly { readonly path: string; readonly reason: string }[];
}

/**
 * Variables the worker's packages look at (socket.io-client and its `ws` and `debug`); none of them holds
 * a secret.
 */
const WORKER_ENV: readonly string[] = [
  "DEBUG",
  "NODE_DEBUG",
  "NODE_ENV",
  "NO_COLOR",
  "FORCE_COLOR",
  "COLORTERM",
  "TERM",
  "WS_NO_BUFFER_UTIL",
  "WS_NO_UTF_8_VALIDATE",
];

/**
 * Derives the scope. Pure, apart from resolving paths through `seam`.
 *
 * A root is left out when it does not exist (Deno could only be given a name, which an agent might turn
 * into a link) or when it contains our home, because then it would open the file with the token. Sessions
 * may still work there: their files are handled by hosts, not by the worker.
 *
 * @throws {TypeError} If `backendUrl` or `proxyUrl` is no URL.
 */
export function deriveScope(input: ScopeInput, seam: FileSeam = diskSeam): Scope {
  const home = seam.realPath(input.executorHome ?? parent(input.stateDir)) ??
    parent(input.stateDir);
  const state = seam.realPath(input.stateDir) ?? input.stateDir;
  const trees = new Set([state]);
  const leftOut: Scope["leftOut"][number][] = [];
  const roots = [input.workspaceRoot, ...input.allowedRoots, input.chatsDir, input.projectsDir];
  const given = roots.filter((path) => path !== undefined);
  const sound = new Set(soundRoots({ roots: given }, seam));
  for (const path of new Set(given)) {
    const real = seam.realPath(path);
    const workspace = seam.realPath(input.workspaceRoot);
    if (real === null) leftOut.push({ path, reason: "It does not exist" });
    else if (!sound.has(real)) {
      leftOut.push({
        path,
        reason: "It is reached through a link inside another root; list where it leads",
      });
    } else if (isWithin(real, home)) {
      leftOut.push({ path, reason: "It contains this program's own state" });
    } else if (isWithin(home, real) && (workspace === null || !isWithin(workspace, real))) {
      leftOut.push({ path, reason: "It belongs to this program's own state" });
    } else trees.add(real);
  }
  const paths = [...trees].sort();
  const net = [input.backendUrl, input.proxyUrl ?? ""].filter((url) => url !== "").map(hostAndPort);
  return { read: paths, write: paths, run: false, net: [...new Set(net)], leftOut };
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = {
  "http:": "80",
  "ws:": "80",
  "https:": "443",
  "wss:": "443",
  "socks4:": "1080",
  "socks5:": "1080",
};

/** `host:port` of a URL, as Deno's `net` permission wants it. */
function hostAndPort(text: string): string {
  const url = new URL(text);
  const port = url.port || DEFAULT_PORTS[url.protocol];
  if (!port || !url.hostname) {
    throw new TypeError(`No host and port in the URL "${url.protocol}//${url.host}"`);
  }
  return `${url.hostname}:${port}`;
}

/** The scope as the permissions of a Deno worker. */
export function renderWorkerPermissions(scope: Scope): Deno.PermissionOptionsObject {
  return {
    read: [...scope.read],
    write: [...scope.write],
    net: [...scope.net],
    env: [...WORKER_ENV],
    sys: [],
    run: false,
    ffi: false,
    import: false,
  };
}
