/** What `git diff-index --raw --numstat -z` prints → the files of a turn's changes. Pure. */
import type { ChangedFile } from "./types.ts";

const TYPES: Readonly<Record<string, ChangedFile["change_type"]>> = {
  A: "created",
  D: "deleted",
  M: "modified",
  T: "modified",
  R: "renamed",
};

interface Raw {
  readonly letter: string;
  readonly from: string;
  readonly to: string;
}

/**
 * Reads the two lists of one output.
 *
 * @param prefix Put before every path.
 * @returns Sorted by path.
 * @throws {Error} When the output is not of this form.
 */
export function parseSummary(text: string, prefix = ""): ChangedFile[] {
  const fields = text.split("\0");
  let at = 0;
  const next = (): string => {
    const field = fields[at++];
    if (field === undefined) throw new Error("The summary of changes is cut short");
    return field;
  };
  const raws = new Map<string, Raw>();
  while (fields[at]?.startsWith(":")) {
    // :100644 100755 <object> <object> R100
    const letter = next().split(" ")[4]?.[0] ?? "";
    const from = next();
    const to = letter === "R" || letter === "C" ? next() : from;
    raws.set(to, { letter, from, to });
  }
  const files: ChangedFile[] = [];
  while (at < fields.length && fields[at] !== "") {
    const [, added = "", deleted = "", name = ""] = next().match(/^(-|\d+)\t(-|\d+)\t([^]*)$/) ??
      [];
    // An empty name: that before and that after follow.
    const path = name === "" ? (next(), next()) : name;
    const raw = raws.get(path);
    const type = raw && TYPES[raw.letter];
    if (!type) throw new Error("The summary of changes is not understood");
    files.push({
      old_path: type === "renamed" ? prefix + raw.from : null,
      path: prefix + path,
      change_type: type,
      additions: Number.parseInt(added, 10) || 0,
      deletions: Number.parseInt(deleted, 10) || 0,
      binary: added === "-",
    });
  }
  if (files.length !== raws.size) throw new Error("The summary of changes is not whole");
  return files.sort((a, b) => a.path < b.path ? -1 : a.path > b.path ? 1 : 0);
}
