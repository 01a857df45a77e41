/** The real Claude Code CLI in the agent's box: it works, and its tools cannot leave. */
import { join } from "../../src/platform/std/path.ts";
import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { claudeBinary } from "../support/claude_cli.ts";
import { callTool, type LoopbackModel, say, script, startModel } from "../support/model.ts";
import { guardedTest } from "../support/require.ts";
import { SandboxWorld, worldUsers } from "../support/sandbox_world.ts";

/** A line of the CLI's stream. */
interface Line {
  readonly type: string;
  readonly result?: string;
  readonly message?: { readonly content: readonly { type: string; content?: unknown }[] };
}

/** Runs the CLI with `prompt` in the box and returns the texts of its tool results and its answer. */
async function run(
  world: SandboxWorld,
  model: LoopbackModel,
  claude: string,
  prompt: string,
  options: { policy: string; configDir?: string },
): Promise<{ tools: string[]; answer: string | undefined }> {
  Deno.writeTextFileSync(join(world.workdir, "prompt"), prompt);
  world.own();
  const ended = await world.agent(
    `${options.configDir ? `export CLAUDE_CONFIG_DIR=${options.configDir}` : ""}
    export ANTHROPIC_BASE_URL=${model.url} ANTHROPIC_API_KEY=test-key IS_SANDBOX=1 CLAUDE_CODE_MAX_RETRIES=0
    export CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 NO_PROXY=127.0.0.1
    exec ${claude} -p --output-format stream-json --verbose --dangerously-skip-permissions "$(cat prompt)"`,
    options.policy,
  );
  assertEquals(ended.code, 0, ended.stderr + ended.stdout.slice(-2000));
  const lines = ended.stdout.trim().split("\n").map((line) => JSON.parse(line) as Line);
  const results = lines.filter(({ type }) => type === "user")
    .flatMap(({ message }) => message?.content ?? [])
    .filter(({ type }) => type === "tool_result");
  return {
    tools: results.map(({ content }) => JSON.stringify(content)),
    answer: lines.find(({ type }) => type === "result")?.result,
  };
}

for (const user of worldUsers()) {
  guardedTest({
    name: `sandbox (${user}): the Claude CLI works inside, and its tools cannot leave`,
    needs: () => Deno.build.os === "linux" ? undefined : `${Deno.build.os} has no Landlock`,
    async fn() {
      using world = new SandboxWorld(user);
      await using model = await startModel();
      const claude = world.addProgram(await claudeBinary(), "claude");
      const configDir = join(world.workdir, ".claude");
      const policy = world.policy({ agentConfigDir: configDir });
      const version = await world.agent(`${claude} --version`, policy);
      assert(/^\d+\.\d+\.\d+/.test(version.stdout), version.stderr);

      const inside = join(world.workdir, "a.txt");
      const outside = join(world.outside, "new");
      const config = join(world.executorHome, "device-config.json");
      const { tools, answer } = await run(
        world,
        model,
        claude,
        script(
          callTool("Write", { file_path: inside, content: "written" }),
          callTool("Bash", { command: `cat a.txt; mktemp`, description: "in" }),
          callTool("Bash", { command: `echo x > ${outside}`, description: "out" }),
          callTool("Write", { file_path: outside, content: "x" }),
          callTool("Read", { file_path: config }),
          say("done"),
        ),
        { policy, configDir },
      );
      assertEquals(answer, "done");
      assertEquals(Deno.readTextFileSync(inside), "written");
      assertStringIncludes(tools[1] ?? "", `written${world.sessionDir}/tmp/`);
      assertStringIncludes(tools[2] ?? "", "Permission denied");
      assertStringIncludes(tools[3] ?? "", "EACCES");
      assert(!(tools[4] ?? "").includes("our-secret"), tools[4]);
      assertEquals([...Deno.readDirSync(world.outside)].map(({ name }) => name), ["kept"]);
    },
  });

  guardedTest({
    name: `sandbox (${user}): the Claude CLI works with the owner's own ~/.claude`,
    needs: () => Deno.build.os === "linux" ? undefined : `${Deno.build.os} has no Landlock`,
    async fn() {
      using world = new SandboxWorld(user);
      await using model = await startModel();
      const claude = world.addProgram(await claudeBinary(), "claude");
      const own = join(world.home, ".claude");
      for (const dir of ["session-env", "sessions", "shell-snapshots"]) {
        Deno.mkdirSync(join(own, dir));
      }
      const policy = world.policy({ agentConfigDir: own });
      const settings = join(own, "settings.json");
      const { tools, answer } = await run(
        world,
        model,
        claude,
        script(
          callTool("Bash", { command: "echo works", description: "in" }),
          callTool("Bash", { command: `echo x > ${settings}`, description: "settings" }),
          callTool("Bash", { command: `mv ${settings} ${own}/projects/s`, description: "move" }),
          callTool("Bash", { command: `mkdir ${own}/hooks`, description: "hooks" }),
          say("done"),
        ),
        { policy },
      );
      assertEquals(answer, "done");
      assertStringIncludes(tools[0] ?? "", "works");
      for (const refused of tools.slice(1)) assertStringIncludes(refused, "Permission denied");
      assertEquals(Deno.readTextFileSync(settings), "{}");
    },
  });
}
