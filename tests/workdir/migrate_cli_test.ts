/** A migrated conversation goes on: the real CLI resumes it in its new configuration directory. */
import { join } from "../../src/platform/std/path.ts";
import { migrateSession } from "../../src/workdir/mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { claudeBinary } from "../support/claude_cli.ts";
import { say, script, startModel } from "../support/model.ts";
import { Workshop } from "../support/workshop.ts";

/** One turn of the CLI; answers its result. */
async function turn(
  shop: Workshop,
  modelUrl: string,
  configDir: string,
  prompt: string,
  resume?: string,
): Promise<{ session_id: string; is_error: boolean; result?: string }> {
  const { stdout, stderr } = await new Deno.Command(await claudeBinary(), {
    args: [
      ..."-p --output-format json --model claude-opus-4-8 --strict-mcp-config".split(" "),
      ...(resume ? ["--resume", resume] : []),
      prompt,
    ],
    cwd: shop.workdir,
    clearEnv: true,
    env: {
      PATH: Deno.env.get("PATH") ?? "",
      HOME: shop.home,
      CLAUDE_CONFIG_DIR: configDir,
      ANTHROPIC_BASE_URL: modelUrl,
      ANTHROPIC_AUTH_TOKEN: "test-key-of-the-model",
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
      DISABLE_AUTOUPDATER: "1",
      NO_PROXY: "127.0.0.1",
    },
    stdin: "null",
    signal: AbortSignal.timeout(60_000),
  }).output();
  const text = new TextDecoder().decode(stdout);
  assert(text.startsWith("{"), text + new TextDecoder().decode(stderr));
  return JSON.parse(text);
}

Deno.test("migrateSession() carries a conversation that the real CLI resumes", async () => {
  await using model = await startModel();
  using shop = new Workshop();
  const oldConfigDir = join(shop.workdir, ".claude");
  const newConfigDir = join(shop.workdir, ".wegent/.claude");
  const [oldDir, newDir] = [join(shop.base, "state"), join(shop.workdir, ".wegent/session/7/s")];
  for (const dir of [oldDir, newDir]) Deno.mkdirSync(dir, { recursive: true });
  const first = await turn(
    shop,
    model.url,
    oldConfigDir,
    script(say("I shall remember the blue teapot")),
  );
  const old = {
    version: 1,
    agent: "claude",
    id: first.session_id,
    model: null,
    workdir: shop.workdir,
    config_dir: oldConfigDir,
  };
  Deno.writeTextFileSync(join(oldDir, "session.json"), JSON.stringify(old));
  const again = script(say("still here"));
  const without = await turn(shop, model.url, newConfigDir, again, first.session_id)
    .catch((error: Error) => error.message);
  assert(JSON.stringify(without).includes("No conversation found"), JSON.stringify(without));
  const outcome = await migrateSession({
    oldDir,
    newDir,
    oldConfigDir,
    newConfigDir,
    workdir: shop.workdir,
    pythonDirs: [],
    botId: null,
    ownerConfigDir: join(shop.home, ".claude"),
  });
  assertEquals(outcome.session, first.session_id);
  const second = await turn(shop, model.url, newConfigDir, again, first.session_id);
  assertEquals([second.is_error, second.result], [false, "still here"]);
  assert(JSON.stringify(model.scripted().at(-1)?.body).includes("blue teapot"), "not resumed");
});
