import { assert, assertEquals } from "../../../tests/support/assert.ts";
import { loginShellPath } from "./login_shell.ts";

/** Runs `test` with a shell made of `text`. */
async function withShell(text: string, test: (shell: string, dir: string) => Promise<void>) {
  const dir = Deno.makeTempDirSync({ prefix: "wx-" });
  try {
    const shell = `${dir}/shell`;
    Deno.writeTextFileSync(shell, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    await test(shell, dir);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

Deno.test("loginShellPath() takes PATH out of whatever a profile prints, and asks once", () =>
  withShell(
    'echo asked >> "$0.log"; echo PATH=/no; echo hello; PATH=/one:/two; export PATH; exec /bin/sh -c "$2"',
    async (shell) => {
      const answers = [loginShellPath(shell, {}), loginShellPath(shell, {})];
      assertEquals(await Promise.all(answers), ["/one:/two", "/one:/two"]);
      assertEquals(Deno.readTextFileSync(`${shell}.log`), "asked\n");
    },
  ));

Deno.test("loginShellPath() waits neither for a shell that hangs nor for what holds its output", () =>
  withShell("sleep 20 & echo $! > $0.pid; sleep 20", async (shell) => {
    const started = performance.now();
    assertEquals(await loginShellPath(shell, { PATH: "/usr/bin:/bin" }), null);
    const took = performance.now() - started;
    assert(took > 2500 && took < 12_000, `${took} ms`);
    Deno.kill(Number(Deno.readTextFileSync(`${shell}.pid`)), "SIGKILL");
  }));

Deno.test("loginShellPath() has the answer although something of the profile lives on", () =>
  withShell('sleep 20 & echo $! > $0.pid; PATH=/kept exec /bin/sh -c "$2"', async (shell) => {
    const started = performance.now();
    assertEquals(await loginShellPath(shell, { PATH: "/usr/bin:/bin" }), "/kept");
    assert(performance.now() - started < 2500);
    Deno.kill(Number(Deno.readTextFileSync(`${shell}.pid`)), "SIGKILL");
  }));

Deno.test("loginShellPath() has no answer without a shell", async () => {
  assertEquals(await loginShellPath(undefined, {}), null);
  assertEquals(await loginShellPath("sh", {}), null);
  assertEquals(await loginShellPath("/nowhere/sh", {}), null);
});
