/**
 * Reads below `/proc` through the C library: Deno gives them only to programs that hold every
 * permission, and the tests hold no more than they need.
 */

const NAME_OFFSET = 19; // of d_name in struct dirent, on 64-bit Linux
const PIECE = 64 * 1024;

function load() {
  return Deno.dlopen("libc.so.6", {
    open: { parameters: ["buffer", "i32"], result: "i32" },
    close: { parameters: ["i32"], result: "i32" },
    read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
    readlink: { parameters: ["buffer", "buffer", "usize"], result: "isize" },
    opendir: { parameters: ["buffer"], result: "pointer" },
    readdir: { parameters: ["pointer"], result: "pointer" },
    closedir: { parameters: ["pointer"], result: "i32" },
  });
}

let library: ReturnType<typeof load> | undefined;

/** The C library, opened at the first call and kept, so that no test sees it as a leak of its own. */
function libc() {
  return (library ??= load()).symbols;
}

/** Opens the library ahead of the tests that look for leaks. */
export function prepareProcFiles(): void {
  if (Deno.build.os === "linux") libc();
}

/** Text of a file; undefined when it cannot be opened or read (its process may have ended). */
export function readProcFile(path: string): string | undefined {
  const fd = libc().open(cString(path), 0);
  if (fd < 0) return undefined;
  try {
    const decoder = new TextDecoder();
    const piece = new Uint8Array(PIECE);
    let text = "";
    for (;;) {
      const size = Number(libc().read(fd, piece, BigInt(PIECE)));
      if (size < 0) return undefined;
      if (size === 0) return text + decoder.decode();
      text += decoder.decode(piece.subarray(0, size), { stream: true });
    }
  } finally {
    libc().close(fd);
  }
}

/** Where a link leads; undefined when it cannot be read. */
export function readProcLink(path: string): string | undefined {
  const target = new Uint8Array(4096);
  const size = Number(libc().readlink(cString(path), target, 4096n));
  return size < 0 ? undefined : new TextDecoder().decode(target.subarray(0, size));
}

/** Ids of all processes. */
export function processIds(): number[] {
  const dir = libc().opendir(cString("/proc"));
  if (dir === null) throw new Error("Cannot list /proc");
  const ids: number[] = [];
  for (let entry = libc().readdir(dir); entry !== null; entry = libc().readdir(dir)) {
    const name = new Deno.UnsafePointerView(entry).getCString(NAME_OFFSET);
    if (/^\d+$/.test(name)) ids.push(Number(name));
  }
  libc().closedir(dir);
  return ids;
}

function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}
