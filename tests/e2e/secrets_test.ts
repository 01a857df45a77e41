/**
 * Planted secrets: where they may not be, and where they must be. The model knows them (`⟦name⟧` in a
 * script), says them in every form and in pieces, and has tools that print them; no prompt holds them.
 */
import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { callTool, say, script, type Step } from "../support/model.ts";
import { searchTree } from "../support/secret_search.ts";
import { environmentOf } from "../support/processes.ts";
import { type ExecutionRequest, executionRequest } from "../support/stub_backend.ts";
import { agentPids, type DeviceFixture, LONG, withDevice } from "./fixture.ts";
import { withHub } from "./hub_fixture.ts";
import {
  assertGiven,
  assertHidden,
  assertNowhere,
  EVERYTHING,
  FIELDS,
  holders,
  leaks,
  LOOK_AROUND,
  PROXY,
  SECRETS,
  WORDS,
} from "./planted.ts";

const DAEMON = {
  HTTPS_PROXY: PROXY,
  CLAUDE_CODE_MAX_RETRIES: "0",
};

function planted({ model }: DeviceFixture, ...steps: Step[]): ExecutionRequest {
  const request = executionRequest({
    prompt: script(...steps),
    model: { baseUrl: model.url, apiKey: SECRETS.api },
    fields: FIELDS,
  });
  const [bot] = request["bot"] as { agent_config: { env: Record<string, unknown> } }[];
  bot!.agent_config.env["default_headers"] = { "x-tenant-key": SECRETS.tenant };
  return request;
}

Deno.test("no planted secret is in an event, a journal or a log, in whatever form and pieces it is said", () =>
  withDevice({ env: DAEMON, words: WORDS }, async (fixture) => {
    const turn = planted(
      fixture,
      say(EVERYTHING, { chunkSize: 3, thinking: EVERYTHING }),
    );
    const files = Object.keys(WORDS).map((name) =>
      callTool("Write", {
        file_path: `${fixture.world.workspace}/${turn.task_id}/${name}`,
        content: `⟦${name}⟧`,
      })
    );
    const tools = planted(
      fixture,
      ...files.slice(0, 4),
      callTool("Bash", { command: "cat *; env", description: "⟦api⟧ ⟦gitBase1⟧" }),
      callTool("Bash", { command: "echo ⟦task⟧ >&2; echo ⟦apiBase2⟧; exit 3", description: "d" }),
      say("x", { status: 400, message: `bad ⟦api⟧ ⟦taskUrl⟧ ⟦gitBase0⟧` }),
    );
    await assertNowhere(fixture, turn, { ...tools, task_id: turn.task_id });
  }));

Deno.test("of the planted secrets an agent sees only what it needs itself, and no other process's", () =>
  withDevice({ env: DAEMON, words: WORDS }, async (fixture) => {
    const { model, world } = fixture;
    const turn = planted(fixture, callTool("Bash", { command: LOOK_AROUND, description: "d" }));
    await assertHidden(fixture, turn, "ANTHROPIC_AUTH_TOKEN=wegent-session-", (marked) => {
      assert(marked.length >= 2, "the agent and its command");
      const [pid] = agentPids(world);
      assert(pid !== undefined, "a running agent");
      const env = environmentOf(pid);
      // What cannot be hidden: the agent's own git, and the skills of the task, log in with these.
      assertEquals(holders(env), {
        WEGENT_GIT_TOKEN: ["git"],
        GITLAB_TOKEN: ["git"],
        WEGENT_SKILL_IDENTITY_TOKEN: ["skill"],
      });
      assert(/^wegent-session-[0-9a-f]{64}$/.test(env.get("ANTHROPIC_AUTH_TOKEN") ?? ""));
      assert(env.get("ANTHROPIC_BASE_URL") !== model.url);
      assertGiven(model.scripted()[0]?.headers);
    });
  }));

Deno.test("a turn through the forwarder refused by the model's server says so once, without the key", () =>
  withDevice({ env: DAEMON, words: WORDS }, async (fixture) => {
    const { backend } = fixture;
    const turn = planted(fixture, say("", { status: 401, message: "invalid api key ⟦api⟧" }));
    backend.execute(turn);
    const failed = await backend.waitTerminal(turn.subtask_id, LONG);
    assertEquals(failed.terminals.map((t) => t.data["code"]), ["forbidden"]);
    assertStringIncludes(failed.error, "invalid api key ***");
  }));

Deno.test("a hub's key is in no database, log or event in the clear, though the model says it", async () => {
  await withHub(async ({ hub, world, model, daemon }) => {
    const key = SECRETS.api;
    Object.assign(model.words, WORDS);
    await hub.put("/api/settings", {
      provider: "key",
      base_url: model.url,
      api_key: key,
      model: "claude-opus-4-8",
    });
    const text = "⟦api⟧ ⟦apiJson⟧ ⟦apiUrl⟧ ⟦apiBase0⟧ ⟦apiBase1⟧ ⟦apiBase2⟧.";
    const { taskId, turnId } = await hub.send(script(
      callTool("Bash", {
        command: "echo '⟦apiBase0⟧' | base64 -d; echo ⟦apiUrl⟧",
        description: "d",
      }),
      say(text, { chunkSize: 5, thinking: text }),
    ));
    const turn = await hub.ended(taskId, turnId);
    assertEquals(turn.status, "COMPLETED");
    assertStringIncludes(turn.streamed_text + JSON.stringify(turn), "***");
    const secret = { api: key } as const;
    const inDatabase = searchTree(`${world.root}/hub-data`, secret);
    assertEquals(inDatabase, []);
    assertEquals(leaks(JSON.stringify(await hub.join(taskId))), []);
    const outputs = world.programs.flatMap((program) => program.lines.map((line) => line.text));
    assert(world.programs.includes(daemon));
    assertEquals(leaks(outputs.join("\n")), []);
    const skip = (path: string) => path.startsWith(world.workspace);
    assertEquals(searchTree(world.root, secret, skip), []);
  });
});
