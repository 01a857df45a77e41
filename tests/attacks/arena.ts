/** One attack in a world of its own: the daemon's steps up to the real launcher, with a fence taken away. */
import { join } from "../../src/platform/std/path.ts";
import {
  assertCommandEnv,
  buildCommandPolicy,
  launchErrorOf,
  type Policy,
  type PolicyInput,
} from "../../src/scope/mod.ts";
import { AppError } from "../../src/platform/errors.ts";
import type { WorkdirDecision } from "../../src/workdir/mod.ts";
import {
  type Ended,
  type InstalledProgram,
  SandboxWorld,
  type WorldUser,
} from "../support/sandbox_world.ts";
import type { Attack, DirectoryWish, Fence } from "./attack.ts";
import { type Canary, canaryOf, changes } from "./canary.ts";
import type { Driver } from "./driver.ts";
import { Victim } from "./victim.ts";

/** How an attack went. */
export interface Outcome {
  readonly through: boolean;
  /** Paths outside that differ afterwards. */
  readonly changed: readonly string[];
  readonly ended: Ended;
  /** What the fences said, for a failing test. */
  readonly notes: readonly string[];
}

/** What differs from a world's usual policy. */
type PolicyChanges = Pick<PolicyInput, "env" | "preset">;

/** Id of the device in every world. */
const DEVICE = "device-1";

/** See the module comment. */
export class Arena {
  readonly world: SandboxWorld;
  readonly notes: string[] = [];
  victim: Victim | null = null;
  /** Things a case remembers between its steps. */
  readonly memory = new Map<string, string>();

  constructor(
    user: WorldUser,
    program: InstalledProgram,
    readonly off: Fence | null,
    readonly driver: Driver,
  ) {
    this.world = new SandboxWorld(user, program);
    const { world } = this;
    for (const dir of ["Projects/p", "Documents", ".config/gh", ".ssh"]) {
      Deno.mkdirSync(join(world.home, dir), { recursive: true });
    }
    Deno.mkdirSync(join(world.workspace, "8"));
    Deno.mkdirSync(join(world.executorHome, "state/sessions/8"));
    world.put("home/Documents/letter", "letter");
    world.put("home/tools/git", '#!/bin/sh\nexec /usr/bin/git "$@"\n');
    Deno.chmodSync(join(world.home, "tools/git"), 0o755);
    Deno.writeTextFileSync(join(world.workspace, "8/file"), "another session's");
  }

  get user(): WorldUser {
    return this.world.user;
  }
  /** The tree that nobody was given. */
  get out(): string {
    return this.world.outside;
  }
  get home(): string {
    return this.world.home;
  }
  get eh(): string {
    return this.world.executorHome;
  }
  /** The managed directory of the session. */
  get workdir(): string {
    return this.world.workdir;
  }
  get projects(): string {
    return join(this.world.home, "Projects");
  }
  /** Allowed roots when a case names none. */
  get roots(): readonly string[] {
    return [this.world.workspace, this.projects];
  }

  /** Makes a link. */
  link(target: string, path: string): void {
    Deno.symlinkSync(target, path);
  }

  /** Puts a link to `target` where the directory `path` was, which moves aside. */
  swap(path: string, target: string): void {
    Deno.renameSync(path, `${path}-aside`);
    Deno.symlinkSync(target, path);
  }

  /** Runs `attack` to its end. */
  async run(attack: Attack): Promise<Outcome> {
    const { world } = this;
    try {
      await attack.setup?.(this);
      world.own();
      if (attack.victim) this.victim = await Victim.start(world);
      const { policy, env } = await this.#plan(attack);
      attack.between?.(this);
      const before = this.#canary();
      if (attack.worker) await this.#hole(attack.worker(this));
      const script = attack.script?.(this) ?? "echo x > new; echo x > kept; echo x > file";
      const argv = world.launcher(policy, attack.kind ?? "agent", ["bash", "-c", script]);
      const ended = await world.run(argv, env);
      const changed = changes(before, this.#canary());
      const refused = launchErrorOf(ended.stderr);
      if (refused) this.notes.push(`launcher: ${refused.code}`);
      const through = await attack.through?.(this, ended) ??
        (changed.length > 0 || /(our|victims|ssh)-secret/.test(ended.stdout));
      return { through, changed, ended, notes: this.notes };
    } finally {
      await this.victim?.[Symbol.asyncDispose]();
      world[Symbol.dispose]();
    }
  }

  /** Everything in the world but what the session was given. */
  #canary(): Canary {
    const { world } = this;
    return canaryOf(world.base, [
      world.workdir,
      world.sessionDir,
      join(world.home, ".cache"),
      join(world.base, "deno"),
    ]);
  }

  /** The daemon's part: directory, policy and variables. */
  async #plan(attack: Attack): Promise<{ policy: string; env: Record<string, string> }> {
    if (attack.kind === "command") return this.#planCommand(attack);
    const wish = attack.wish?.(this);
    const roots = wish?.roots ?? this.roots;
    const workdir = wish ? await this.#choose(wish, roots) : this.workdir;
    return { policy: this.#write(this.#policyFor(workdir, roots, attack)), env: {} };
  }

  async #choose(wish: DirectoryWish, roots: readonly string[]): Promise<string> {
    const { world } = this;
    if (this.off === "resolver") return wish.workdir.replace(/^~(?=\/|$)/, world.home);
    const decision = await this.driver.ask<WorkdirDecision>({
      op: "decide",
      request: {
        taskId: 7,
        deviceId: wish.deviceId ?? DEVICE,
        workdir: wish.workdir,
        policy: wish.policy ?? "existing",
      },
      context: {
        workspaceRoot: world.workspace,
        allowedRoots: roots,
        userHome: world.home,
        executorHome: world.executorHome,
        deviceId: DEVICE,
      },
    });
    this.notes.push(`resolver: ${JSON.stringify(decision)}`);
    return decision.kind === "directory" ? decision.path : world.workdir;
  }

  /**
   * The policy for a directory. It is made as for an allowed one and then given the real roots, so that a
   * directory which nobody checked reaches the launcher.
   */
  #policyFor(workdir: string, roots: readonly string[], attack: Attack): Policy {
    const { world } = this;
    const changes: PolicyChanges = {
      env: { ...world.env, ...attack.daemonEnv?.(this) },
      ...(attack.strict && { preset: "strict" }),
    };
    const file = world.policy({ ...changes, workdir: this.workdir, roots: [world.workspace] });
    const checked: Policy = JSON.parse(Deno.readTextFileSync(file));
    const real = world.policy({ ...changes, roots });
    const { roots: realRoots }: Policy = JSON.parse(Deno.readTextFileSync(real));
    const wide = this.#tryPolicy(workdir, changes) ?? checked;
    return { ...wide, workdir: this.off === "resolver" ? workdir : wide.workdir, roots: realRoots };
  }

  /** Null when not even a policy can be made: the launcher then gets the raw path. */
  #tryPolicy(workdir: string, changes: PolicyChanges): Policy | null {
    try {
      const file = this.world.policy({ ...changes, workdir, roots: ["/"] });
      return JSON.parse(Deno.readTextFileSync(file));
    } catch (error) {
      if (!(error instanceof AppError || error instanceof Error)) throw error;
      this.notes.push(`policy: ${error.message}`);
      return null;
    }
  }

  #planCommand(attack: Attack): { policy: string; env: Record<string, string> } {
    const { world } = this;
    const asked = attack.env?.(this) ?? {};
    const { workdir: cwd, roots } = {
      workdir: this.workdir,
      roots: this.roots,
      ...attack.wish?.(this),
    };
    const policy = buildCommandPolicy({
      mode: "required",
      userHome: world.home,
      home: world.executorHome,
      workspaceRoot: world.workspace,
      roots,
      cwd,
      tmpDir: join(world.sessionDir, "tmp"),
      env: world.env,
      ...(attack.strict && { preset: "strict" }),
    });
    let env = asked;
    if (this.off !== "launcher") {
      try {
        assertCommandEnv(asked);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        this.notes.push(`variables: ${error.code}`);
        env = {};
      }
    }
    return { policy: this.#write(policy), env };
  }

  /** Writes the policy with one fence taken away. */
  #write(policy: Policy): string {
    const path = join(this.world.hostDir, "policy.json");
    const mode = this.off === "os" ? "off" : policy.mode;
    const roots = this.off === "launcher" ? ["/"] : policy.roots;
    Deno.writeTextFileSync(path, JSON.stringify({ ...policy, mode, roots }));
    this.world.own();
    return path;
  }

  async #hole(source: string): Promise<void> {
    const { world } = this;
    const scope = {
      workspaceRoot: world.workspace,
      allowedRoots: this.roots,
      stateDir: join(world.executorHome, "state"),
      executorHome: world.executorHome,
      backendUrl: "http://127.0.0.1:9",
    };
    const said = await this.driver.ask<string>({
      op: "worker",
      source,
      scope: this.off === "worker" ? null : scope,
    });
    this.notes.push(`worker: ${said}`);
  }
}
