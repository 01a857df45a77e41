import { assert, assertEquals, assertThrows } from "../../tests/support/assert.ts";
import { AppError } from "../platform/errors.ts";
import { join } from "../platform/std/path.ts";
import { buildCommandPolicy, type CommandPolicyInput } from "./command_policy.ts";
import { parsePolicy } from "./policy.ts";

function home(): { base: string; input: CommandPolicyInput; [Symbol.dispose](): void } {
  const base = Deno.realPathSync(Deno.makeTempDirSync());
  const user = join(base, "u");
  const eh = join(user, ".wegent-executor");
  for (const dir of ["workspace/7", "state/commands", "run"]) {
    Deno.mkdirSync(join(eh, dir), { recursive: true });
  }
  for (const dir of [".cache", ".ssh", "tools", "Projects/p", "chats"]) {
    Deno.mkdirSync(join(user, dir), { recursive: true });
  }
  const input: CommandPolicyInput = {
    mode: "workdir",
    userHome: user,
    home: eh,
    workspaceRoot: join(eh, "workspace"),
    roots: ["workspace"].map((name) => join(eh, name)).concat(
      ["Projects", "chats", "missing"].map((name) => join(user, name)),
    ),
    cwd: "/etc",
    tmpDir: join(eh, "state/commands/c1"),
    env: { PATH: `${user}/tools:/usr/bin`, HOME: user },
  };
  return { base, input, [Symbol.dispose]: () => Deno.removeSync(base, { recursive: true }) };
}

Deno.test("buildCommandPolicy() starts anywhere and writes roots, caches and its own tmp", () => {
  using world = home();
  const { input } = world;
  const { userHome, workspaceRoot, tmpDir } = input;
  const policy = buildCommandPolicy(input);
  assertEquals([policy.workdir, policy.roots], ["/etc", ["/"]]);
  assertEquals(Object.keys(policy.boxes), ["command", "terminal"]);
  const { command } = policy.boxes;
  const inHome = ["Projects", "chats", ".cache"].map((name) => join(userHome, name));
  assertEquals(command?.write, [workspaceRoot, ...inHome, tmpDir]);
  assertEquals(command?.denyRead, [input.home]);
  for (const kept of ["tools", ".bashrc", ".claude/hooks"]) {
    assert(command?.denyWrite.includes(join(userHome, kept)), kept);
  }
  assertEquals(parsePolicy(JSON.stringify(policy)), policy);
});

Deno.test("buildCommandPolicy() starts in nothing that commands may not read", () => {
  using world = home();
  const { input } = world;
  const code = (cwd: string, changes: Partial<CommandPolicyInput> = {}) =>
    (assertThrows(() => buildCommandPolicy({ ...input, cwd, ...changes }), AppError) as AppError)
      .code;
  Deno.symlinkSync(join(input.home, "run"), join(input.userHome, "way"));
  assertEquals(code(input.home), "workdir_denied");
  assertEquals(code(join(input.home, "run")), "workdir_denied");
  assertEquals(code(join(input.userHome, "way")), "workdir_denied");
  assertEquals(code(join(input.userHome, ".ssh"), { preset: "strict" }), "workdir_denied");
  assertEquals(
    code(join(input.userHome, "Projects/p"), { denyRead: [input.userHome + "/Projects"] }),
    "workdir_denied",
  );
  assertEquals(code("/no/such/directory"), "workdir_missing");
  for (const cwd of [join(input.workspaceRoot, "7"), join(input.userHome, ".ssh"), "/"]) {
    assertEquals(buildCommandPolicy({ ...input, cwd }).workdir, cwd);
  }
});

Deno.test("buildCommandPolicy() opens nothing through links in a tree that agents write", () => {
  using world = home();
  const { input } = world;
  const { userHome } = input;
  const outside = join(world.base, "outside");
  Deno.mkdirSync(outside);
  for (const name of ["root", "extra", "cache"]) {
    Deno.symlinkSync(outside, join(userHome, "Projects", name));
  }
  const policy = buildCommandPolicy({
    ...input,
    roots: [...input.roots, join(userHome, "Projects/root")],
    extraWrite: [join(userHome, "Projects/extra")],
    env: { ...input.env, XDG_CACHE_HOME: join(userHome, "Projects/cache") },
  });
  assertEquals(policy.boxes.command?.write.includes(outside), false);
});
