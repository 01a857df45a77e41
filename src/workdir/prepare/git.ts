/** Git as a child process of a preparation: boxed by the launcher, with nothing to ask and nobody to trust. */
import { AppError, errorText, signalProcess } from "../../platform/mod.ts";
import { LAUNCH_FAILED, launchErrorOf } from "../../scope/mod.ts";
import {
  credentialConfig,
  type GitCredential,
  secretsOf,
  withGitConfig,
} from "./git_environment.ts";
import { maskAddress } from "./remote.ts";
import type { PrepareSeam } from "./types.ts";

const GIT_MS = 30 * 60_000;
/** Longest time of a command that only looks at what is on disk. */
const LOCAL_MS = 60_000;
const LOW_SPEED_SECONDS = 60;
/** Of an output only this many last characters are kept. */
const MAX_OUTPUT = 256 * 1024;
/** After the process itself has ended, its children may hold the pipes for so long. */
const DRAIN_MS = 2000;
const PROGRESS_MS = 2000;

/** How a git command ended. */
export interface GitEnded {
  readonly code: number;
  readonly stdout: string;
  /** Credentials masked. */
  readonly stderr: string;
  /** Why we ended it, or null when it ended by itself. */
  readonly stopped: "cancelled" | "timeout" | null;
}

/** How a git command is to be run. */
export interface GitOptions {
  /** Directory git works in (`-C`): the launcher starts everything in the session's workdir. */
  readonly cwd: string;
  /** The command goes over the network; it gets the long limit, the credential, and tells its progress. */
  readonly network?: boolean;
}

/** Git with the credential of one request. */
export class Git {
  readonly #env: Record<string, string>;
  readonly #secrets: readonly string[];

  constructor(
    private readonly seam: PrepareSeam,
    private readonly credential: GitCredential | null,
  ) {
    this.#secrets = secretsOf(credential);
    this.#env = cleanEnvironment(seam.env);
  }

  /** `text` without the credential. */
  mask(text: string): string {
    const plain = this.#secrets.reduce((masked, secret) => masked.replaceAll(secret, "***"), text);
    return maskAddress(plain);
  }

  /**
   * Runs `git ARGS` to its end.
   *
   * @throws {AppError} `git_missing`, or the launcher's own error.
   */
  async run(args: readonly string[], options: GitOptions): Promise<GitEnded> {
    const { seam } = this;
    if (seam.signal.aborted) return { code: -1, stdout: "", stderr: "", stopped: "cancelled" };
    const child = this.#spawn(["-C", options.cwd, ...args], options);
    const ms = options.network ? seam.limits?.gitMs ?? GIT_MS : LOCAL_MS;
    let stopped: GitEnded["stopped"] = null;
    const stop = (why: "cancelled" | "timeout") => {
      stopped ??= why;
      killGroup(child.pid);
    };
    const timer = setTimeout(() => stop("timeout"), ms);
    const onAbort = () => stop("cancelled");
    seam.signal.addEventListener("abort", onAbort, { once: true });
    const stdout = new Tail(child.stdout);
    const onText = options.network ? progressReader(seam) : undefined;
    const stderr = new Tail(child.stderr, onText);
    try {
      const { code } = await child.status;
      await Promise.all([stdout.end(DRAIN_MS), stderr.end(DRAIN_MS)]);
      if (code === LAUNCH_FAILED) throwLaunchError(stderr.text);
      return {
        code,
        stdout: stdout.text,
        stderr: this.mask(stderr.text),
        stopped: code === 0 ? null : stopped,
      };
    } finally {
      clearTimeout(timer);
      seam.signal.removeEventListener("abort", onAbort);
    }
  }

  /**
   * Runs a command that is expected to succeed.
   *
   * @returns Its standard output, or null when it failed by itself.
   * @throws {AppError} As {@link run}, and `clone_cancelled` or `clone_timeout`.
   */
  async ask(args: readonly string[], cwd: string): Promise<string | null> {
    const ended = await this.run(args, { cwd });
    if (ended.stopped) throw stoppedError(ended.stopped);
    return ended.code === 0 ? ended.stdout : null;
  }

  #spawn(args: readonly string[], options: GitOptions): Deno.ChildProcess {
    const { seam } = this;
    const seconds = seam.limits?.lowSpeedSeconds ?? LOW_SPEED_SECONDS;
    const config: [string, string][] = [
      ...fixedConfig(seconds),
      ...(options.network ? credentialConfig(this.credential) : []),
    ];
    const env = withGitConfig(this.#env, config);
    if (options.network && this.credential) {
      env["WEGENT_GIT_LOGIN"] = this.credential.login;
      env["WEGENT_GIT_TOKEN"] = this.credential.token;
    }
    const [command = "git", ...rest] = [...seam.launch, "git", ...args];
    try {
      return new Deno.Command(command, {
        args: rest,
        cwd: "/",
        clearEnv: true,
        env,
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
        // A group of its own, so that its helpers can be ended with it; and no terminal to ask at.
        detached: Deno.build.os !== "windows",
      }).spawn();
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      throw gitMissing(error);
    }
  }
}

/** Environment of git for work on the disk alone, made of `given`: as {@link Git} has it. */
export function localGitEnvironment(given: Readonly<Record<string, string>>) {
  return withGitConfig(cleanEnvironment(given), fixedConfig(LOW_SPEED_SECONDS));
}

/** What no repository and no file of its owner may change about our own commands. */
function fixedConfig(lowSpeedSeconds: number): [string, string][] {
  return [
    ["core.hooksPath", "/dev/null"],
    ["core.fsmonitor", "false"],
    ["protocol.allow", "never"],
    ...["https", "http", "ssh", "git"].map((name): [string, string] => [
      `protocol.${name}.allow`,
      "always",
    ]),
    // Said expressly: a rule of the owner for one of them would win over the general one.
    ["protocol.file.allow", "never"],
    ["protocol.ext.allow", "never"],
    // The directory was judged by the resolver; whose it is does not matter to what is done here.
    ["safe.directory", "*"],
    ["http.lowSpeedLimit", "1000"],
    ["http.lowSpeedTime", String(lowSpeedSeconds)],
    ["gc.auto", "0"],
    ["maintenance.auto", "false"],
    ["advice.detachedHead", "false"],
    ["core.quotePath", "false"],
  ];
}

/** Variables of git that describe the owner's way to a server; all others bend what a command does. */
const KEPT_GIT =
  /^GIT_(?:SSH|SSH_COMMAND|SSH_VARIANT|SSL_\w+|ASKPASS|PROXY_\w+|HTTP_\w+|EXEC_PATH|CONFIG_(?:GLOBAL|SYSTEM|NOSYSTEM|COUNT|KEY_\d+|VALUE_\d+))$/;

function cleanEnvironment(given: Readonly<Record<string, string>>): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(given)) {
    if (/^GIT_/i.test(name) && !KEPT_GIT.test(name)) continue;
    // A window that asks for a password has nobody in front of it.
    if (/^(?:SSH_ASKPASS|SSH_ASKPASS_REQUIRE)$/.test(name)) continue;
    env[name] = value;
  }
  return { ...env, LC_ALL: "C", LANGUAGE: "C", GIT_TERMINAL_PROMPT: "0", GCM_INTERACTIVE: "never" };
}

/** Sends SIGKILL to a process and all of its group. */
function killGroup(pid: number): void {
  if (Deno.build.os === "windows") signalProcess(pid, "SIGKILL");
  // Before the child has become the leader of its group there is none yet.
  else if (!signalProcess(-pid, "SIGKILL")) signalProcess(pid, "SIGKILL");
}

/** Collects the end of a stream. */
class Tail {
  text = "";
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #done: Promise<void>;

  constructor(
    stream: ReadableStream<Uint8Array>,
    private readonly onText?: (text: string) => void,
  ) {
    this.#reader = stream.getReader();
    this.#done = this.#read();
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    for (;;) {
      const { value, done } = await this.#reader.read();
      const piece = done ? decoder.decode() : decoder.decode(value, { stream: true });
      this.text = (this.text + piece).slice(-MAX_OUTPUT);
      if (piece) this.onText?.(piece);
      if (done) return;
    }
  }

  /** Waits until the stream has ended, at most `ms`; then lets go of it. */
  async end(ms: number): Promise<void> {
    const timer = setTimeout(() => void this.#reader.cancel(), ms);
    try {
      await this.#done;
    } finally {
      clearTimeout(timer);
    }
  }
}

const STAGES: Readonly<Record<string, string>> = {
  "Counting objects": "Counting objects",
  "Compressing objects": "Compressing objects",
  "Receiving objects": "Receiving objects",
  "Resolving deltas": "Resolving deltas",
  "Updating files": "Writing files",
  "Filtering content": "Fetching large files",
};

/** Turns git's progress into a sentence now and then. */
function progressReader(seam: PrepareSeam): (text: string) => void {
  let last = performance.now();
  let told = "";
  return (piece) => {
    const line = piece.split(/[\r\n]/).findLast((text) => /\d+%/.test(text)) ?? "";
    const [, stage = "", percent] = line.match(/([A-Z][a-z]+ [a-z]+):\s+(\d+)%/) ?? [];
    const text = STAGES[stage] && `${STAGES[stage]}: ${percent}%`;
    if (!text || text === told || performance.now() - last < PROGRESS_MS) return;
    last = performance.now();
    told = text;
    seam.onProgress(text);
  };
}

function throwLaunchError(stderr: string): void {
  const error = launchErrorOf(stderr);
  if (error === null) return;
  if (error.code === "command_not_found") throw gitMissing(error);
  throw new AppError(error.code, error.message, error.remedy ? { remedy: error.remedy } : {});
}

function gitMissing(cause: unknown): AppError {
  return new AppError("git_missing", "Cannot find git on this device", {
    remedy: "Install git and make sure it is on PATH",
    cause,
  });
}

/** The error of a command that we ended. */
export function stoppedError(why: "cancelled" | "timeout"): AppError {
  return why === "cancelled"
    ? new AppError("clone_cancelled", "The repository's preparation was cancelled", {
      remedy: "Send the message again to start over",
    })
    : new AppError("clone_timeout", "The repository's server took too long", {
      remedy: "Try again later; for a large repository clone it by hand and choose its directory",
    });
}

/** The sentence git's own output ends with, for errors nobody has better words for. */
export function lastWords(stderr: string): string {
  const lines = stderr.split(/[\r\n]+/).map((line) => line.trim()).filter(Boolean);
  const said = lines.findLast((line) => /^(?:fatal|error):/.test(line)) ?? lines.at(-1) ?? "";
  return errorText(said.replace(/^(?:fatal|error): /, "").replace(/\.$/, "") || "no reason given")
    .slice(0, 300);
}
