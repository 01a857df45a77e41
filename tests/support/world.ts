/**
 * A world for whole-program tests: a home, a temporary directory and an environment of its own, and our
 * program in it, from source or as the compiled binary that `EXECUTOR_BINARY` names.
 */
import { fromFileUrl, join } from "../../src/platform/std/path.ts";
import { claudeBinary } from "./claude_cli.ts";
import {
  alive,
  allProcesses,
  directoryOf,
  environmentOf,
  killHard,
  type ProcessInfo,
} from "./processes.ts";
import { Program } from "./program.ts";
import { poll } from "./waiting.ts";

/** Root of the project. */
export const PROJECT = fromFileUrl(new URL("../../", import.meta.url));

/** Marks every process of a world in its environment. */
const MARK = "WEGENT_TEST_WORLD";

/** Options of {@link createWorld}. */
export interface WorldOptions {
  /** Whether the pinned Claude CLI is on the world's PATH, as `claude`. @default true */
  readonly claude?: boolean;
  /** Added to the environment of every program. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Options of {@link World.dispose}. */
export interface DisposeOptions {
  /** Fail when processes of the world are left, after having ended them. @default false */
  readonly expectNoProcess?: boolean;
}

/** Makes a world; use it with `await using`. */
export async function createWorld(options: WorldOptions = {}): Promise<World> {
  // A short path: Unix sockets below it must keep within 107 bytes.
  const root = await Deno.realPath(await Deno.makeTempDir({ prefix: "wx-" }));
  const world = new World(root, options.env ?? {}, await denoDir());
  for (const dir of [world.home, world.tmp, world.bin]) await Deno.mkdir(dir);
  if (options.claude !== false) {
    await Deno.symlink(await claudeBinary(), join(world.bin, "claude"));
  }
  return world;
}

/** See the module comment. */
export class World {
  readonly id = crypto.randomUUID();
  readonly home: string;
  readonly tmp: string;
  /** First directory on PATH. */
  readonly bin: string;
  /** `WEGENT_EXECUTOR_HOME`. */
  readonly executorHome: string;
  /** Where managed working directories are made. */
  readonly workspace: string;
  readonly programs: Program[] = [];
  #disposed = false;

  constructor(
    readonly root: string,
    readonly extraEnv: Readonly<Record<string, string>>,
    readonly denoDir: string,
  ) {
    this.home = join(root, "h");
    this.tmp = join(root, "t");
    this.bin = join(root, "b");
    this.executorHome = join(this.home, ".we");
    this.workspace = join(this.executorHome, "workspace");
  }

  /** The environment of every program; nothing is inherited but PATH. */
  env(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
    return {
      PATH: `${this.bin}:${Deno.env.get("PATH") ?? "/usr/bin:/bin"}`,
      HOME: this.home,
      TMPDIR: this.tmp,
      LANG: "C.UTF-8",
      NO_COLOR: "1",
      NO_PROXY: "127.0.0.1,localhost",
      WEGENT_EXECUTOR_HOME: this.executorHome,
      [MARK]: this.id,
      DENO_DIR: this.denoDir,
      DENO_TLS_CA_STORE: "system,mozilla",
      DENO_NO_UPDATE_CHECK: "1",
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
      CLAUDE_CODE_MAX_RETRIES: "0",
      ...this.extraEnv,
      ...extra,
    };
  }

  /** The command line that runs our program with `args`. */
  commandLine(args: readonly string[]): [string, ...string[]] {
    const binary = Deno.env.get("EXECUTOR_BINARY");
    if (binary) return [binary, ...args];
    return [Deno.execPath(), ...sourceFlags(), join(PROJECT, "main.ts"), ...args];
  }

  /** Starts our program. */
  start(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Program {
    return this.spawn(this.commandLine(args), env);
  }

  /** Runs our program to its end. */
  async run(
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    ms = 30_000,
  ): Promise<{ code: number; stdout: string; stderr: string }> {
    const program = this.start(args, env);
    const { code } = await program.exited(ms);
    return { code, stdout: program.output("stdout"), stderr: program.output("stderr") };
  }

  /** Starts any program in the world. */
  spawn(argv: readonly [string, ...string[]], env: Readonly<Record<string, string>> = {}): Program {
    if (this.#disposed) throw new Error("The world is gone");
    const [command, ...args] = argv;
    const child = new Deno.Command(command, {
      args,
      cwd: this.home,
      clearEnv: true,
      env: this.env(env),
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const program = new Program(child, argv);
    this.programs.push(program);
    return program;
  }

  /**
   * All live processes of this world, however they were started: by the mark in their environment, by
   * the executor's home in it, or by a path of the world among their arguments (a program may have been
   * given an environment of its own).
   */
  processes(): ProcessInfo[] {
    return allProcesses().filter((info) => {
      if (info.pid === Deno.pid || !alive(info.pid)) return false;
      const env = environmentOf(info.pid);
      return env.get(MARK) === this.id ||
        env.get("WEGENT_EXECUTOR_HOME") === this.executorHome ||
        info.command.includes(`${this.root}/`) ||
        `${directoryOf(info.pid) ?? ""}/`.startsWith(`${this.root}/`);
    });
  }

  /** Live processes of this world whose command line matches. */
  processesLike(pattern: RegExp): ProcessInfo[] {
    return this.processes().filter(({ command }) => pattern.test(command));
  }

  /** Waits until no process of this world is left. */
  async waitNoProcess(ms: number): Promise<void> {
    await poll(
      () => this.processes().length === 0,
      ms,
      () => `the end of ${JSON.stringify(this.processes())}`,
    );
  }

  /** Ends all processes of the world, one by one, and removes its directories. */
  async dispose(options: DisposeOptions = {}): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    const left = this.processes();
    await poll(
      () => {
        const live = this.processes();
        for (const { pid } of live) killHard(pid);
        return live.length === 0;
      },
      10_000,
      () => `the end of ${JSON.stringify(this.processes())}`,
    );
    await Promise.all(this.programs.map((program) => program.release()));
    await Deno.remove(this.root, { recursive: true });
    if (options.expectNoProcess && left.length > 0) {
      throw new Error(`Processes were left: ${JSON.stringify(left, null, 1)}`);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}

/** The flags of deno.json's task `start`, so that tests run with the rights people run with. */
export function sourceFlags(): string[] {
  const config = join(PROJECT, "deno.json");
  const { tasks } = JSON.parse(Deno.readTextFileSync(config)) as { tasks: Record<string, string> };
  const flags = / deno run (.*) main\.ts/.exec(tasks["start"] ?? "")?.[1];
  if (flags === undefined) throw new Error('The task "start" of deno.json does not run main.ts');
  const here = flags.replace("--lock=deno.lock", `--lock=${join(PROJECT, "deno.lock")}`);
  return ["run", "--config", config, ...here.split(" ")];
}

let knownDenoDir: string | undefined;

/** Deno's cache, named outright because HOME differs in a world. */
async function denoDir(): Promise<string> {
  if (knownDenoDir !== undefined) return knownDenoDir;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json"],
    stdout: "piped",
    stderr: "null",
  }).output();
  const info = JSON.parse(new TextDecoder().decode(stdout)) as { denoDir: string };
  return knownDenoDir = info.denoDir;
}
