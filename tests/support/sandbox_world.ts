/**
 * A small world for sandbox tests: a user's home with secrets, our state below it, a working directory,
 * and something outside, as root or as an ordinary user. Processes are started by the real launcher:
 * from source, or from the binary that `EXECUTOR_BINARY` names.
 */
import { fromFileUrl, join } from "../../src/platform/std/path.ts";
import { buildPolicy, launchArgs, type LaunchKind, type PolicyInput } from "../../src/scope/mod.ts";

/** Who runs in the world; only root can choose. */
export type WorldUser = "root" | "ordinary";

/** The id of Debian's user `nobody`. */
const NOBODY = 65534;
const ROOT = fromFileUrl(new URL("../../", import.meta.url));

/** How a command in a world ended. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The users that can be tried here: both as root, else the one we are. */
export function worldUsers(): WorldUser[] {
  return Deno.uid() === 0 ? ["root", "ordinary"] : ["ordinary"];
}

/** Our program where any user can run it. Worlds may share one. */
export class InstalledProgram implements Disposable {
  readonly dir = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "wx-program-" }));
  /** Words that run it. */
  readonly command: readonly string[];

  constructor() {
    Deno.chmodSync(this.dir, 0o755);
    this.command = installProgram(this.dir);
  }

  /** Makes another program usable for every user. @returns Its path. */
  add(path: string, name: string): string {
    const to = join(this.dir, name);
    linkOrCopy(Deno.realPathSync(path), to);
    return to;
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.dir, { recursive: true });
  }
}

/** See the module comment. */
export class SandboxWorld implements Disposable {
  readonly base = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "wx-" }));
  readonly home = join(this.base, "home");
  readonly executorHome = join(this.home, ".wegent-executor");
  readonly workspace = join(this.executorHome, "workspace");
  readonly workdir = join(this.workspace, "7");
  readonly sessionDir = join(this.executorHome, "state/sessions/7");
  readonly runsDir = join(this.executorHome, "state/runs");
  readonly hostDir = join(this.executorHome, "run/hosts/h1");
  readonly outside = join(this.base, "outside");
  readonly #denoDir = join(this.base, "deno");
  readonly env: Readonly<Record<string, string>>;
  readonly #program: InstalledProgram;
  readonly #ownsProgram: boolean;

  /** @param program Shared with other worlds. @default one of its own */
  constructor(readonly user: WorldUser, program?: InstalledProgram) {
    this.#program = program ?? new InstalledProgram();
    this.#ownsProgram = program === undefined;
    Deno.chmodSync(this.base, 0o755);
    Deno.mkdirSync(this.#denoDir);
    for (const dir of [this.workdir, this.sessionDir, this.runsDir, this.hostDir, this.outside]) {
      Deno.mkdirSync(dir, { recursive: true });
    }
    for (const dir of [".ssh", ".cache", "tools", ".claude/projects", "Projects/p"]) {
      Deno.mkdirSync(join(this.home, dir), { recursive: true });
    }
    this.put("home/.ssh/id", "ssh-secret");
    this.put("home/.bashrc", "# start");
    this.put("home/.claude/settings.json", "{}");
    this.put("outside/kept", "kept");
    for (const secret of ["device-config.json", "run/control.secret", "state/runs/journal"]) {
      this.put(join("home/.wegent-executor", secret), "our-secret");
    }
    this.env = {
      HOME: this.home,
      PATH: `${this.home}/tools:/usr/bin:/bin`,
      LC_ALL: "C",
      DENO_DIR: this.#denoDir,
      NO_COLOR: "1",
    };
    this.own();
  }

  /** Writes a file at a path below the world's base. */
  put(path: string, text: string): void {
    Deno.writeTextFileSync(join(this.base, path), text);
  }

  /**
   * Gives the world's own trees to its user. Never the program's directory: its files are hard links to
   * the machine's executables, and an owner belongs to the file, not to the link.
   */
  own(): void {
    if (this.user !== "ordinary" || Deno.uid() !== 0) return;
    const trees = [this.home, this.outside, this.#denoDir];
    const { success } = new Deno.Command("chown", {
      args: ["-Rh", `${NOBODY}:${NOBODY}`, ...trees],
    }).outputSync();
    if (!success) throw new Error("Cannot give the world to its user");
  }

  /** Makes another program usable for the world's user. @returns Its path in the world. */
  addProgram(path: string, name: string): string {
    return this.#program.add(path, name);
  }

  /** Writes the session's policy and returns its path. */
  policy(changes: Partial<PolicyInput> = {}): string {
    const policy = buildPolicy({
      mode: "required",
      userHome: this.home,
      home: this.executorHome,
      workspaceRoot: this.workspace,
      workdir: this.workdir,
      roots: [this.workspace],
      hostDir: this.hostDir,
      runsDir: this.runsDir,
      sessionDir: this.sessionDir,
      env: this.env,
      ...changes,
    });
    const path = join(this.hostDir, "policy.json");
    Deno.writeTextFileSync(path, JSON.stringify(policy));
    this.own();
    return path;
  }

  /** Argv of the launcher for `argv`. */
  launcher(policy: string, kind: LaunchKind, argv: readonly string[]): string[] {
    return [...this.#program.command, ...launchArgs(policy, kind, argv)];
  }

  /** Runs a shell script in the agent's box. */
  async agent(script: string, policy: string = this.policy()): Promise<Ended> {
    return await this.run(this.launcher(policy, "agent", ["sh", "-c", script]));
  }

  /** Runs a command as the world's user, unboxed. */
  async run(argv: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ended> {
    const { code, stdout, stderr } = await this.command(argv, "piped", env).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, stdout: text(stdout), stderr: text(stderr) };
  }

  /** A command of the world's user, unboxed. */
  command(
    argv: readonly string[],
    stdio: "piped" | "null",
    env?: Readonly<Record<string, string>>,
  ): Deno.Command {
    const [name, ...args] = this.#asUser(argv);
    return new Deno.Command(name!, {
      args,
      cwd: "/",
      clearEnv: true,
      env: { ...this.env, ...env },
      stdin: "null",
      stdout: stdio,
      stderr: stdio,
      signal: AbortSignal.timeout(60_000),
    });
  }

  /** Starts a process of the world's user that is talked to, unboxed. Its caller ends it. */
  service(argv: readonly string[], env?: Readonly<Record<string, string>>): Deno.ChildProcess {
    const [name, ...args] = this.#asUser(argv);
    return new Deno.Command(name!, {
      args,
      cwd: "/",
      clearEnv: true,
      env: { ...this.env, ...env },
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
  }

  #asUser(argv: readonly string[]): readonly string[] {
    if (this.user !== "ordinary" || Deno.uid() !== 0) return argv;
    return ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", "--", ...argv];
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.base, { recursive: true });
    if (this.#ownsProgram) this.#program[Symbol.dispose]();
  }
}

/** Puts the program into `dir`, where a user can read it who may be kept out of our own directories. */
function installProgram(dir: string): string[] {
  const binary = Deno.env.get("EXECUTOR_BINARY");
  const executable = join(dir, binary ? "wegent-executor" : "deno");
  linkOrCopy(Deno.realPathSync(binary ?? Deno.execPath()), executable);
  if (binary) return [executable];
  for (const folder of ["src/scope", "src/platform"]) copyModules(folder, dir);
  const entry = join(dir, "entry.ts");
  // What main.ts does for `__launch`, without the packages of the rest of it.
  Deno.writeTextFileSync(
    entry,
    'import { runLauncher } from "./src/scope/launcher.ts";\nrunLauncher(Deno.args.slice(1));\n',
  );
  const flags = ["--no-prompt", "--no-config", "--no-lock", "--quiet", "--allow-read"];
  return [executable, "run", ...flags, "--allow-write", "--allow-env", "--allow-ffi", entry];
}

function copyModules(folder: string, to: string): void {
  Deno.mkdirSync(join(to, folder), { recursive: true });
  for (const entry of Deno.readDirSync(join(ROOT, folder))) {
    if (entry.isFile) {
      Deno.copyFileSync(join(ROOT, folder, entry.name), join(to, folder, entry.name));
    }
  }
}

function linkOrCopy(from: string, to: string): void {
  try {
    Deno.linkSync(from, to);
  } catch (error) {
    // Another file system, or one without hard links.
    if (!(error instanceof Error)) throw error;
    Deno.copyFileSync(from, to);
    Deno.chmodSync(to, 0o755);
  }
}
