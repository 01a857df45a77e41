import { alive, allProcesses, environmentOf } from "../../tests/support/processes.ts";
import { assert, assertEquals, assertRejects } from "../../tests/support/assert.ts";
import { poll } from "../../tests/support/waiting.ts";
import { AppError, selfCommand } from "../platform/mod.ts";
import { type CommandRun, runCommand } from "./run_command.ts";

async function withPolicy(
  test: (
    run: (script: string, more?: Partial<CommandRun>) => ReturnType<typeof runCommand>,
    dir: string,
  ) => Promise<void>,
  workdir?: string,
): Promise<void> {
  const dir = Deno.realPathSync(Deno.makeTempDirSync());
  try {
    const box = { write: [dir], read: [], denyRead: [], denyWrite: [] };
    const policy = `${dir}/policy.json`;
    Deno.writeTextFileSync(
      policy,
      JSON.stringify({
        version: 1,
        mode: "off",
        workdir: workdir ?? dir,
        roots: ["/"],
        boxes: { command: box },
      }),
    );
    const env = { PATH: Deno.env.get("PATH") ?? "", HOME: dir, DENO_DIR: denoDir(), TOKEN: "t" };
    await test((script, more = {}) =>
      runCommand({
        self: selfCommand(),
        policy,
        argv: ["bash", "-c", script],
        env,
        limitMs: 30_000,
        maxOutput: 1000,
        ...more,
      }), dir);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

function denoDir(): string {
  return Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`;
}

Deno.test("runCommand() gives status and output of a command in the policy's directory", () =>
  withPolicy(async (run, dir) => {
    assertEquals(await run('pwd; echo "$TOKEN" >&2; exit 3'), {
      code: 3,
      stdout: `${dir}\n`,
      stderr: "t\n",
      cut: null,
    });
  }));

Deno.test("runCommand() ends a command that takes too long, with what it started", () =>
  withPolicy(async (run, dir) => {
    const ended = await run(`setsid sleep 300 & echo $! > ${dir}/pid; sleep 300`, {
      limitMs: 2000,
    });
    assertEquals([ended.code, ended.cut], [null, "time"]);
    const pid = Number(Deno.readTextFileSync(`${dir}/pid`));
    await poll(() => !alive(pid), 5000, () => "the end of what it started");
    const left = allProcesses().filter((p) => environmentOf(p.pid).get("HOME") === dir);
    assertEquals(left.filter((p) => alive(p.pid)), []);
  }));

Deno.test("runCommand() does not wait for what holds its output after its end", () =>
  withPolicy(async (run) => {
    const started = performance.now();
    const ended = await run("(sleep 60 &) ; echo done");
    assertEquals([ended.code, ended.stdout], [0, "done\n"]);
    assert(performance.now() - started < 20_000);
  }));

Deno.test("runCommand() feeds a command and keeps its input open as long as it is told", () =>
  withPolicy(async (run) => {
    const hold = Promise.withResolvers<void>();
    const ended = run("cat; echo closed", { input: "fed\n", holdInput: hold.promise });
    const first = await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 500))]);
    assertEquals(first, undefined, "it waits for more");
    hold.resolve();
    assertEquals((await ended).stdout, "fed\nclosed\n");
    assertEquals((await run("exit 3", { input: "x".repeat(1 << 20) })).code, 3);
  }));

Deno.test("runCommand() ends a command that prints too much", () =>
  withPolicy(async (run) => {
    const ended = await run("while :; do echo 0123456789; done");
    assertEquals(ended.cut, "output");
    assert(ended.stdout.length <= 1000);
  }));

Deno.test("runCommand() throws what the launcher refuses for", () =>
  withPolicy(async (run) => {
    const error = await assertRejects(() => run("true"), AppError);
    assertEquals(error.code, "workdir_missing");
  }, "/nowhere/at/all"));
