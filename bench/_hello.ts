/** The limit of every start: a program of the same runtime that says hello and nothing else. */
import { join } from "../src/platform/std/path.ts";

/** A hello program. */
export interface Hello extends AsyncDisposable {
  readonly argv: readonly [string, ...string[]];
  /** What it is, for the peer's name. */
  readonly name: string;
}

/**
 * Compiles a hello when the figures come from a binary and this machine can compile (Deno fetches its
 * base, or `DENORT_BIN` names it); else it runs from source.
 */
export async function makeHello(): Promise<Hello> {
  const dir = await Deno.makeTempDir({ prefix: "hello-" });
  const source = join(dir, "hello.js");
  await Deno.writeTextFile(source, 'console.log("hello");\n');
  await Deno.writeTextFile(join(dir, "deno.json"), "{}");
  const dispose = () => Deno.remove(dir, { recursive: true });
  const compiled = Deno.env.get("EXECUTOR_BINARY") ? await compile(dir, source) : null;
  return {
    argv: compiled ? [compiled] : [Deno.execPath(), "run", "--no-config", source],
    name: `${compiled ? "compiled hello" : "hello from source"} (Deno ${Deno.version.deno})`,
    [Symbol.asyncDispose]: dispose,
  };
}

async function compile(dir: string, source: string): Promise<string | null> {
  const output = join(dir, "hello");
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["compile", "--no-check", "--no-code-cache", "--output", output, source],
    cwd: dir,
    stdin: "null",
    stdout: "null",
    stderr: "null",
    signal: AbortSignal.timeout(120_000),
  }).output();
  return success ? output : null;
}

/** Milliseconds from start to end of a program. */
export async function timeOf(argv: readonly [string, ...string[]]): Promise<number> {
  const [command, ...args] = argv;
  const startedAt = performance.now();
  const { success } = await new Deno.Command(command, {
    args,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).output();
  if (!success) throw new Error(`${argv.join(" ")} failed`);
  return performance.now() - startedAt;
}
