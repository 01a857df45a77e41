/**
 * Landlock: the kernel's fence for one process and all that come from it (Linux 5.13 and later).
 *
 * Handled are all file-system rights the running kernel knows up to ABI 7, and from ABI 6 the scopes
 * for signals and abstract Unix sockets. Not handled: TCP ports (agents need the network). Besides,
 * Landlock by itself keeps a boxed process from tracing one outside, which also closes
 * `/proc/<pid>/environ`, `mem` and `root` of other processes.
 */
import { AppError } from "../platform/errors.ts";
import * as libc from "../platform/libc.ts";
import type { Access, BoxRule } from "./box.ts";

const RIGHT = {
  EXECUTE: 1n << 0n,
  WRITE_FILE: 1n << 1n,
  READ_FILE: 1n << 2n,
  READ_DIR: 1n << 3n,
  REMOVE_DIR: 1n << 4n,
  REMOVE_FILE: 1n << 5n,
  MAKE_CHAR: 1n << 6n,
  MAKE_DIR: 1n << 7n,
  MAKE_REG: 1n << 8n,
  MAKE_SOCK: 1n << 9n,
  MAKE_FIFO: 1n << 10n,
  MAKE_BLOCK: 1n << 11n,
  MAKE_SYM: 1n << 12n,
  /** From ABI 2: renaming and linking between directories, denied without it. */
  REFER: 1n << 13n,
  /** From ABI 3. */
  TRUNCATE: 1n << 14n,
  /** From ABI 5. */
  IOCTL_DEV: 1n << 15n,
} as const;

const SCOPE_ABSTRACT_UNIX_SOCKET = 1n << 0n;
const SCOPE_SIGNAL = 1n << 1n;

const READ = RIGHT.EXECUTE | RIGHT.READ_FILE | RIGHT.READ_DIR;

/**
 * Rights of each kind of grant. Every writable tree gets the same set: Landlock lets a file move only
 * to a place that grants it nothing new, so an extra right in one tree would stop moves into it.
 */
const ACCESS: Readonly<Record<Access, bigint>> = {
  list: RIGHT.READ_DIR,
  read: READ,
  write: READ | RIGHT.WRITE_FILE | RIGHT.REMOVE_DIR | RIGHT.REMOVE_FILE | RIGHT.MAKE_DIR |
    RIGHT.MAKE_REG |
    RIGHT.MAKE_SOCK | RIGHT.MAKE_FIFO | RIGHT.MAKE_SYM | RIGHT.REFER | RIGHT.TRUNCATE,
  device: RIGHT.READ_FILE | RIGHT.READ_DIR | RIGHT.WRITE_FILE | RIGHT.TRUNCATE | RIGHT.IOCTL_DEV,
};

/** Rights that exist for something other than a directory. */
const FILE_RIGHTS = RIGHT.EXECUTE | RIGHT.WRITE_FILE | RIGHT.READ_FILE | RIGHT.TRUNCATE |
  RIGHT.IOCTL_DEV;

/** What a kernel's ABI lets us handle. */
export interface LandlockFeatures {
  readonly fs: bigint;
  readonly scoped: bigint;
}

/** Newest ABI whose meaning this program knows. */
const NEWEST_ABI = 7;

/** The rights and scopes of `abi` (1 or more). */
export function landlockFeatures(abi: number): LandlockFeatures {
  let fs = (1n << 13n) - 1n;
  if (abi >= 2) fs |= RIGHT.REFER;
  if (abi >= 3) fs |= RIGHT.TRUNCATE;
  if (abi >= 5) fs |= RIGHT.IOCTL_DEV;
  return { fs, scoped: abi >= 6 ? SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL : 0n };
}

/** Landlock's ABI on this kernel, 0 when there is none. Needs `--allow-ffi`. */
export function landlockAbi(): number {
  if (Deno.build.os !== "linux" || !libc.libcAvailable()) return 0;
  const abi = libc.syscall(SYSCALL.createRuleset, 0, 0, 1);
  return abi > 0 ? Math.min(abi, NEWEST_ABI) : 0;
}

/** Linux's number for "file descriptor in bad state". */
const EBADFD = 77;

/** Numbers of the system calls, the same on every architecture. */
const SYSCALL = { createRuleset: 444, addRule: 445, restrictSelf: 446 } as const;

/** How to apply a plan; the defaults are for the launcher. */
export interface RestrictOptions {
  /** @default The kernel's. */
  readonly abi?: number;
}

/**
 * Fences the calling thread in, for good; the process that follows by `execve` inherits it. The thread
 * gets no_new_privs first, as the kernel demands.
 *
 * A path of the plan that does not exist is skipped. A writable path must still be where it was when the
 * policy was made: one that has become a link since then is refused.
 *
 * @throws {AppError} `sandbox_failed`, or `write_path_moved`.
 */
export function restrictSelf(plan: readonly BoxRule[], options: RestrictOptions = {}): void {
  const abi = options.abi ?? landlockAbi();
  const features = landlockFeatures(abi);
  attempt(libc.prctl(libc.PR.SET_NO_NEW_PRIVS, 1), "Cannot set no_new_privs");
  const ruleset = createRuleset(abi, features);
  try {
    for (const rule of plan) grant(ruleset, rule, features);
    attempt(libc.syscall(SYSCALL.restrictSelf, ruleset, 0), "Cannot apply the sandbox");
  } finally {
    libc.close(ruleset);
  }
}

function createRuleset(abi: number, { fs, scoped }: LandlockFeatures): number {
  const arena = new libc.Arena(32);
  const address = arena.put(new Uint8Array(BigUint64Array.of(fs, 0n, scoped).buffer));
  // The structure grew with the ABI: file system, then network, then scopes.
  const size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
  const ruleset = libc.syscall(SYSCALL.createRuleset, address, size, 0);
  arena.put(new Uint8Array(0));
  return attempt(ruleset, "Cannot create the sandbox");
}

function grant(ruleset: number, rule: BoxRule, features: LandlockFeatures): void {
  const own = rule.access === "write" && !rule.system;
  // A read grant comes from a listing without links: one swapped in since then must not be followed.
  const follow = own || rule.system ? 0 : libc.O.NOFOLLOW;
  const fd = libc.open(rule.path, libc.O.PATH | libc.O.CLOEXEC | follow);
  if (fd === -libc.ERRNO.ENOENT || fd === -libc.ERRNO.ENOTDIR || fd === -libc.ERRNO.EACCES) return;
  attempt(fd, `Cannot open "${rule.path}" for the sandbox`);
  try {
    if (own) assertInPlace(fd, rule.path);
    const rights = ACCESS[rule.access] & features.fs & (rule.file ? FILE_RIGHTS : features.fs);
    let outcome = addRule(ruleset, rights, fd);
    // The kernel refuses rights of directories for anything else. Whatever the refusal is, fewer rights are
    // tried: the runtime may do something between the call and the look at errno, which then differs.
    if (outcome < 0) outcome = addRule(ruleset, rights & FILE_RIGHTS, fd);
    // Files of the kernel's own file systems cannot be granted; Landlock does not restrict them either.
    if (outcome !== -EBADFD) attempt(outcome, `Cannot grant "${rule.path}" in the sandbox`);
  } finally {
    libc.close(fd);
  }
}

/** The descriptor is what gets granted, so its path is looked at after opening, not before. */
function assertInPlace(fd: number, path: string): void {
  const actual = libc.readlink(`/proc/self/fd/${fd}`);
  if (actual === path) return;
  if (typeof actual === "number") attempt(actual, "Cannot look at /proc/self/fd");
  throw new AppError(
    "write_path_moved",
    `Expected "${path}" to be no link, but it leads to "${actual}"`,
    { remedy: "Remove the link; the next session may then write there" },
  );
}

function addRule(ruleset: number, rights: bigint, fd: number): number {
  // struct landlock_path_beneath_attr is packed: a u64 and an i32.
  const attributes = new Uint8Array(12);
  const view = new DataView(attributes.buffer);
  view.setBigUint64(0, rights, true);
  view.setInt32(8, fd, true);
  const arena = new libc.Arena(16);
  const outcome = libc.syscall(SYSCALL.addRule, ruleset, 1, arena.put(attributes), 0);
  arena.put(new Uint8Array(0));
  return outcome;
}

function attempt(value: number, what: string): number {
  if (value >= 0) return value;
  throw new AppError("sandbox_failed", `${what}: ${libc.errnoText(value)}`, {
    remedy: "Set sandbox.mode to off if this system cannot run the sandbox",
  });
}
