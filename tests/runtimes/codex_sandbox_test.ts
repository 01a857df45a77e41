/** The real Codex CLI in the agent's box: it works, its commands cannot leave, and its own sandbox does not nest. */
import { join } from "../../src/platform/std/path.ts";
import { executeRequest } from "../../src/protocol/mod.ts";
import { linkHome } from "../../src/runtimes/codex/home.ts";
import { codex } from "../../src/runtimes/codex/mod.ts";
import type { CodexPlan } from "../../src/runtimes/codex/plan.ts";
import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { codexBinary } from "../support/codex_cli.ts";
import { golden, RunningTurn } from "../support/codex_harness.ts";
import { guardedTest } from "../support/require.ts";
import { ResponsesModel, script } from "../support/responses_model.ts";
import { SandboxWorld, type WorldUser, worldUsers } from "../support/sandbox_world.ts";

/** What a command of Codex says in the box, as its event and as the model has it. */
async function run(
  world: SandboxWorld,
  cmd: string,
  inherited: Record<string, string> = {},
  owner: string | null = null,
): Promise<{ output: string; told: string }> {
  await using model = await ResponsesModel.start();
  const binary = world.addProgram(await codexBinary(), "codex");
  const own = join(world.workdir, ".wegent/.codex");
  Deno.mkdirSync(own, { recursive: true });
  const policy = world.policy({ agentConfigDir: owner ?? own });
  const steps = [{ tools: [{ name: "exec_command", input: { cmd } }] }, { text: "Done." }];
  const request = executeRequest.parse({
    task_id: 7,
    subtask_id: 8,
    prompt: script(...steps),
    model_config: { model_id: "gpt-test", base_url: model.url, api_key: "sk-0123456789" },
  });
  const plan = await codex.plan(request, {
    workdir: world.workdir,
    configDir: owner === null ? own : null,
    tempDir: join(world.sessionDir, "tmp"),
    stateDir: world.sessionDir,
    mark: "sandbox-test",
    variables: {},
  }, { ...world.env, ...inherited });
  // It is the host that makes the home, as the world's user.
  const { home } = plan as CodexPlan;
  if (home !== null) linkHome(home);
  world.own();
  const process = codex.start(plan, {
    launch: [...asUser(world.user), ...world.launcher(policy, "agent", [])],
    binary,
    cwd: "/",
    env: world.env,
    session: { kind: "fresh", id: "x" },
  });
  try {
    const turn = new RunningTurn(process, request, { workdir: world.workdir });
    const outcome = await turn.outcome(60_000);
    assertEquals(outcome.kind, "completed", JSON.stringify(outcome));
    const end = golden(turn.events).find(([name]) => name === "output_item.done");
    const items = model.scripted.at(-1)?.body?.input ?? [];
    const told = items.find(({ type }) => type === "function_call_output")?.["output"];
    return { output: String(end?.[3]), told: String(told) };
  } finally {
    await process.stop();
  }
}

function asUser(user: WorldUser): string[] {
  if (user !== "ordinary" || Deno.uid() !== 0) return [];
  return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"];
}

for (const user of worldUsers()) {
  guardedTest({
    name: `sandbox (${user}): Codex works inside, and its commands cannot leave`,
    needs: () => Deno.build.os === "linux" ? undefined : `${Deno.build.os} has no Landlock`,
    async fn() {
      using world = new SandboxWorld(user);
      const config = join(world.executorHome, "device-config.json");
      const { output } = await run(
        world,
        `echo inside > a.txt; cat a.txt; mktemp; echo x > ${world.outside}/new; cat ${config}`,
      );
      assertStringIncludes(output, `inside\n${world.sessionDir}/tmp/`);
      assertStringIncludes(output, "new: Permission denied");
      assertStringIncludes(output, `${config}: Permission denied`);
      assert(!output.includes("our-secret"), output);
      assertEquals([...Deno.readDirSync(world.outside)].map(({ name }) => name), ["kept"]);
    },
  });
}

for (const user of worldUsers()) {
  guardedTest({
    name: `sandbox (${user}): Codex works with its owner's ~/.codex and cannot change its settings`,
    needs: () => Deno.build.os === "linux" ? undefined : `${Deno.build.os} has no Landlock`,
    async fn() {
      using world = new SandboxWorld(user);
      const owner = join(world.home, ".codex");
      Deno.mkdirSync(join(owner, "sessions"), { recursive: true });
      world.put("home/.codex/config.toml", "# mine");
      world.put("home/.codex/auth.json", "{}");
      const { output } = await run(
        world,
        `cd ${owner}; echo x > config.toml; echo x > hooks.json; cat $CODEX_HOME/config.toml`,
        {},
        owner,
      );
      assertStringIncludes(output, "config.toml: Permission denied");
      assertStringIncludes(output, "hooks.json: Permission denied");
      assertStringIncludes(output, "# mine");
      assertEquals(Deno.readTextFileSync(join(owner, "config.toml")), "# mine");
      assertEquals([...Deno.readDirSync(join(owner, "sessions"))].length, 1);
    },
  });
}

guardedTest({
  name: "sandbox: Codex' own cannot start inside ours, so it is off there (docs/codex.md)",
  needs: () => Deno.build.os === "linux" ? undefined : `${Deno.build.os} has no Landlock`,
  async fn() {
    using world = new SandboxWorld(Deno.uid() === 0 ? "root" : "ordinary");
    const { told } = await run(world, "echo ran", { WEGENT_CODEX_SANDBOX: "workspace-write" });
    assert(!told.includes("\nran"), told);
    assertStringIncludes(told, "bubblewrap");
  },
});
