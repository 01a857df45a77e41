/**
 * Linux's `/proc`, read through the C library: Deno hands it out only to programs with every
 * permission, and this program does not ask for every permission.
 */
import { close, ERRNO, errnoText, O, open, read, syscall } from "./libc.ts";

const CHUNK = 16 * 1024;
/** More is not read of one file. */
const MAX_BYTES = 4 * 1024 * 1024;
const GETDENTS64 = Deno.build.arch === "aarch64" ? 61 : 217;

/** One process as its `stat` describes it. */
export interface ProcStat {
  readonly pid: number;
  readonly parent: number;
  /** Session id. */
  readonly session: number;
  readonly zombie: boolean;
  /** In clock ticks since boot; with the pid it names a process for good. */
  readonly startTime: string;
}

/**
 * The file `/proc/<pid>/<name>` as text, or null when the process is gone or not ours to look at.
 *
 * @throws {Error} For any other fault.
 */
export function readProc(pid: number, name: string): string | null {
  const fd = open(`/proc/${pid}/${name}`, O.RDONLY | O.CLOEXEC);
  if (fd < 0) return gone(fd);
  try {
    const decoder = new TextDecoder();
    let text = "";
    for (let total = 0; total < MAX_BYTES;) {
      const buffer = new Uint8Array(CHUNK);
      const n = read(fd, buffer);
      if (n < 0) return gone(n);
      if (n === 0) break;
      text += decoder.decode(buffer.subarray(0, n), { stream: true });
      total += n;
    }
    return text;
  } finally {
    close(fd);
  }
}

function gone(error: number): null {
  const expected: number[] = [ERRNO.ENOENT, ERRNO.ESRCH, ERRNO.EACCES, ERRNO.EPERM];
  if (expected.includes(-error)) return null;
  throw new Error(`Cannot read /proc: ${errnoText(error)}`);
}

/** What `stat` says of a process, or null when there is none. */
export function procStat(pid: number): ProcStat | null {
  const text = readProc(pid, "stat");
  if (text === null || text === "") return null;
  // The second field is the command in parentheses and may itself hold blanks and parentheses.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return {
    pid,
    parent: Number(fields[1]),
    session: Number(fields[3]),
    zombie: fields[0] === "Z" || fields[0] === "X",
    startTime: fields[19] ?? "",
  };
}

/** Pids of all processes. */
export function listPids(): number[] {
  const pids = numbersIn("/proc");
  if (pids === null) throw new Error("Cannot list /proc");
  return pids;
}

/** Number of files a process has open, or null when it is gone or not ours to look at. */
export function countOpenFiles(pid: number): number | null {
  return numbersIn(`/proc/${pid}/fd`)?.length ?? null;
}

/** Memory of a process in bytes, shared pages divided among their users (PSS); null as above. */
export function memoryOf(pid: number): number | null {
  const kilobytes = readProc(pid, "smaps_rollup")?.match(/^Pss:\s+(\d+) kB/m)?.[1];
  return kilobytes === undefined ? null : Number(kilobytes) * 1024;
}

/** Entries of a directory of `/proc` whose names are numbers; null when it is gone or not ours. */
function numbersIn(path: string): number[] | null {
  const fd = open(path, O.RDONLY | O.DIRECTORY | O.CLOEXEC);
  if (fd < 0) return gone(fd);
  try {
    const found: number[] = [];
    const buffer = new Uint8Array(64 * 1024);
    const address = Deno.UnsafePointer.value(Deno.UnsafePointer.of(buffer));
    for (;;) {
      const n = syscall(GETDENTS64, fd, address, buffer.length);
      if (n < 0) return gone(n);
      if (n === 0) return found;
      found.push(...numericNames(buffer.subarray(0, n)));
    }
  } finally {
    close(fd);
  }
}

/** Numeric names among records of `struct linux_dirent64`. */
function* numericNames(records: Uint8Array): Iterable<number> {
  const view = new DataView(records.buffer, records.byteOffset, records.length);
  for (let at = 0; at < records.length;) {
    const length = view.getUint16(at + 16, true);
    const name = records.subarray(at + 19, at + length);
    const text = new TextDecoder().decode(name.subarray(0, name.indexOf(0)));
    if (/^\d+$/.test(text)) yield Number(text);
    at += length;
  }
}
