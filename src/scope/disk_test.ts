import { assertEquals, assertThrows } from "../../tests/support/assert.ts";
import { guardedTest } from "../../tests/support/require.ts";
import { AppError } from "../platform/errors.ts";
import { openAllOfLibc } from "../platform/libc.ts";
import { join } from "../platform/std/path.ts";
import * as disk from "./disk.ts";
import { diskSeam } from "./paths.ts";

// The library stays open for good, which looks like a leak to the test that opens it.
openAllOfLibc();

function linuxTest(name: string, fn: (base: string) => void) {
  guardedTest({
    name,
    needs: () => Deno.build.os === "linux" ? undefined : "This goes through Linux's system calls",
    fn() {
      const base = Deno.realPathSync(Deno.makeTempDirSync());
      try {
        fn(base);
      } finally {
        Deno.removeSync(base, { recursive: true });
      }
    },
  });
}

linuxTest("entries() sees what Deno sees, in a directory of any size", (base) => {
  for (let i = 0; i < 3000; i++) Deno.writeTextFileSync(join(base, `file-${i}-äö`), "");
  Deno.mkdirSync(join(base, "dir"));
  Deno.symlinkSync("dir", join(base, "link"));
  const sorted = (found: { name: string }[] | null) =>
    found?.toSorted((a, b) => a.name < b.name ? -1 : 1);
  assertEquals(sorted([...disk.entries(base)!]), sorted(diskSeam.entries(base)));
  for (const path of [join(base, "missing"), join(base, "file-0-äö")]) {
    assertEquals(disk.entries(path), null);
  }
});

linuxTest("realPath() resolves as Deno does, and knows nothing of what is not there", (base) => {
  Deno.mkdirSync(join(base, "a/b"), { recursive: true });
  Deno.symlinkSync("a", join(base, "link"));
  Deno.symlinkSync("loop", join(base, "loop"));
  assertEquals(disk.realPath(join(base, "link/b")), Deno.realPathSync(join(base, "link/b")));
  assertEquals(disk.realPath("/proc/self/root"), "/");
  for (const name of ["missing", "loop", "a/b/c/d"]) {
    assertEquals(disk.realPath(join(base, name)), null, name);
  }
});

linuxTest("enter() goes where a link leads, and says why not", (base) => {
  const before = Deno.cwd();
  Deno.mkdirSync(join(base, "a"));
  Deno.symlinkSync("a", join(base, "link"));
  try {
    disk.enter(join(base, "link"));
    assertEquals(Deno.cwd(), join(base, "a"));
  } finally {
    Deno.chdir(before);
  }
  assertThrows(() => disk.enter(join(base, "missing")), AppError, "No such file");
});

/** A program with these flags alone; answers with what `source` leaves in `found`. */
function underFlags(flags: readonly string[], source: string): unknown {
  const module = new URL("./paths.ts", import.meta.url).href;
  const code = `import { diskSeam } from "${module}"; let found; ${source};
    console.log(JSON.stringify(found));`;
  const entry = Deno.makeTempFileSync({ suffix: ".ts" });
  try {
    Deno.writeTextFileSync(entry, code);
    const { stdout, stderr } = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--no-config", "--no-lock", "--quiet", ...flags, entry],
    }).outputSync();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return JSON.parse(text(stdout) || JSON.stringify(text(stderr)));
  } finally {
    Deno.removeSync(entry);
  }
}

linuxTest("diskSeam looks past flags that end at the roots", (base) => {
  Deno.mkdirSync(join(base, "a"));
  Deno.symlinkSync("a", join(base, "link"));
  const source = `found = [diskSeam.realPath("${base}/link"), diskSeam.realPath("${base}/x"),
    diskSeam.entries("${base}").map(({ name }) => name).sort(), diskSeam.entries("${base}/x")]`;
  assertEquals(underFlags(["--allow-read=/etc", "--allow-ffi"], source), [
    join(base, "a"),
    null,
    ["a", "link"],
    null,
  ]);
});
