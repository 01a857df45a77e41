/** What git's complaints mean, in words for the person who chose the repository. */
import { AppError } from "../../platform/mod.ts";
import { type GitEnded, lastWords, stoppedError } from "./git.ts";
import type { Remote } from "./remote.ts";

/** Codes of the errors made here. */
export type GitFailureCode =
  | "clone_auth"
  | "clone_network"
  | "clone_disk_full"
  | "clone_not_found"
  | "branch_not_found"
  | "clone_failed";

/** The first row that matches counts: a full disk also breaks the connection, which git complains of too. */
const MEANINGS: readonly [GitFailureCode, RegExp][] = [
  [
    "clone_disk_full",
    // In a directory just made, writing fails for no other reason, which git often does not tell.
    /No space left on device|Disk quota exceeded|ENOSPC|File too large|unable to write (?:file|new index|loose|sha1)/i,
  ],
  [
    "branch_not_found",
    /Remote branch .+ not found|couldn't find remote ref|invalid reference:|no such ref was fetched/i,
  ],
  [
    "clone_auth",
    /Authentication failed|could not read (?:Username|Password)|terminal prompts disabled|Permission denied \(|returned error: 40[13]|HTTP Basic: Access denied|Host key verification failed|Invalid username or (?:password|token)|not authorized|access denied/i,
  ],
  [
    "clone_not_found",
    /repository '.*' not found|returned error: 404|Repository not found|does not appear to be a git repository|project you were looking for could not be found|not valid: is this a git repository/i,
  ],
  [
    "clone_network",
    /Could not resolve|Failed to connect|Couldn't connect|Connection (?:refused|timed out|reset|closed)|Operation (?:too slow|timed out)|unreachable|early EOF|unexpected disconnect|RPC failed|Empty reply|hung up|SSL|certificate|gnutls|returned error: 5\d\d|transfer closed|proxy/i,
  ],
];

/** What the output of a failed command means. */
export function failureCode(stderr: string): GitFailureCode {
  return MEANINGS.find(([, words]) => words.test(stderr))?.[0] ?? "clone_failed";
}

/** What the error is about. */
export interface FailureFacts {
  readonly remote: Remote;
  readonly branch: string | null;
  /** A token was there to be used. */
  readonly withToken: boolean;
}

/** The error for a command that did not succeed; the output must be masked. */
export function gitFailure(ended: GitEnded, facts: FailureFacts): AppError {
  if (ended.stopped) return stoppedError(ended.stopped);
  const code = failureCode(ended.stderr);
  const { message, remedy } = WORDS[code](facts, lastWords(ended.stderr));
  return new AppError(code, message, { remedy });
}

type Words = (facts: FailureFacts, said: string) => { message: string; remedy: string };

const WORDS: Readonly<Record<GitFailureCode, Words>> = {
  clone_auth: ({ remote, withToken }, said) => {
    if (said.includes("Host key verification failed")) {
      return {
        message: `This device does not know the key of the server "${remote.host}"`,
        remedy: `Connect once with ssh ${remote.host} on the device and accept the key`,
      };
    }
    return withToken
      ? {
        message: `The server "${remote.host}" refused the access token for "${remote.path}"`,
        remedy:
          "Renew the token in the server's settings, or check that it may read the repository",
      }
      : {
        message: `The server "${remote.host}" wants a login for "${remote.path}"`,
        remedy:
          "Add an access token in the settings, or log in to the server with git on the device",
      };
  },
  clone_not_found: ({ remote }) => ({
    message: `The server "${remote.host}" has no repository "${remote.path}", or does not show it`,
    remedy: "Check the address and that the account may read the repository",
  }),
  branch_not_found: ({ remote, branch }) => ({
    message: `The repository "${remote.path}" has no branch "${branch ?? ""}"`,
    remedy: "Choose a branch that exists on the server",
  }),
  clone_network: ({ remote }, said) => ({
    message: `Cannot fetch "${remote.path}" from "${remote.host}": ${said}`,
    remedy: "Check the device's connection to the server and send the message again",
  }),
  clone_disk_full: ({ remote }) => ({
    message: `The disk has no room for the repository "${remote.path}"`,
    remedy: "Free some space on the device and send the message again",
  }),
  clone_failed: ({ remote }, said) => ({
    message: `Git could not fetch "${remote.path}" from "${remote.host}": ${said}`,
    remedy: "Try the same command with git on the device",
  }),
};
