import { assert, assertEquals, assertThrows } from "../../tests/support/assert.ts";
import { AppError } from "./errors.ts";
import * as libc from "./libc.ts";

// Opened here because Deno 2.6 reports a library that a test opens as that test's leak.
libc.openAllOfLibc();

const linuxOnly = { ignore: Deno.build.os !== "linux" };

/** Runs `code` in a fresh Deno with this module as `libc`. */
async function inProcess(code: string) {
  const source = `import * as libc from ${
    JSON.stringify(new URL("./libc.ts", import.meta.url).href)
  };\n${code}`;
  const { code: status, stdout, stderr } = await new Deno.Command(
    Deno.execPath(),
    {
      args: [
        "run",
        "--no-prompt",
        "--quiet",
        "--allow-ffi",
        "--allow-run",
        "--allow-env",
        "--allow-read",
        "--allow-write",
        dataFile(source),
      ],
      stdin: "null",
      signal: AbortSignal.timeout(20_000),
    },
  ).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { status, stdout: text(stdout), stderr: text(stderr) };
}

function dataFile(source: string): string {
  const path = Deno.makeTempFileSync({ suffix: ".ts" });
  Deno.writeTextFileSync(path, source);
  globalThis.addEventListener("unload", () => Deno.removeSync(path));
  return path;
}

Deno.test(
  "open() returns a negative errno and errnoText() names it",
  linuxOnly,
  () => {
    const missing = libc.open("/does/not/exist", libc.O.RDONLY);
    assertEquals(missing, -libc.ERRNO.ENOENT);
    assertEquals(libc.errnoText(missing), "No such file or directory");
    const fd = libc.open("/", libc.O.PATH | libc.O.DIRECTORY | libc.O.CLOEXEC);
    assert(fd > 2);
    assertEquals(libc.fcntl(fd, libc.F.GETFD), libc.F.FD_CLOEXEC);
    assertEquals(libc.close(fd), 0);
    assertEquals(libc.close(fd), -libc.ERRNO.EBADF);
  },
);

Deno.test("check() throws what was tried and why it failed", linuxOnly, () => {
  const error = assertThrows(
    () => libc.check(-libc.ERRNO.EACCES, 'Cannot open "x"'),
    AppError,
  ) as AppError;
  assertEquals(error.code, "system_call_failed");
  assertEquals(error.message, 'Cannot open "x": Permission denied (errno 13)');
  assertEquals(libc.check(7, "x"), 7);
});

Deno.test("cString() refuses a NUL character", () => {
  assertThrows(() => libc.cString("a\0b"), AppError, "NUL character");
});

Deno.test(
  "lockFile() is exclusive between open files and ends with the file",
  linuxOnly,
  () => {
    const path = Deno.makeTempFileSync();
    const first = Deno.openSync(path, { read: true, write: true });
    const second = Deno.openSync(path, { read: true, write: true });
    assertEquals(libc.lockFile(path, first), true);
    assertEquals(libc.lockFile(path, second), false);
    first.close();
    assertEquals(libc.lockFile(path, second), true);
    second.close();
    Deno.removeSync(path);
  },
);

Deno.test(
  "descriptorOf() finds the descriptor and leaves the position alone",
  linuxOnly,
  () => {
    const path = Deno.makeTempFileSync();
    const file = Deno.openSync(path, { read: true, write: true });
    file.writeSync(new TextEncoder().encode("hello"));
    const fd = libc.descriptorOf(file);
    assertEquals(libc.readlink(`/proc/self/fd/${fd}`), path);
    assertEquals(file.seekSync(0, Deno.SeekMode.Current), 5);
    file.close();
    Deno.removeSync(path);
  },
);

Deno.test(
  "prctl() sets no_new_privs and the subreaper mark of a process",
  linuxOnly,
  async () => {
    const { status, stdout } = await inProcess(`
    libc.check(libc.prctl(libc.PR.SET_NO_NEW_PRIVS, 1), "a");
    libc.check(libc.prctl(libc.PR.SET_CHILD_SUBREAPER, 1), "b");
    console.log(libc.prctl(libc.PR.GET_NO_NEW_PRIVS), libc.prctl(9999));`);
    assertEquals([status, stdout], [0, `1 ${-libc.ERRNO.EINVAL}\n`]);
  },
);

Deno.test(
  "execve() passes arguments and environment and resets SIGPIPE and descriptors",
  linuxOnly,
  async () => {
    const { status, stdout } = await inProcess(`
    const long = "ü".repeat(50_000);
    libc.open("/", 0); // left open on purpose: it must not reach the new program
    libc.execve("/bin/sh", ["sh", "-c", 'echo $0 \${#1} $FOO $HOME; ls /proc/self/fd | wc -l; grep SigIgn /proc/self/status', "zero", long],
      { FOO: "bar baz" });`);
    assertEquals(status, 0);
    const [first, descriptors, ignored] = stdout.split("\n");
    assert(
      first === "zero 100000 bar baz" || first === "zero 50000 bar baz",
      first,
    );
    // stdin, stdout, stderr and the directory `ls` reads.
    assertEquals(descriptors, "4");
    const mask = BigInt(
      `0x${ignored?.match(/[0-9a-f]{16}/)?.[0] ?? "f".repeat(16)}`,
    );
    assertEquals(mask & (1n << 12n), 0n, "SIGPIPE is still ignored");
  },
);

Deno.test(
  "execve() without env keeps the environment, and throws when it fails",
  linuxOnly,
  async () => {
    const { stdout } = await inProcess(`
    Deno.env.set("ADDED", "yes");
    console.log(libc.tryExecve("/does/not/exist", ["x"]));
    try { libc.execve("/etc/passwd", ["x"]); } catch (e) { console.log(e.code, e.message); }
    libc.execve("/bin/sh", ["sh", "-c", "echo $ADDED"]);`);
    assertEquals(
      stdout,
      `-2\nexec_failed Cannot run "/etc/passwd": Permission denied\nyes\n`,
    );
  },
);

Deno.test(
  "waitpid() reaps an orphan of a subreaper and says how it ended",
  linuxOnly,
  async () => {
    const { stdout } = await inProcess(`
    console.log(libc.waitpid(-1));
    libc.check(libc.prctl(libc.PR.SET_CHILD_SUBREAPER, 1), "subreaper");
    const script = "(setsid sh -c 'sleep 0.1; exit 7' &) ; (setsid sh -c 'sleep 0.2; kill -9 $$' &)";
    await new Deno.Command("/bin/sh", { args: ["-c", script], stdout: "null", stderr: "null" }).output();
    console.log(libc.waitpid(-1));
    for (let ended = 0; ended < 2;) {
      const child = libc.waitpid(-1);
      if (child === null) await new Promise((r) => setTimeout(r, 10));
      else { ended++; console.log(child.exitCode, child.signal); }
    }`);
    assertEquals(stdout, `${-libc.ERRNO.ECHILD}\nnull\n7 null\nnull 9\n`);
  },
);

Deno.test(
  "kill() asks for a process and names a missing one",
  linuxOnly,
  () => {
    assertEquals(libc.kill(Deno.pid, 0), 0);
    assertEquals(libc.kill(2 ** 30, 0), -libc.ERRNO.ESRCH);
  },
);

Deno.test("symlink() and link() make links", linuxOnly, () => {
  const dir = Deno.makeTempDirSync();
  Deno.writeTextFileSync(`${dir}/a`, "x");
  assertEquals(libc.symlink("a", `${dir}/s`), 0);
  assertEquals(libc.link(`${dir}/a`, `${dir}/b`), 0);
  assertEquals(libc.link(`${dir}/a`, `${dir}/b`), -libc.ERRNO.EEXIST);
  assertEquals(Deno.readLinkSync(`${dir}/s`), "a");
  assertEquals(Deno.statSync(`${dir}/b`).nlink, 2);
  Deno.removeSync(dir, { recursive: true });
});
