/** The C library's functions, opened on first use; `libc.ts` is what others import. */
import { AppError, errorText } from "./errors.ts";

const linux = Deno.build.os === "linux";
const darwin = Deno.build.os === "darwin";
const arm64 = Deno.build.arch === "aarch64";

const SYMBOLS = {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  openat: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  mkdirat: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  access: { parameters: ["buffer", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  dup2: { parameters: ["i32", "i32"], result: "i32" },
  fcntl: { parameters: ["i32", "i32", "i64"], result: "i32" },
  flock: { parameters: ["i32", "i32"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  lseek: { parameters: ["i32", "i64", "i32"], result: "i64" },
  waitpid: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  setsid: { parameters: [], result: "i32" },
  getsid: { parameters: ["i32"], result: "i32" },
  kill: { parameters: ["i32", "i32"], result: "i32" },
  getuid: { parameters: [], result: "u32" },
  geteuid: { parameters: [], result: "u32" },
  getgid: { parameters: [], result: "u32" },
  getegid: { parameters: [], result: "u32" },
  setuid: { parameters: ["u32"], result: "i32" },
  setgid: { parameters: ["u32"], result: "i32" },
  setgroups: { parameters: ["usize", "buffer"], result: "i32" },
  umask: { parameters: ["u32"], result: "u32" },
  link: { parameters: ["buffer", "buffer"], result: "i32" },
  symlink: { parameters: ["buffer", "buffer"], result: "i32" },
  readlink: { parameters: ["buffer", "buffer", "usize"], result: "isize" },
  execve: { parameters: ["buffer", "buffer", "buffer"], result: "i32" },
  execv: { parameters: ["buffer", "buffer"], result: "i32" },
  signal: { parameters: ["i32", "pointer"], result: "pointer" },
  sigprocmask: { parameters: ["i32", "buffer", "pointer"], result: "i32" },
  strerror: { parameters: ["i32"], result: "pointer" },
  __errno_location: { parameters: [], result: "pointer", optional: true },
  __error: { parameters: [], result: "pointer", optional: true },
  prctl: {
    parameters: ["i32", "u64", "u64", "u64", "u64"],
    result: "i32",
    optional: true,
  },
  syscall: {
    parameters: ["i64", "u64", "u64", "u64", "u64"],
    result: "i64",
    optional: true,
  },
  capset: { parameters: ["buffer", "buffer"], result: "i32", optional: true },
} as const satisfies Deno.ForeignLibraryInterface;

type Symbols = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

const ERRNO_LOCATION = darwin ? "__error" : "__errno_location";

/**
 * The functions opened so far. One by one, because Deno compiles a trampoline for each (0.2 ms), and the
 * launcher, whose start counts, needs ten of them.
 */
const opened: Partial<Record<keyof Symbols, unknown>> = {};
let library: string | undefined;

function libraryNames(): string[] {
  if (darwin) return ["/usr/lib/libSystem.B.dylib"];
  if (!linux) return [];
  const musl = `libc.musl-${arm64 ? "aarch64" : "x86_64"}.so.1`;
  return ["libc.so.6", musl, `/lib/${musl}`, "libc.so"];
}

/** The function `name`; null for an optional one this system does not have. */
export function symbol<K extends keyof Symbols>(name: K): Symbols[K] {
  if (!(name in opened)) {
    const library = libraryName();
    opened[name] = Deno.dlopen(library, { [name]: SYMBOLS[name] }).symbols[name];
  }
  return opened[name] as Symbols[K];
}

function libraryName(): string {
  if (library !== undefined) return library;
  const failures: string[] = [];
  for (const name of libraryNames()) {
    try {
      // First of all the place of errno: opened after a failed call, it would overwrite what it is for.
      opened[ERRNO_LOCATION] = Deno.dlopen(name, { [ERRNO_LOCATION]: SYMBOLS[ERRNO_LOCATION] })
        .symbols[ERRNO_LOCATION];
      return library = name;
    } catch (error) {
      // No right to FFI is not a missing library; anything else means "try the next name".
      if (error instanceof Deno.errors.NotCapable) throw error;
      failures.push(errorText(error));
    }
  }
  throw new AppError(
    "libc_unavailable",
    failures.length > 0
      ? `Cannot open the C library: ${failures.join("; ")}`
      : `No C library is known for ${Deno.build.os}`,
    { remedy: "Run on Linux with glibc or musl, or on macOS" },
  );
}

/** True when the C library can be opened on this system. */
export function libcAvailable(): boolean {
  try {
    libraryName();
    return true;
  } catch (error) {
    if (error instanceof AppError) return false;
    throw error;
  }
}

/**
 * Opens every function now. For tests: Deno 2.6 reports a library opened inside a test as its leak, so a
 * test file whose tests come here calls this at its top.
 */
export function openAllOfLibc(): void {
  if (!libcAvailable()) return;
  for (const name of Object.keys(SYMBOLS) as (keyof Symbols)[]) symbol(name);
}

/** errno of this thread, negated; to be read right after the failed call. */
function negativeErrno(): number {
  const location = symbol(ERRNO_LOCATION)?.() ?? null;
  if (location === null) return -22;
  return -new Deno.UnsafePointerView(location).getInt32();
}

/** What a call returned, or the negative errno of its failure. */
export function result(value: number | bigint): number {
  return value < 0 ? negativeErrno() : Number(value);
}
