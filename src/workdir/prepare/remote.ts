/** Addresses of repositories: which are allowed, when two mean the same, what their directory is called. */
import { AppError } from "../../platform/mod.ts";
import { safeFileName } from "./file_names.ts";

/** Protocols that are spoken; everything else may run a program or read this machine's files. */
const DEFAULT_PORTS: Readonly<Record<string, string>> = {
  https: "443",
  http: "80",
  ssh: "22",
  git: "9418",
};
const MAX_URL = 2048;

/** An address taken apart. */
export interface Remote {
  readonly scheme: "https" | "http" | "ssh" | "git";
  /** Lower case; an IPv6 address with its brackets. */
  readonly host: string;
  /** Empty for the scheme's own port. */
  readonly port: string;
  readonly user: string;
  readonly password: string;
  /** Without leading and trailing slashes and without `.git`. */
  readonly path: string;
  /** The address as git may get it: without a password, and without a user for http(s). */
  readonly url: string;
}

/**
 * Takes an address apart: a URL with https, http, ssh or git, or `user@host:path`.
 *
 * @returns Null for local paths, `file:`, remote helpers (`ext::…`), options, and what is no address.
 */
export function parseRemote(address: string): Remote | null {
  const text = address.trim();
  // deno-lint-ignore no-control-regex -- control characters are what is looked for
  if (text === "" || text.length > MAX_URL || /^-|[\x00-\x20\x7f\\]/.test(text)) return null;
  if (/^[A-Za-z0-9+.-]+::/.test(text)) return null;
  return text.includes("://") ? fromUrl(text) : fromShort(text);
}

function fromUrl(text: string): Remote | null {
  const [, given = "", rest = ""] = text.match(/^([A-Za-z][A-Za-z0-9+.-]*):\/\/(.*)$/) ?? [];
  const scheme = given.toLowerCase().replace(/^git\+ssh$|^ssh\+git$/, "ssh");
  if (!isScheme(scheme)) return null;
  // The parser knows hosts only of the web's schemes; 443 would vanish as the port of another scheme.
  const url = URL.parse(`${scheme === "http" ? "http" : "https"}://${rest}`);
  if (!url || !url.hostname || url.hostname.startsWith("-")) return null;
  const explicit = rest.match(/^[^/?#]*:(\d+)(?:[/?#]|$)/)?.[1] ?? "";
  const port = Number(explicit || 0) === Number(DEFAULT_PORTS[scheme]) ? "" : explicit;
  return remote(scheme, url.hostname, port, decode(url.username), decode(url.password), {
    path: url.pathname,
    wire: url.pathname + url.search,
  });
}

/** `user@host:path`, as ssh has it. One letter alone before the colon is a drive of Windows. */
function fromShort(text: string): Remote | null {
  const match = text.match(/^(?:([^@/:]+)@)?(\[[0-9A-Fa-f:.]+\]|[^/:@]+):(.+)$/);
  const [, user = "", host = "", path = ""] = match ?? [];
  if (user === "" && host.length === 1) return null;
  if (!match || host.startsWith("-") || user.startsWith("-")) return null;
  const parsed = remote("ssh", host.toLowerCase(), "", user, "", { path, wire: path });
  return parsed && { ...parsed, url: text };
}

function remote(
  scheme: Remote["scheme"],
  host: string,
  port: string,
  user: string,
  password: string,
  { path: given, wire }: { path: string; wire: string },
): Remote | null {
  const path = decode(given).replace(/\/{2,}/g, "/").replace(/^\/|\/$/g, "").replace(/\.git$/, "")
    .replace(/\/$/, "");
  // `~` and `..` are a server's business, but not together with a shell's characters.
  if (path === "" || path.startsWith("-") || /[\p{Cc}`$;|&<>]/u.test(path)) return null;
  const web = scheme === "https" || scheme === "http";
  const login = user && !web ? `${encodeURIComponent(user)}@` : "";
  const place = `${host.replace(/\.$/, "")}${port && `:${port}`}`;
  return {
    scheme,
    host: host.replace(/\.$/, ""),
    port,
    user,
    password,
    path,
    url: `${scheme}://${login}${place}${wire}`,
  };
}

function isScheme(text: string): text is Remote["scheme"] {
  return Object.hasOwn(DEFAULT_PORTS, text);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    // A lone percent sign stands for itself.
    if (error instanceof URIError) return text;
    throw error;
  }
}

/**
 * An address as `host[:port]/path`: without scheme, credentials, default port, trailing `.git` and
 * slashes, the host in lower case. Null for what {@link parseRemote} refuses.
 */
export function normalizeRemote(address: string): string | null {
  const parsed = parseRemote(address);
  return parsed && `${parsed.host}${parsed.port && `:${parsed.port}`}/${parsed.path}`;
}

/** True when both addresses mean the same repository; false for what {@link parseRemote} refuses. */
export function sameRemote(a: string, b: string): boolean {
  const normal = normalizeRemote(a);
  return normal !== null && normal === normalizeRemote(b);
}

/** Name of the directory for a checkout of `address`: safe on every file system, never empty. */
export function repoName(address: string): string {
  const path = parseRemote(address)?.path ?? "";
  const name = safeFileName(path.split("/").at(-1) ?? "", 100).replace(/^[.-]+/, "");
  return /[\p{L}\p{N}]/u.test(name) ? name : "repository";
}

/**
 * The address of a request, taken apart.
 *
 * @throws {AppError} `clone_url_refused` without the address's credentials.
 */
export function checkedRemote(address: string): Remote {
  const parsed = parseRemote(address);
  if (parsed) return parsed;
  throw new AppError(
    "clone_url_refused",
    `Expected the address of a repository on a server, got ${
      JSON.stringify(maskAddress(address).slice(0, 200))
    }`,
    { remedy: "Use an https:// or ssh:// address, or git@host:path" },
  );
}

/**
 * Refuses names of branches that git would, and those it would take for an option.
 *
 * @throws {AppError} `branch_invalid`.
 */
export function checkBranch(branch: string): void {
  // deno-lint-ignore no-control-regex -- control characters are what is looked for
  const wrong = /^[-/.]|[\x00-\x20\x7f~^:?*[\\]|\.\.|\/\.|\/\/|@\{|\.lock(\/|$)|[/.]$|^@$/;
  if (branch !== "" && branch.length <= 255 && !wrong.test(branch)) return;
  throw new AppError(
    "branch_invalid",
    `Expected the name of a branch, got ${JSON.stringify(branch.slice(0, 200))}`,
    { remedy: "Choose a branch of the repository" },
  );
}

/** `text` with the credentials of every URL in it replaced. */
export function maskAddress(text: string): string {
  return text.replace(/([A-Za-z][A-Za-z0-9+.-]*:\/\/)[^/?#\s'"@]*@/g, "$1***@");
}
