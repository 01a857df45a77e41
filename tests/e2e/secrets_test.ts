/**
 * Planted secrets: where they may not be, and where they must be. The model knows them (`⟦name⟧` in a
 * script), says them in every form and in pieces, and has tools that print them; no prompt holds them.
 */
import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { callTool, say, script, type Step } from "../support/model.ts";
import { formsOfSecret, searchTree } from "../support/secret_search.ts";
import { allProcesses, environmentOf } from "../support/processes.ts";
import { type ExecutionRequest, executionRequest, STUB_TOKEN } from "../support/stub_backend.ts";
import { agentPids, type DeviceFixture, LONG, markedPids, until, withDevice } from "./fixture.ts";
import { withHub } from "./hub_fixture.ts";
import {
  EVERYTHING,
  holders,
  joined,
  leaks,
  type Name,
  requests,
  SECRETS,
  WORDS,
} from "./planted.ts";
import { exists } from "./workdir_turn.ts";

const DAEMON = {
  HTTPS_PROXY: `http://me:${encodeURIComponent(SECRETS.proxy)}@127.0.0.1:9`,
  CLAUDE_CODE_MAX_RETRIES: "0",
};

function planted({ model }: DeviceFixture, ...steps: Step[]): ExecutionRequest {
  const request = executionRequest({
    prompt: script(...steps),
    model: { baseUrl: model.url, apiKey: SECRETS.api },
    fields: {
      auth_token: SECRETS.task,
      skill_identity_token: SECRETS.skill,
      user: {
        id: 1,
        name: "tester",
        git_domain: "git.example.com",
        git_token: SECRETS.git,
        git_login: "me",
      },
    },
  });
  const [bot] = request["bot"] as { agent_config: { env: Record<string, unknown> } }[];
  bot!.agent_config.env["default_headers"] = { "x-tenant-key": SECRETS.tenant };
  return request;
}

Deno.test("no planted secret is in an event, a journal or a log, in whatever form and pieces it is said", () =>
  withDevice({ env: DAEMON, words: WORDS }, async (fixture) => {
    const { backend, world, daemon } = fixture;
    const turn = planted(
      fixture,
      say(EVERYTHING, { chunkSize: 3, thinking: EVERYTHING }),
    );
    backend.execute(turn);
    const said = await backend.waitTerminal(turn.subtask_id, LONG);
    assertEquals(said.status, "COMPLETED", said.error);
    const files = Object.keys(WORDS).map((name) =>
      callTool("Write", {
        file_path: `${world.workspace}/${turn.task_id}/${name}`,
        content: `⟦${name}⟧`,
      })
    );
    const tools = {
      ...planted(
        fixture,
        ...files.slice(0, 4),
        callTool("Bash", { command: "cat *; env", description: "⟦api⟧ ⟦gitBase1⟧" }),
        callTool("Bash", { command: "echo ⟦task⟧ >&2; echo ⟦apiBase2⟧; exit 3", description: "d" }),
        say("x", { status: 400, message: `bad ⟦api⟧ ⟦taskUrl⟧ ⟦gitBase0⟧` }),
      ),
      task_id: turn.task_id,
    };
    backend.execute(tools);
    const failed = await backend.waitTerminal(tools.subtask_id, LONG);
    assertEquals(failed.status, "FAILED");
    assertStringIncludes(failed.error, "bad *** *** ***");
    const events = [turn, tools].flatMap((t) => backend.eventsOf(t.subtask_id));
    const text = joined(events);
    assert(text.length > 500 && text.includes("***"), "the model has said something");
    const sent = JSON.stringify(events) + text;
    for (const [name, secret] of Object.entries(SECRETS)) {
      for (const form of formsOfSecret(secret)) assert(!sent.includes(form), `${name}: ${form}`);
    }
    await until(() => requests(world.executorHome).length === 0, "the requests' removal");
    const output = daemon.lines.map((line) => line.text).join("\n");
    assertEquals(leaks(output), []);
    // The CLI's own record, and what the agent wrote, lie in the working directory: it said them there.
    const found = searchTree(world.root, SECRETS, (path) => path.startsWith(world.workspace));
    assertEquals(found, []);
    const records = searchTree(world.workspace, SECRETS);
    assert(records.some(({ path }) => path.endsWith(".jsonl")), "the search finds what is there");
  }));

Deno.test("of the planted secrets an agent sees only what it needs itself, and no other process's", () =>
  withDevice({ env: DAEMON, words: WORDS }, async (fixture) => {
    const { backend, model, world } = fixture;
    const dump = "for p in /proc/[0-9]*; do cat $p/environ $p/cmdline; done > dump 2>/dev/null; " +
      "cat ../../state/runs/*/request.* ../../device-config.json ../../run/*/* > files 2>&1; touch here; sleep 300";
    const turn = planted(fixture, callTool("Bash", { command: dump, description: "d" }));
    backend.execute(turn);
    const dir = `${world.workspace}/${turn.task_id}`;
    await until(() => exists(`${dir}/here`), "the dump");
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
    const hidden: Name[] = ["api", "task", "tenant", "proxy"];
    const marked = markedPids(world);
    assert(marked.length >= 2, "the agent and its command");
    for (const process of marked) {
      for (const names of Object.values(holders(environmentOf(process)))) {
        assertEquals(names.filter((name) => hidden.includes(name)), []);
      }
    }
    const commands = allProcesses().map(({ command }) => command).join("\n");
    assertEquals(leaks(commands), []);
    const seen = new TextDecoder().decode(Deno.readFileSync(`${dir}/dump`));
    assertStringIncludes(seen, "ANTHROPIC_AUTH_TOKEN=wegent-session-");
    assertEquals(leaks(seen).filter((name) => hidden.includes(name)), []);
    assert(!seen.includes(STUB_TOKEN), "the device's token in another process");
    const files = Deno.readTextFileSync(`${dir}/files`);
    assertEquals([leaks(files), files.includes(STUB_TOKEN)], [[], false]);
    // The model's server did get the real ones.
    const [request] = model.scripted();
    assertEquals(request?.headers["authorization"], `Bearer ${SECRETS.api}`);
    assertEquals(request?.headers["x-tenant-key"], SECRETS.tenant);
    // What the request itself holds is encrypted while the turn runs.
    assert(requests(world.executorHome).length > 0);
    const found = searchTree(world.root, SECRETS).map(({ path }) => path);
    assertEquals(found.filter((path) => path !== `${dir}/dump`), []);
    backend.cancel({ taskId: turn.task_id, subtaskId: turn.subtask_id });
    await backend.waitTerminal(turn.subtask_id, LONG);
    await until(() => requests(world.executorHome).length === 0, "the request's removal");
    Deno.removeSync(`${dir}/dump`);
    assertEquals(searchTree(world.root, SECRETS), []);
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
