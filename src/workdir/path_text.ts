/** What can be said of a requested path from its text alone, before anything looks at the disk. */
import { isAbsolute, join } from "../platform/std/path.ts";

/** Longest path that is taken, in bytes of UTF-8. */
const MAX_BYTES = 4096;

/**
 * Characters that make a path show as something else: control characters, line and paragraph separators,
 * marks that change the direction of writing, halves of surrogate pairs. Joiners stay: names need them.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu;

/** Why a text is no path; a code of the resolver. */
export type PathFault = "workdir_missing" | "workdir_invalid" | "workdir_not_absolute";

export type PathText = { readonly path: string } | { readonly fault: PathFault };

/**
 * Reads a path that came from a server: trimmed, `~` expanded, absolute. `..` stays in it, because only
 * the system knows where it leads when a component before it is a link.
 *
 * @param base Directory relative paths count from; without it they are a fault.
 */
export function readPathText(
  text: string | null,
  userHome: string,
  { os = Deno.build.os, base }: { os?: typeof Deno.build.os; base?: string } = {},
): PathText {
  const wanted = text?.trim() ?? "";
  if (wanted === "") return { fault: "workdir_missing" };
  if (isMalformed(wanted, os)) return { fault: "workdir_invalid" };
  if (wanted === "~") return { path: userHome };
  if (/^~[/\\]/.test(wanted)) return { path: join(userHome, wanted.slice(2)) };
  // `~user` is somebody else's home, and nothing is ever expanded by a shell.
  if (wanted.startsWith("~")) return { fault: "workdir_invalid" };
  const absolute = os === "windows" ? /^[A-Za-z]:[\\/]/.test(wanted) : wanted.startsWith("/");
  if (absolute && isAbsolute(wanted)) return { path: wanted };
  return base === undefined
    ? { fault: "workdir_not_absolute" }
    : { path: `${base.replace(/\/+$/, "")}/${wanted}` };
}

function isMalformed(text: string, os: typeof Deno.build.os): boolean {
  if (new TextEncoder().encode(text).length > MAX_BYTES) return true;
  if (text.search(UNPRINTABLE) >= 0) return true;
  return os === "windows" && isForbiddenOnWindows(text);
}

const RESERVED = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)$/i;

/**
 * Forms that mean something else than a directory of a drive: network shares (looking at one sends the
 * user's login to it), device and verbatim prefixes, a drive's own current directory, streams, reserved
 * names, and names whose end Windows drops.
 */
function isForbiddenOnWindows(text: string): boolean {
  if (/^[\\/]{2}/.test(text)) return true;
  if (/^[A-Za-z]:(?![\\/])/.test(text)) return true;
  const rest = text.replace(/^[A-Za-z]:/, "");
  if (/[:*?"<>|]/.test(rest)) return true;
  return rest.split(/[\\/]+/).some((name) => {
    if (name === "" || name === "." || name === "..") return false;
    return /[. ]$/.test(name) || RESERVED.test(name.split(".")[0] ?? "");
  });
}

/** A path for people: control characters escaped, at most 200 characters. */
export function showPath(path: string): string {
  const safe = path.replace(
    UNPRINTABLE,
    (c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`,
  );
  return safe.length > 200 ? `${safe.slice(0, 199)}…` : safe;
}
