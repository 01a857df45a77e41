/**
 * The launcher: the hidden subcommand through which every child process of ours starts.
 *
 *     __launch --policy FILE --kind agent -- COMMAND ARGS…
 *
 * It repeats the check of the working directory at the moment of use, gives up root's powers, applies
 * the sandbox and becomes the command. Its whole start counts for every command an agent runs, so it
 * imports no package.
 */
import { AppError, errorText, toAppError } from "../platform/errors.ts";
import * as libc from "../platform/libc.ts";
import { planBox } from "./box.ts";
import { dropCapabilities } from "./capabilities.ts";
import { enter } from "./disk.ts";
import { landlockAbi, restrictSelf } from "./landlock.ts";
import { beyondFlags, isWithin, parent } from "./paths.ts";
import {
  LAUNCH_KINDS,
  type LaunchKind,
  oneOf,
  outsideRoots,
  parsePolicy,
  type Policy,
} from "./policy.ts";

/** Name of the subcommand. */
export const LAUNCH_COMMAND = "__launch";

/** Exit status when the command was not started; {@link LaunchError} says why. */
export const LAUNCH_FAILED = 126;

/** The one line of JSON on standard error when the command was not started. */
export interface LaunchError {
  readonly launch_error: {
    readonly code: string;
    readonly message: string;
    readonly remedy?: string;
  };
}

/** Arguments that make our own program (see `selfCommand()`) launch `argv`. */
export function launchArgs(
  policyPath: string,
  kind: LaunchKind,
  argv: readonly string[],
): string[] {
  return [LAUNCH_COMMAND, "--policy", policyPath, "--kind", kind, "--", ...argv];
}

/**
 * The error in a launcher's standard error, or null when the text is the command's own.
 *
 * @param stderr What an ended process with status {@link LAUNCH_FAILED} wrote.
 */
export function launchErrorOf(stderr: string): LaunchError["launch_error"] | null {
  const line = stderr.split("\n").find((text) => text.startsWith('{"launch_error":'));
  if (line === undefined) return null;
  try {
    return (JSON.parse(line) as LaunchError).launch_error;
  } catch (error) {
    // A line of that beginning cut short by a dying process is no error of ours.
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Runs the subcommand; `args` are those after its name. Never returns. */
export function runLauncher(args: readonly string[]): never {
  try {
    const { policyPath, kind, argv } = parseArgs(args);
    launch(policyPath, kind, argv);
  } catch (error) {
    const line: LaunchError = { launch_error: toAppError(error, "launch_failed").toJSON() };
    Deno.stderr.writeSync(new TextEncoder().encode(`${JSON.stringify(line)}\n`));
    Deno.exit(LAUNCH_FAILED);
  }
}

function parseArgs(
  args: readonly string[],
): { policyPath: string; kind: LaunchKind; argv: string[] } {
  const [first, policyPath, second, kind, dashes, ...argv] = args;
  if (
    first !== "--policy" || !policyPath || second !== "--kind" || dashes !== "--" ||
    argv.length === 0
  ) {
    throw new AppError("launch_usage", "Expected --policy FILE --kind KIND -- COMMAND ARGS");
  }
  return { policyPath, kind: oneOf(kind, LAUNCH_KINDS, "--kind"), argv };
}

/**
 * Becomes `argv` with the rights that the policy file gives to `kind`. Never returns.
 *
 * The command is looked up in PATH. Without `env` it gets this process's environment; TMPDIR is set when
 * the box has a directory for it.
 *
 * @throws {AppError} `policy_unreadable`, `policy_invalid`, `workdir_missing`, `workdir_outside_roots`,
 *   `sandbox_unavailable`, `sandbox_failed`, `write_path_moved`, `capabilities_kept`,
 *   `command_not_found` or `exec_failed`.
 */
export function launch(
  policyPath: string,
  kind: LaunchKind,
  argv: readonly string[],
  env?: Readonly<Record<string, string>>,
): never {
  const policy = readPolicy(policyPath);
  const box = policy.boxes[kind];
  if (box === undefined) {
    throw new AppError("policy_invalid", `The policy has no box for "${kind}"`);
  }
  enterWorkdir(policy);
  if (box.tmpDir !== undefined) ensureTmpDir(box.tmpDir);
  confine(policy, kind);
  if (box.tmpDir !== undefined) {
    for (const name of ["TMPDIR", "TMP", "TEMP"]) {
      if (env) env = { ...env, [name]: box.tmpDir };
      else Deno.env.set(name, box.tmpDir);
    }
  }
  exec(argv, env);
}

function readPolicy(path: string): Policy {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    throw new AppError(
      "policy_unreadable",
      `Cannot read the policy "${path}": ${errorText(error)}`,
      { cause: error },
    );
  }
  return parsePolicy(text);
}

/**
 * Goes to the workdir first and asks afterwards where that is: what the kernel says about the directory
 * this process stands in can no longer be swapped for something else.
 */
function enterWorkdir(policy: Policy): void {
  try {
    chdir(policy.workdir);
  } catch (error) {
    throw new AppError(
      "workdir_missing",
      `Cannot enter the working directory "${policy.workdir}": ${errorText(error)}`,
      {
        remedy: "Create it, or choose another one",
        cause: error,
      },
    );
  }
  const actual = Deno.cwd();
  // The roots were resolved for the policy: a root that has become a link since then holds nothing.
  if (!policy.roots.some((root) => isWithin(root, actual))) {
    throw outsideRoots(actual, policy.roots);
  }
}

function chdir(path: string): void {
  try {
    Deno.chdir(path);
  } catch (error) {
    if (!beyondFlags(error)) throw error;
    enter(path);
  }
}

/**
 * Before the sandbox, which would only see a missing directory. Nothing is made behind a link: the
 * sandbox refuses that place anyway, but by then there would be a directory in it.
 */
function ensureTmpDir(path: string): void {
  const above = parent(path);
  if (Deno.build.os === "windows") return Deno.mkdirSync(path, { recursive: true });
  const fd = libc.open(above, libc.O.RDONLY | libc.O.DIRECTORY | libc.O.CLOEXEC);
  // A missing parent shows when the command writes.
  if (fd < 0) return;
  try {
    const linked = Deno.build.os === "linux" && libc.readlink(`/proc/self/fd/${fd}`) !== above;
    if (linked) return;
    const made = libc.mkdirat(fd, path.slice(above.length).replace(/^\/+/, ""), 0o700);
    // One made by an earlier launch is fine; a link there is not followed, since it exists.
    if (made !== -libc.ERRNO.EEXIST) libc.check(made, `Cannot make "${path}"`);
  } finally {
    libc.close(fd);
  }
}

/** Applies the box of `kind` to this thread, unless mode and system let it go on unsandboxed. */
function confine(policy: Policy, kind: LaunchKind): void {
  const box = policy.boxes[kind];
  if (policy.mode === "off" || box === undefined) return;
  const abi = landlockAbi();
  if (abi === 0) {
    if (policy.mode === "workdir") return;
    throw new AppError(
      "sandbox_unavailable",
      "The sandbox is required, but this system has no Landlock",
      {
        remedy: "Use Linux 5.13 or later with Landlock enabled, or set sandbox.mode to workdir",
      },
    );
  }
  dropCapabilities();
  restrictSelf(planBox(box), { abi });
}

function exec(argv: readonly string[], env: Readonly<Record<string, string>> | undefined): never {
  const [command = ""] = argv;
  let refused: number | undefined;
  for (const path of candidates(command, env?.PATH ?? Deno.env.get("PATH"))) {
    let outcome = libc.tryExecve(path, argv, env);
    // A script without `#!`: run by the shell, as execvp does.
    if (outcome === -libc.ERRNO.ENOEXEC) {
      outcome = libc.tryExecve("/bin/sh", ["sh", path, ...argv.slice(1)], env);
    }
    if (outcome !== -libc.ERRNO.ENOENT && outcome !== -libc.ERRNO.ENOTDIR) refused ??= outcome;
  }
  if (refused === undefined) {
    throw new AppError("command_not_found", `Cannot find the command "${command}"`, {
      remedy: "Install it, or give its full path",
    });
  }
  throw new AppError("exec_failed", `Cannot run "${command}": ${libc.errnoText(refused)}`, {
    remedy: "Check that the file exists and may be executed",
  });
}

function candidates(command: string, path: string | undefined): string[] {
  if (command.includes("/")) return [command];
  if (command === "") return [];
  return (path ?? "/usr/local/bin:/usr/bin:/bin").split(":").map((dir) =>
    `${dir || "."}/${command}`
  );
}
