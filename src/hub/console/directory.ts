/** Directories in words: what a person chose, what the device reported, and what may be wrong. Pure. */
import type {
  DirectoryChoice,
  DirectoryPolicy,
  TaskWorkdir,
  WorkdirFacts,
} from "../../protocol/mod.ts";

export const MANAGED: DirectoryChoice = {
  policy: "managed",
  workdir: null,
  git_url: null,
  branch_name: null,
};

/** The facts a path is read with; null: the device is not here to say. */
type Facts = Pick<WorkdirFacts, "home" | "workspace_root" | "roots"> | null;

/** The members of `chat:send` for a choice. A new conversation is managed by itself. */
export function choiceFields(choice: DirectoryChoice | null, isNew: boolean): object {
  if (!choice || (isNew && choice.policy === "managed")) return {};
  const { policy, workdir, git_url, branch_name } = choice;
  return {
    workdir_policy: policy,
    ...(workdir && { workdir }),
    ...(git_url && { git_url }),
    ...(branch_name && { branch_name }),
  };
}

/** What was typed, as a choice: members that do not belong to the policy and empty ones are left out. */
export function choiceOf(
  policy: DirectoryPolicy,
  typed: { workdir: string; git_url: string; branch_name: string },
): DirectoryChoice {
  const workdir = typed.workdir.trim() || null;
  if (policy === "existing") return { ...MANAGED, policy, workdir };
  if (policy !== "repo_bound") return { ...MANAGED, policy };
  return {
    policy,
    workdir,
    git_url: typed.git_url.trim() || null,
    branch_name: typed.branch_name.trim() || null,
  };
}

/** A choice read from the browser's storage; null: there is none, or it is no choice. */
export function parseChoice(text: string | null): DirectoryChoice | null {
  if (text === null) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // Storage is the person's to edit; what is broken counts as absent.
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  if (typeof value !== "object" || value === null) return null;
  const { policy, workdir, git_url, branch_name } = value as Record<string, unknown>;
  const typed = [workdir, git_url, branch_name].map((v) => typeof v === "string" ? v : "");
  const [path = "", url = "", branch = ""] = typed;
  if (policy === "existing" && path || policy === "repo_bound" && url || policy === "chat") {
    return choiceOf(policy, { workdir: path, git_url: url, branch_name: branch });
  }
  return policy === "managed" ? MANAGED : null;
}

/** A choice in a few words, such as `~/Projects/A` or `app (main)`. */
export function choiceText(choice: DirectoryChoice, facts: Facts): string {
  switch (choice.policy) {
    case "managed":
      return "Managed";
    case "chat":
      return "Dated folder";
    case "existing":
      return shownPath(choice.workdir ?? "", facts);
    case "repo_bound": {
      const { git_url, branch_name } = choice;
      return repoName(git_url ?? "") + (branch_name ? ` (${branch_name})` : "");
    }
  }
}

/** Where a conversation works, or what it asked for while the device has not answered. */
export function workdirText(workdir: TaskWorkdir | null, facts: Facts): string {
  if (workdir?.path) return shownPath(workdir.path, facts);
  if (!workdir?.policy) return "Managed";
  return choiceText({ ...workdir, policy: workdir.policy }, facts);
}

/** What was chosen for a conversation; null: nothing. */
export function workdirChoice(workdir: TaskWorkdir | null): DirectoryChoice | null {
  if (!workdir?.policy) return null;
  const { policy, git_url, branch_name } = workdir;
  return { policy, workdir: workdir.workdir, git_url, branch_name };
}

/** `path` with `~` for the owner's home. */
export function shownPath(path: string, facts: Facts): string {
  const home = facts ? bare(facts.home) : "";
  if (home === "" || !path.startsWith(home)) return path;
  const rest = path.slice(home.length);
  return rest === "" ? "~" : /^[\\/]/.test(rest) ? `~${rest}` : path;
}

/** The last part of a repository's address, such as `app`. */
export function repoName(url: string): string {
  const name = url.replace(/[\\/]+$/, "").split(/[\\/:]/).at(-1) ?? "";
  return name.replace(/\.git$/, "") || url;
}

/**
 * What a person should know of a path before sending it. Only a hint: links, and what is really there,
 * are seen by the device alone, and it decides.
 */
export function pathHint(typed: string, facts: Facts): string | null {
  const path = typed.trim();
  if (path === "" || !facts) return null;
  const windows = /^[a-z]:/i.test(facts.home);
  const absolute = windows ? /^[a-z]:[\\/]/i : /^\//;
  if (!absolute.test(path) && !/^~([\\/]|$)/.test(path)) {
    return `Write the whole path, beginning with ${windows ? "a drive" : "/"} or ~/.`;
  }
  const wanted = parts(path, facts.home, windows);
  const home = parts(facts.home, facts.home, windows);
  if (wanted.join("/") === home.join("/")) {
    return "The home directory itself is not used; choose a directory inside it.";
  }
  const roots = [...facts.roots, facts.workspace_root];
  if (roots.some((root) => isInside(wanted, parts(root, facts.home, windows)))) return null;
  return "Outside the directories this device allows, so it would fall back to a managed one. " +
    `Its owner can allow it: wegent-executor roots add ${argument(path, facts)}`;
}

/** Components of a path, `~`, `.` and `..` resolved. */
function parts(path: string, home: string, windows: boolean): string[] {
  const full = /^~([\\/]|$)/.test(path) ? bare(home) + path.slice(1) : path;
  const result: string[] = [];
  for (const part of full.split(windows ? /[\\/]/ : "/")) {
    if (part === "..") result.pop();
    else if (part !== "" && part !== ".") result.push(windows ? part.toLowerCase() : part);
  }
  return result;
}

function isInside(path: readonly string[], root: readonly string[]): boolean {
  return root.every((part, index) => path[index] === part);
}

/** Without separators at the end. */
function bare(path: string): string {
  return path.replace(/[\\/]+$/, "");
}

/** A path as one word of a command line; in quotes no shell reads `~`. */
function argument(path: string, facts: NonNullable<Facts>): string {
  const short = shownPath(path, facts);
  if (/^[\w~./-]+$/.test(short)) return short;
  const full = /^~([\\/]|$)/.test(path) ? bare(facts.home) + path.slice(1) : path;
  return `'${full.replaceAll("'", "'\\''")}'`;
}
