/**
 * A box as the text of a Seatbelt profile, for `/usr/bin/sandbox-exec -p` on macOS.
 *
 * Not used by the launcher yet: nobody has run it on a Mac, and `sandboxStatus()` says so. What can be
 * checked elsewhere is the text: `golden/` holds the profiles of real boxes.
 *
 * Seatbelt can deny, and the last rule that matches wins, so the profile follows the box's own order of
 * precedence: the more specific path comes later, and on the same path the denial does. What may not be
 * read may not be changed either. Profiles do not nest, so that on a Mac only the innermost process (the
 * agent, git, a command) can have one.
 */
import type { Box } from "./box.ts";
import { components } from "./paths.ts";

/** Device nodes every program expects; terminals match by pattern. */
const DEVICES = [
  ...["null", "zero", "random", "urandom", "tty", "ptmx", "dtracehelper"],
  ...["stdin", "stdout", "stderr"],
];

/** Renders the profile. Paths must be resolved: `/tmp` is a link on macOS. */
export function renderSeatbelt(box: Box): string {
  const write = rules("file-write*", box.write, [...box.denyWrite, ...box.denyRead]);
  const read = rules("file-read-data", [...box.read, ...box.write], box.denyRead);
  const devices = DEVICES.map((name) => `(literal "/dev/${name}")`).join(" ");
  return [
    "(version 1)",
    "(allow default)",
    "(deny file-write*)",
    `(allow file-write* file-ioctl ${devices} (regex #"^/dev/(ttys|fd/)[0-9]+$"))`,
    ...write,
    ...read,
    "(deny signal)",
    "(allow signal (target same-sandbox))",
    "(deny process-info*)",
    "(allow process-info* (target same-sandbox))",
    "",
  ].join("\n");
}

function rules(operation: string, allowed: readonly string[], denied: readonly string[]): string[] {
  const rows = [
    ...allowed.map((path) => ({ path, verb: "allow" })),
    ...denied.map((path) => ({ path, verb: "deny" })),
  ];
  // Sorting is stable, so that a denial stays behind a permission for the same path.
  rows.sort((a, b) => components(a.path).length - components(b.path).length);
  return rows.map(({ path, verb }) => `(${verb} ${operation} (subpath ${quote(path)}))`);
}

/** A string of Seatbelt's language (TinyScheme). */
function quote(path: string): string {
  return `"${path.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
