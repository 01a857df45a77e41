/** What the parts of a preparation hand to each other and to the turn. */
import type { Attachment } from "../../protocol/mod.ts";
import type { Hook } from "./hook.ts";

/** Who a repository is fetched as, as the request says it. */
export interface GitIdentity {
  /** Plain (decrypted) access token; null: anonymous, or the owner's own helpers and keys. */
  readonly token: string | null;
  readonly login: string | null;
  readonly id: string | null;
  readonly email: string | null;
  /** Host the token belongs to, such as `gitlab.example.com:8443`; null: the host of the URL. */
  readonly domain: string | null;
}

/** A repository a session is to have. */
export interface CloneJob {
  readonly url: string;
  readonly branch: string | null;
  /** Directory of the checkout: the workdir itself, or a directory directly in it. */
  readonly into: string;
}

/** Everything that is done to a directory before a turn. */
export interface PrepareJob {
  readonly taskId: number;
  readonly subtaskId: number;
  /** Directory of the session; it exists and is absolute, with links resolved. */
  readonly workdir: string;
  /** Who chose the directory. */
  readonly origin: "session" | "project" | "bot" | "chat" | "clone" | "managed";
  /**
   * No preparation of this task in this directory has succeeded yet: a branch may be switched and a
   * checkout that does not fit is an error. Later nothing that is there is touched.
   */
  readonly firstTurn: boolean;
  /** Null: there is nothing to clone. */
  readonly clone: CloneJob | null;
  readonly git: GitIdentity;
  readonly attachments: readonly Attachment[];
  /** Directory for this turn's attachments, absolute; made here when there are any. */
  readonly attachmentsDir: string;
  /** Base URL of the server that has the attachments. */
  readonly downloadBase: string;
  /** Bearer for {@link downloadBase}; empty: nothing is downloaded and the prompt stays as it is. */
  readonly authToken: string;
  /** State of ours lies in `<workdir>/.wegent`, so git must be told to leave it alone. */
  readonly ownState: boolean;
  /** Instruction files of other agents in a project. @default [] */
  readonly instructionFiles?: readonly string[];
  /** Null or absent: nothing. */
  readonly hook?: Hook | null;
  /** The task's directory below the workspace root. @default workdir */
  readonly taskDir?: string | null;
  /** Address of the request's repository, also where nothing is cloned. */
  readonly gitUrl?: string | null;
}

/** The world of a preparation. */
export interface PrepareSeam {
  /** Argv that starts the command appended to it through the launcher; empty: started directly. */
  readonly launch: readonly string[];
  /** Environment of git and of the downloads (proxy, certificates); it is cleaned here. */
  readonly env: Readonly<Record<string, string>>;
  /** Ends the preparation; git's whole process group is killed. */
  readonly signal: AbortSignal;
  /** Told in plain words how far it is, at most every two seconds. */
  onProgress(text: string): void;
  readonly limits?: PrepareLimits;
}

/** Limits, shortened by tests. */
export interface PrepareLimits {
  /** Longest time of one git command in milliseconds. @default 1_800_000 */
  readonly gitMs?: number;
  /** Seconds below 1000 bytes per second after which git gives up a transfer. @default 60 */
  readonly lowSpeedSeconds?: number;
  /** Longest time of one download in milliseconds. @default 300_000 */
  readonly downloadMs?: number;
  /** Largest attachment in bytes. @default 209_715_200 */
  readonly maxAttachment?: number;
}

/** What became of one attachment; `path` or `error` is set. */
export interface AttachmentOutcome {
  /** As the prompt names it in `[attachment:{id}]`; null when the request gave none. */
  readonly id: string | null;
  /** Name the server gave it; empty when it gave none. */
  readonly filename: string;
  readonly mimeType: string;
  /** Size on disk in bytes, or what the server announced. */
  readonly size: number | null;
  readonly path: string | null;
  readonly error: string | null;
}

/** Result of a preparation. */
export interface Prepared {
  /** Sentences for the person: what was cloned or left alone, and what did not work but is no error. */
  readonly notes: readonly string[];
  readonly attachments: readonly AttachmentOutcome[];
  /** Values that must not appear in a log or a message. */
  readonly secrets: readonly string[];
  /** True when this preparation made the checkout. */
  readonly cloned: boolean;
  /** The end of what the hook printed, for the log; empty when there is none. */
  readonly hookOutput: string;
}
