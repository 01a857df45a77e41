/**
 * The C library through FFI: what Deno has no API for (Linux, and macOS where the call exists).
 *
 * Every call returns what the kernel would: a value from 0 up, or a negative errno (`-13` = EACCES).
 * {@link check} turns the latter into an {@link AppError}. Nothing here blocks longer than the call it
 * is named after; the library is opened on first use, so importing this module costs nothing.
 *
 * Rights of a thread (no_new_privs, capabilities, Landlock) change the calling thread only. They reach
 * a whole process when {@link execve} follows on the same thread, which is how the launcher uses them.
 *
 * Needs `--allow-ffi`. On Windows {@link libcAvailable} is false and every call throws
 * `libc_unavailable`, except {@link lockFile}.
 */
import { result, symbol } from "./_libc_symbols.ts";
import { AppError } from "./errors.ts";

export { libcAvailable, openAllOfLibc } from "./_libc_symbols.ts";

const linux = Deno.build.os === "linux";
const darwin = Deno.build.os === "darwin";
const arm64 = Deno.build.arch === "aarch64";

/** First argument of {@link prctl}. Linux only. */
export const PR = {
  SET_PDEATHSIG: 1,
  SET_DUMPABLE: 4,
  CAPBSET_READ: 23,
  CAPBSET_DROP: 24,
  SET_CHILD_SUBREAPER: 36,
  GET_CHILD_SUBREAPER: 37,
  SET_NO_NEW_PRIVS: 38,
  GET_NO_NEW_PRIVS: 39,
  CAP_AMBIENT: 47,
  CAP_AMBIENT_CLEAR_ALL: 4,
} as const;

/** Numbers of errors this program tells apart. */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  ENOEXEC: 8,
  EBADF: 9,
  ECHILD: 10,
  EAGAIN: darwin ? 35 : 11,
  EACCES: 13,
  EEXIST: 17,
  ENOTDIR: 20,
  EINVAL: 22,
  EMFILE: 24,
  ENOSYS: darwin ? 78 : 38,
  ELOOP: darwin ? 62 : 40,
  EOPNOTSUPP: darwin ? 102 : 95,
} as const;

/** Flags of {@link open}; zero where the system has no such flag. */
export const O = {
  RDONLY: 0,
  WRONLY: 1,
  RDWR: 2,
  NONBLOCK: darwin ? 0x4 : 0x800,
  NOFOLLOW: darwin ? 0x100 : arm64 ? 0x8000 : 0x20000,
  DIRECTORY: darwin ? 0x100000 : arm64 ? 0x4000 : 0x10000,
  CLOEXEC: darwin ? 0x1000000 : 0x80000,
  /** A handle on the path itself: no right to the content is needed and nothing is triggered. */
  PATH: linux ? 0x200000 : 0,
} as const;

/** Commands of {@link fcntl}. */
export const F = {
  GETFD: 1,
  SETFD: 2,
  GETFL: 3,
  SETFL: 4,
  FD_CLOEXEC: 1,
} as const;

const LOCK_EXCLUSIVE = 2;
const LOCK_NONBLOCKING = 4;
const LOCK_RELEASE = 8;

/** A string as the C library wants it. @throws {AppError} `nul_in_string`. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  if (text.includes("\0")) {
    throw new AppError(
      "nul_in_string",
      `A NUL character is not allowed in ${JSON.stringify(text.slice(0, 200))}`,
    );
  }
  return new TextEncoder().encode(`${text}\0`);
}

/** Text of an errno (positive or negative), such as "Permission denied". */
export function errnoText(errno: number): string {
  const pointer = symbol("strerror")(Math.abs(errno));
  return pointer === null ? `error ${Math.abs(errno)}` : Deno.UnsafePointerView.getCString(pointer);
}

/**
 * Passes a result from 0 up through.
 *
 * @throws {AppError} `system_call_failed` when `value` is a negative errno; the message is
 *   `what` and the errno's text.
 */
export function check(value: number, what: string): number {
  if (value >= 0) return value;
  throw new AppError(
    "system_call_failed",
    `${what}: ${errnoText(value)} (errno ${-value})`,
  );
}

/** `open(2)` without creating anything (a mode cannot be passed portably); see {@link O}. */
export function open(path: string, flags: number): number {
  return result(symbol("open")(cString(path), flags));
}

/** `openat(2)` without creating anything: `name` below the open directory `fd`. */
export function openat(fd: number, name: string, flags: number): number {
  return result(symbol("openat")(fd, cString(name), flags));
}

/** `mkdirat(2)`. */
export function mkdirat(fd: number, name: string, mode: number): number {
  return result(symbol("mkdirat")(fd, cString(name), mode));
}

/** `access(2)`; `mode` is a sum of 4 (read), 2 (write) and 1 (execute or search). */
export function access(path: string, mode: number): number {
  return result(symbol("access")(cString(path), mode));
}

/** `close(2)`. */
export function close(fd: number): number {
  return result(symbol("close")(fd));
}

/** `read(2)` into `buffer`; 0 at the end. */
export function read(fd: number, buffer: Uint8Array<ArrayBuffer>): number {
  return result(symbol("read")(fd, buffer, BigInt(buffer.length)));
}

/** `setsockopt(2)` with a whole number as the value. */
export function setsockopt(fd: number, level: number, option: number, value: number): number {
  const bytes = new Uint8Array(Int32Array.of(value).buffer);
  return result(symbol("setsockopt")(fd, level, option, bytes, bytes.length));
}

/** `dup2(2)`: makes `to` another name of `from`. */
export function dup2(from: number, to: number): number {
  return result(symbol("dup2")(from, to));
}

/** `fcntl(2)` with an integer argument. On Apple silicon only commands without an argument work. */
export function fcntl(fd: number, command: number, argument = 0): number {
  if (darwin && arm64 && argument !== 0) return -ERRNO.EOPNOTSUPP;
  return result(symbol("fcntl")(fd, command, BigInt(argument)));
}

/**
 * `flock(2)`: takes (or gives back) the exclusive advisory lock of an open file.
 *
 * @param nonblocking Returns `-EAGAIN` at once when somebody else holds it. @default true
 */
export function flock(
  fd: number,
  action: "lock" | "unlock",
  nonblocking = true,
): number {
  const operation = action === "unlock"
    ? LOCK_RELEASE
    : LOCK_EXCLUSIVE | (nonblocking ? LOCK_NONBLOCKING : 0);
  return result(symbol("flock")(fd, operation));
}

/**
 * Takes the exclusive lock of `file` without waiting. It is held until the file is closed.
 *
 * @param path Named in the error only.
 * @returns False when another open file holds it.
 * @throws {AppError} `lock_failed` when the file system cannot lock.
 */
export function lockFile(path: string, file: Deno.FsFile): boolean {
  // Deno 2.9 has it; in 2.6 only the blocking form exists.
  const native = file as { tryLockSync?: (exclusive: boolean) => boolean };
  if (typeof native.tryLockSync === "function") return native.tryLockSync(true);
  const outcome = flock(descriptorOf(file), "lock");
  if (outcome === -ERRNO.EAGAIN) return false;
  if (outcome < 0) {
    throw new AppError(
      "lock_failed",
      `Cannot lock "${path}": ${errnoText(outcome)}`,
      {
        remedy: "Put the home directory on a file system that supports locks",
      },
    );
  }
  return true;
}

/**
 * The descriptor number behind a seekable `Deno.FsFile`, which Deno does not tell: the file is moved
 * to a position nobody else has, and the descriptor that stands there is the one.
 */
export function descriptorOf(file: Deno.FsFile): number {
  const before = file.seekSync(0, Deno.SeekMode.Current);
  const mark = 2 ** 40 + Math.floor(Math.random() * 2 ** 32);
  file.seekSync(mark, Deno.SeekMode.Start);
  try {
    for (let fd = 3; fd < 4096; fd++) {
      if (Number(symbol("lseek")(fd, 0n, 1)) === mark) return fd;
    }
  } finally {
    file.seekSync(before, Deno.SeekMode.Start);
  }
  throw new AppError(
    "descriptor_unknown",
    "Cannot find the descriptor of an open file",
  );
}

/** `link(2)`: a second name for a file, not following a link at `from`. */
export function link(from: string, to: string): number {
  return result(symbol("link")(cString(from), cString(to)));
}

/** `symlink(2)`; unlike `Deno.symlink` it needs no unrestricted file permission. */
export function symlink(target: string, path: string): number {
  return result(symbol("symlink")(cString(target), cString(path)));
}

/**
 * `readlink(2)`: what a link holds, or a negative errno. Unlike `Deno.readLink` it also reads those of
 * `/proc`, for which Deno wants every permission.
 */
export function readlink(path: string): string | number {
  const buffer = new Uint8Array(4096);
  const length = result(symbol("readlink")(cString(path), buffer, BigInt(buffer.length)));
  return length < 0 ? length : new TextDecoder().decode(buffer.subarray(0, length));
}

/** How a child ended; the fields that do not apply are null. */
export interface WaitResult {
  readonly pid: number;
  readonly exitCode: number | null;
  readonly signal: number | null;
}

/**
 * `waitpid(2)` with `WNOHANG`: reaps one ended child.
 *
 * @param pid A child, or -1 for any. Do not wait for children that `Deno.Command` started.
 * @returns Null when no such child has ended; a negative errno (`-ECHILD`: there is none).
 */
export function waitpid(pid: number): WaitResult | null | number {
  const status = new Int32Array(1);
  const got = result(symbol("waitpid")(pid, status, 1));
  if (got === 0) return null;
  if (got < 0) return got;
  const word = status[0] ?? 0;
  const signal = word & 0x7f;
  return {
    pid: got,
    exitCode: signal === 0 ? (word >> 8) & 0xff : null,
    signal: signal === 0 ? null : signal,
  };
}

/** `setsid(2)`: a new session and process group; `-EPERM` for a group leader. */
export function setsid(): number {
  return result(symbol("setsid")());
}

/** `getsid(2)`; 0 is the caller. */
export function getsid(pid = 0): number {
  return result(symbol("getsid")(pid));
}

/** `kill(2)`; a negative pid is a process group, signal 0 only asks. */
export function kill(pid: number, signal: number): number {
  return result(symbol("kill")(pid, signal));
}

/** Real user id. */
export function getuid(): number {
  return symbol("getuid")();
}

/** Effective user id; 0 is root. */
export function geteuid(): number {
  return symbol("geteuid")();
}

/** Real group id. */
export function getgid(): number {
  return symbol("getgid")();
}

/** Effective group id. */
export function getegid(): number {
  return symbol("getegid")();
}

/** `setuid(2)`; glibc changes every thread. */
export function setuid(uid: number): number {
  return result(symbol("setuid")(uid));
}

/** `setgid(2)`; glibc changes every thread. */
export function setgid(gid: number): number {
  return result(symbol("setgid")(gid));
}

/** `setgroups(2)`: replaces the supplementary groups. */
export function setgroups(gids: readonly number[]): number {
  return result(symbol("setgroups")(BigInt(gids.length), Uint32Array.from(gids)));
}

/** `umask(2)`. @returns The old mask. */
export function umask(mask: number): number {
  return symbol("umask")(mask);
}

/** `prctl(2)`; see {@link PR}. `-ENOSYS` where there is none (macOS). */
export function prctl(option: number, a2 = 0, a3 = 0, a4 = 0, a5 = 0): number {
  const call = symbol("prctl");
  return call
    ? result(call(option, BigInt(a2), BigInt(a3), BigInt(a4), BigInt(a5)))
    : -ERRNO.ENOSYS;
}

/** `syscall(2)` with integer arguments; `-ENOSYS` where there is none. */
export function syscall(number: number, ...args: (number | bigint)[]): number {
  const call = symbol("syscall");
  if (!call || !linux) return -ERRNO.ENOSYS;
  const [a = 0, b = 0, c = 0, d = 0] = args;
  return result(
    call(BigInt(number), BigInt(a), BigInt(b), BigInt(c), BigInt(d)),
  );
}

/** `close_range(2)` from `first` up: the descriptors stay open here and vanish at the next `exec`. */
export function closeOnExecFrom(first: number): number {
  return syscall(436, first, 0xffffffff, 4);
}

/** Empties the effective, permitted and inheritable capability sets of the calling thread. */
export function clearCapabilities(): number {
  const call = symbol("capset");
  if (!call) return -ERRNO.ENOSYS;
  return result(call(Uint32Array.of(0x20080522, 0), new Uint32Array(6)));
}

/**
 * Memory with a fixed address for structures that hold pointers. V8 keeps small typed arrays on its
 * own heap, where they move; an explicit `ArrayBuffer` does not.
 */
export class Arena {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #base: bigint;
  #used = 0;

  /** @param size Bytes; every item takes up to 7 more. */
  constructor(size: number) {
    this.#bytes = new Uint8Array(new ArrayBuffer(Math.max(size, 8)));
    this.#base = Deno.UnsafePointer.value(Deno.UnsafePointer.of(this.#bytes));
  }

  /** Copies `bytes` in, aligned to 8. @returns Its address, good for as long as the arena is referenced. */
  put(bytes: Uint8Array): bigint {
    const at = this.#used;
    this.#bytes.set(bytes, at);
    this.#used = (at + bytes.length + 7) & ~7;
    return this.#base + BigInt(at);
  }
}

/** A NULL-terminated array of C strings that point into `arena`. */
function stringArray(
  strings: readonly Uint8Array[],
  arena: Arena,
): BigUint64Array<ArrayBuffer> {
  return BigUint64Array.from([...strings.map((bytes) => arena.put(bytes)), 0n]);
}

/**
 * `execve(2)`: this process becomes another program. Nothing after it runs: no `finally`, no exit hook.
 *
 * What Deno left behind is put right first: SIGPIPE is ignored by every Rust program and would stay
 * so, and descriptors from 3 up are closed.
 *
 * @param path Absolute path of the program.
 * @param argv Arguments, with the program's own name first.
 * @param env Environment; without it, this process's own, byte for byte.
 * @returns A negative errno, and only when it failed.
 */
export function tryExecve(
  path: string,
  argv: readonly string[],
  env?: Readonly<Record<string, string>>,
): number {
  closeOnExecFrom(3);
  const SIGPIPE = 13;
  const ignored = symbol("signal")(SIGPIPE, null);
  symbol("sigprocmask")(darwin ? 3 : 2, new Uint8Array(128), null);
  const argStrings = argv.map(cString);
  const envStrings = env &&
    Object.entries(env).map(([key, value]) => cString(`${key}=${value}`));
  const all = [...argStrings, ...(envStrings ?? [])];
  const arena = new Arena(
    all.reduce((sum, bytes) => sum + bytes.length + 8, 0),
  );
  const args = stringArray(argStrings, arena);
  const outcome = result(
    envStrings
      ? symbol("execve")(cString(path), args, stringArray(envStrings, arena))
      : symbol("execv")(cString(path), args),
  );
  // Only a failed call comes here. The arena is used once more so that it was alive until now.
  arena.put(new Uint8Array(0));
  symbol("signal")(SIGPIPE, ignored);
  return outcome;
}

/**
 * {@link tryExecve} that does not return.
 *
 * @throws {AppError} `exec_failed` with the errno's text.
 */
export function execve(
  path: string,
  argv: readonly string[],
  env?: Readonly<Record<string, string>>,
): never {
  const outcome = tryExecve(path, argv, env);
  throw new AppError(
    "exec_failed",
    `Cannot run "${path}": ${errnoText(outcome)}`,
    {
      remedy: "Check that the file exists and may be executed",
    },
  );
}
