import { assert, assertEquals, assertThrows } from "../../tests/support/assert.ts";
import { AppError } from "../platform/errors.ts";
import { join } from "../platform/std/path.ts";
import { buildPolicy, type PolicyInput } from "./build_policy.ts";
import { isWithin } from "./paths.ts";
import { parsePolicy } from "./policy.ts";

/** A home on a real disk, because links are what this is about. */
function home(): { base: string; input: PolicyInput; [Symbol.dispose](): void } {
  const base = Deno.realPathSync(Deno.makeTempDirSync());
  const user = join(base, "u");
  const eh = join(user, ".wegent-executor");
  for (const dir of ["workspace/7", "state/sessions/7", "state/runs", "run/hosts/h", "agents"]) {
    Deno.mkdirSync(join(eh, dir), { recursive: true });
  }
  for (const dir of [".cache", ".claude", ".ssh", "tools", "Projects/p"]) {
    Deno.mkdirSync(join(user, dir), { recursive: true });
  }
  const input: PolicyInput = {
    mode: "workdir",
    userHome: user,
    home: eh,
    workspaceRoot: join(eh, "workspace"),
    workdir: join(eh, "workspace/7"),
    roots: [join(eh, "workspace"), join(user, "Projects")],
    hostDir: join(eh, "run/hosts/h"),
    runsDir: join(eh, "state/runs"),
    sessionDir: join(eh, "state/sessions/7"),
    env: { PATH: `${user}/tools:/usr/bin:relative`, HOME: user },
  };
  return { base, input, [Symbol.dispose]: () => Deno.removeSync(base, { recursive: true }) };
}

Deno.test("buildPolicy() gives the agent its session and caches, the host its journal too", () => {
  using world = home();
  const { input } = world;
  const policy = buildPolicy(input);
  const { agent, host } = policy.boxes;
  assert(agent && host);
  const own = [input.workdir, input.sessionDir, join(input.userHome, ".cache")];
  assertEquals(agent.write, own);
  assertEquals(host.write, [...own, input.hostDir, input.runsDir]);
  assertEquals(agent.tmpDir, join(input.sessionDir, "tmp"));
  assertEquals(agent.denyRead, [input.home]);
  assert(agent.denyWrite.includes(join(input.userHome, "tools")));
  assert(agent.denyWrite.includes(join(input.userHome, ".bashrc")));
  assert(agent.denyWrite.includes(join(input.userHome, ".claude/settings.json")));
  assert(!agent.denyWrite.some((path) => path.includes("relative")));
  assertEquals(parsePolicy(JSON.stringify(policy)), policy);
});

Deno.test("buildPolicy() gives what prepares a directory the directory, and nothing of the agent's", () => {
  using world = home();
  const { input } = world;
  Deno.mkdirSync(join(input.userHome, ".cache/git"));
  const workdir = join(input.userHome, "Projects/p");
  const extra = join(input.userHome, "Projects/shared");
  Deno.mkdirSync(extra);
  const agentConfigDir = join(input.userHome, ".claude");
  const policy = buildPolicy({ ...input, workdir, extraWrite: [extra], agentConfigDir });
  const { agent, prepare } = policy.boxes;
  assert(agent && prepare);
  const tmp = join(input.sessionDir, "tmp");
  assertEquals(prepare.write, [workdir, tmp, extra, join(input.userHome, ".cache/git")]);
  assertEquals({ ...prepare, write: [] }, { ...agent, write: [] });
  // It nests in the host's box, so nothing in it may be more than that has.
  const outside = prepare.write.filter((path) =>
    !policy.boxes.host?.write.some((tree) => isWithin(tree, path))
  );
  assertEquals(outside, []);
});

Deno.test("buildPolicy() lets no root in through a link inside another root", () => {
  using world = home();
  const { input } = world;
  const roots = [join(input.userHome, "Projects"), join(input.userHome, "Projects/p")];
  const workdir = join(input.userHome, "tools");
  Deno.removeSync(roots[1]!);
  Deno.symlinkSync(workdir, roots[1]!);
  const error = assertThrows(() => buildPolicy({ ...input, workdir, roots }), AppError) as AppError;
  assertEquals(error.code, "workdir_outside_roots");
  assertEquals(buildPolicy({ ...input, workdir, roots: [roots[1]!] }).roots, [workdir]);
});

Deno.test("buildPolicy() refuses a workdir outside the roots, through a link too", () => {
  using world = home();
  const { input, base } = world;
  const outside = join(base, "outside");
  Deno.mkdirSync(outside);
  const link = join(input.workspaceRoot, "8");
  Deno.symlinkSync(outside, link);
  for (const workdir of [outside, link, `${input.workspaceRoot}-beside`]) {
    Deno.mkdirSync(`${input.workspaceRoot}-beside`, { recursive: true });
    const error = assertThrows(() => buildPolicy({ ...input, workdir }), AppError) as AppError;
    assertEquals(error.code, "workdir_outside_roots");
  }
  const missing = { ...input, workdir: join(input.workspaceRoot, "9") };
  assertEquals(
    (assertThrows(() => buildPolicy(missing), AppError) as AppError).code,
    "workdir_missing",
  );
});

Deno.test("buildPolicy() grants nothing through a link that an agent may have made", () => {
  using world = home();
  const { input } = world;
  const ssh = join(input.userHome, ".ssh");
  // In the workdir: covered by it, and the link is not followed.
  Deno.symlinkSync(ssh, join(input.workdir, ".claude"));
  const inside = buildPolicy({ ...input, agentConfigDir: join(input.workdir, ".claude") });
  assertEquals(inside.boxes.agent?.write.includes(ssh), false);
  // In the managed directory of a session that works elsewhere now.
  const elsewhere = {
    ...input,
    workdir: join(input.userHome, "Projects/p"),
    agentConfigDir: join(input.workdir, ".claude"),
  };
  assertEquals(
    (assertThrows(() => buildPolicy(elsewhere), AppError) as AppError).code,
    "path_moved",
  );
  // A cache inside a cache, named by a variable.
  Deno.symlinkSync(ssh, join(input.userHome, ".cache/go"));
  const env = { ...input.env, GOMODCACHE: join(input.userHome, ".cache/go") };
  assertEquals(buildPolicy({ ...input, env }).boxes.agent?.write.includes(ssh), false);
});

Deno.test("buildPolicy() follows the owner's own links", () => {
  using world = home();
  const { input, base } = world;
  const data = join(base, "data");
  Deno.mkdirSync(data);
  Deno.removeSync(join(input.userHome, ".cache"));
  Deno.symlinkSync(data, join(input.userHome, ".cache"));
  Deno.writeTextFileSync(join(base, "dotfile"), "");
  Deno.symlinkSync(join(base, "dotfile"), join(input.userHome, ".bashrc"));
  const { agent } = buildPolicy(input).boxes;
  assert(agent?.write.includes(data));
  // Neither the link nor what it leads to may be replaced.
  assert(agent?.denyWrite.includes(join(base, "dotfile")));
  assert(agent?.denyWrite.includes(join(input.userHome, ".bashrc")));
});

Deno.test("buildPolicy() takes no variable's word that our state or a home is a cache", () => {
  using world = home();
  const { input } = world;
  for (const path of [input.home, join(input.home, "run"), input.userHome, "/", "relative"]) {
    const { agent } = buildPolicy({ ...input, env: { ...input.env, XDG_CACHE_HOME: path } }).boxes;
    const wrong = agent?.write.filter((tree) =>
      isWithin(tree, input.home) || tree === join(input.home, "run")
    );
    assertEquals(wrong, [], path);
  }
});

Deno.test("buildPolicy() gives a preparation places of its own, kept from the agent", () => {
  using world = home();
  const { input } = world;
  const own = join(input.hostDir, "changes");
  const { host, agent, prepare } = buildPolicy({ ...input, prepareWrite: [own] }).boxes;
  assert(prepare?.write.includes(own));
  assert(host?.write.some((tree) => own.startsWith(`${tree}/`)), "the host has it too");
  assert(!agent?.write.some((tree) => own === tree || own.startsWith(`${tree}/`)));
  assertEquals(prepare?.denyRead, [input.home]);
});

Deno.test("buildPolicy() adds what the configuration denies and allows", () => {
  using world = home();
  const { input } = world;
  const extra = join(input.userHome, "Projects/p");
  const policy = buildPolicy({
    ...input,
    extraWrite: [extra],
    denyRead: ["/srv"],
    preset: "strict",
  });
  const { agent } = policy.boxes;
  assert(agent?.write.includes(extra));
  assert(agent?.denyRead.includes("/srv"));
  assert(agent?.denyRead.includes(join(input.userHome, ".ssh")));
});
