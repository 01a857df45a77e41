/** The real Codex CLI in the agent's box: it works, its commands cannot leave, and its own sandbox does not nest. */
import { join } from "../../src/platform/std/path.ts";
import { executeRequest } from "../../src/protocol/mod.ts";
import { codex } from "../../src/runtimes/codex/mod.ts";
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
): Promise<{ output: string; told: string }> {
  await using model = await ResponsesModel.start();
  const binary = world.addProgram(await codexBinary(), "codex");
  const configDir = join(world.workdir, ".wegent/.codex");
  Deno.mkdirSync(configDir, { recursive: true });
  const policy = world.policy({ agentConfigDir: configDir });
  const steps = [{ tools: [{ name: "exec_command", input: { cmd } }] }, { text: "Done." }];
  const request = executeRequest.parse({
    task_id: 7,
    subtask_id: 8,
    prompt: script(...steps),
    model_config: { model_id: "gpt-test", base_url: model.url, api_key: "sk-0123456789" },
  });
  const plan = await codex.plan(request, {
    workdir: world.workdir,
    configDir,
    tempDir: join(world.sessionDir, "tmp"),
    stateDir: world.sessionDir,
    mark: "sandbox-test",
    variables: {},
  }, { ...world.env, ...inherited });
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
