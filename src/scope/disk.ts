/**
 * The disk through the C library (Linux), for a program whose own Deno flags end at its roots: making a
 * box means looking at the directories above what it denies, and those lie outside of them. It also
 * shows why such flags are a statement and no fence: whoever may call C is not held by them.
 */
import { AppError } from "../platform/errors.ts";
import * as libc from "../platform/libc.ts";
import type { DirectoryEntry } from "./paths.ts";

const ARM = Deno.build.arch === "aarch64";
const SYSCALL = { getdents64: ARM ? 61 : 217, fchdir: ARM ? 50 : 81 } as const;

/** Values of `d_type` in a directory's records. */
const TYPE = { unknown: 0, directory: 4, link: 10 } as const;

/** Errors that mean: there is nothing there, or nothing for us. */
const UNSEEN: readonly number[] = [
  libc.ERRNO.ENOENT,
  libc.ERRNO.ENOTDIR,
  libc.ERRNO.EACCES,
  libc.ERRNO.ELOOP,
];

/** As `FileSeam.realPath`. @throws {AppError} `system_call_failed`. */
export function realPath(path: string): string | null {
  const fd = libc.open(path, libc.O.PATH | libc.O.CLOEXEC);
  if (UNSEEN.includes(-fd)) return null;
  libc.check(fd, `Cannot look at "${path}"`);
  try {
    const real = libc.readlink(`/proc/self/fd/${fd}`);
    if (typeof real === "string") return real;
    throw new AppError("system_call_failed", `Cannot look at /proc: ${libc.errnoText(real)}`);
  } finally {
    libc.close(fd);
  }
}

/** Entries of a directory in the order of the disk; null when it cannot be listed. */
export function entries(path: string): Iterable<DirectoryEntry> | null {
  const fd = libc.open(path, libc.O.RDONLY | libc.O.DIRECTORY | libc.O.CLOEXEC);
  if (UNSEEN.includes(-fd)) return null;
  return listed(libc.check(fd, `Cannot list "${path}"`), path);
}

function* listed(fd: number, path: string): Iterable<DirectoryEntry> {
  try {
    const buffer = new Uint8Array(new ArrayBuffer(64 * 1024));
    const address = Deno.UnsafePointer.value(Deno.UnsafePointer.of(buffer));
    for (;;) {
      const length = libc.check(
        libc.syscall(SYSCALL.getdents64, fd, address, buffer.length),
        `Cannot list "${path}"`,
      );
      if (length === 0) return;
      yield* records(fd, buffer.subarray(0, length));
    }
  } finally {
    libc.close(fd);
  }
}

/** What records of `struct linux_dirent64` say. */
function* records(fd: number, bytes: Uint8Array): Iterable<DirectoryEntry> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < bytes.length; at += view.getUint16(at + 16, true)) {
    const text = bytes.subarray(at + 19, at + view.getUint16(at + 16, true));
    const name = new TextDecoder().decode(text.subarray(0, text.indexOf(0)));
    if (name === "." || name === "..") continue;
    const type = view.getUint8(at + 18);
    const known = type === TYPE.unknown ? typeOf(fd, name) : type;
    yield { name, link: known === TYPE.link, directory: known === TYPE.directory };
  }
}

/** Some file systems keep no types in their directories. */
function typeOf(directory: number, name: string): number {
  const flags = libc.O.PATH | libc.O.NOFOLLOW | libc.O.CLOEXEC;
  const fd = libc.openat(directory, name, flags | libc.O.DIRECTORY);
  if (fd >= 0) {
    libc.close(fd);
    return TYPE.directory;
  }
  return typeof libc.readlink(`/proc/self/fd/${directory}/${name}`) === "string"
    ? TYPE.link
    : TYPE.unknown;
}

/** Makes `path` this process's working directory. @throws {AppError} `system_call_failed`. */
export function enter(path: string): void {
  const fd = libc.open(path, libc.O.PATH | libc.O.DIRECTORY | libc.O.CLOEXEC);
  libc.check(fd, `Cannot enter "${path}"`);
  try {
    libc.check(libc.syscall(SYSCALL.fchdir, fd), `Cannot enter "${path}"`);
  } finally {
    libc.close(fd);
  }
}
