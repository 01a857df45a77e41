/** Planted secrets of Codex: where they may not be, and where they must be. See `secrets_test.ts`. */
import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { codexBinary } from "../support/codex_cli.ts";
import { allProcesses } from "../support/processes.ts";
import { ResponsesModel, script } from "../support/responses_model.ts";
import { environmentOf } from "../support/processes.ts";
import { formsOfSecret, searchTree } from "../support/secret_search.ts";
import { type ExecutionRequest, STUB_TOKEN } from "../support/stub_backend.ts";
import { type DeviceFixture, LONG, markedPids, until, withDevice } from "./fixture.ts";
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

interface Planted extends DeviceFixture {
  readonly responses: ResponsesModel;
  /** A request that brings every secret. */
  plant(...steps: Parameters<typeof script>): ExecutionRequest;
}

async function withPlanted(test: (fixture: Planted) => Promise<void>): Promise<void> {
  await using responses = await ResponsesModel.start(WORDS);
  const env = {
    CODEX_BINARY: await codexBinary(),
    HTTPS_PROXY: `http://me:${encodeURIComponent(SECRETS.proxy)}@127.0.0.1:9`,
  };
  await withDevice({ env }, (fixture) =>
    test({
      ...fixture,
      responses,
      plant: (...steps) => ({
        ...fixture.request(script(...steps)),
        auth_token: SECRETS.task,
        skill_identity_token: SECRETS.skill,
        user: {
          id: 1,
          name: "tester",
          git_domain: "git.example.com",
          git_token: SECRETS.git,
          git_login: "me",
        },
        model_config: {
          model: "openai",
          api_format: "responses",
          model_id: "gpt-test",
          base_url: responses.url,
          api_key: SECRETS.api,
          default_headers: { "x-tenant-key": SECRETS.tenant },
        },
      }),
    }));
}

const run = (cmd: string) => ({ tools: [{ name: "exec_command", input: { cmd } }] });

Deno.test("no planted secret of Codex is in an event, a journal or a log, in whatever form and pieces it is said", () =>
  withPlanted(async ({ backend, world, daemon, plant }) => {
    const turn = plant({ text: EVERYTHING, chunkSize: 3, thinking: EVERYTHING });
    backend.execute(turn);
    const said = await backend.waitTerminal(turn.subtask_id, LONG);
    assertEquals(said.status, "COMPLETED", said.error);
    const tools = {
      ...plant(
        run("echo '⟦apiBase1⟧'; echo '⟦gitUrl⟧' > said; cat said; env"),
        run("echo ⟦task⟧ >&2; echo '⟦apiBase2⟧'; exit 3"),
        { status: 400, message: "bad ⟦api⟧ ⟦taskUrl⟧ ⟦gitBase0⟧" },
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
    assertEquals(leaks(daemon.lines.map((line) => line.text).join("\n")), []);
    // Codex' own record, and what the agent wrote, lie in the working directory: it said them there.
    const found = searchTree(world.root, SECRETS, (path) => path.startsWith(world.workspace));
    assertEquals(found, []);
    const records = searchTree(world.workspace, SECRETS);
    assert(records.some(({ path }) => path.endsWith(".jsonl")), "the search finds what is there");
  }));

Deno.test("of the planted secrets Codex and its commands see only what they need themselves", () =>
  withPlanted(async ({ backend, world, responses, plant }) => {
    const dump = "for p in /proc/[0-9]*; do cat $p/environ $p/cmdline; done > dump 2>/dev/null; " +
      "cat ../../state/runs/*/request.* ../../device-config.json ../../run/*/* > files 2>&1; touch here; sleep 300";
    const turn = plant(run(dump));
    backend.execute(turn);
    const dir = `${world.workspace}/${turn.task_id}`;
    await until(() => exists(`${dir}/here`), "the dump");
    const hidden: Name[] = ["api", "task", "tenant", "proxy"];
    const marked = markedPids(world);
    const programs = marked.map((pid) => allProcesses().find((p) => p.pid === pid)?.command ?? "");
    assert(programs.some((command) => command.includes("app-server")), programs.join("\n"));
    for (const process of marked) {
      for (const names of Object.values(holders(environmentOf(process)))) {
        assertEquals(names.filter((name) => hidden.includes(name)), []);
      }
    }
    assertEquals(leaks(allProcesses().map(({ command }) => command).join("\n")), []);
    const seen = new TextDecoder().decode(Deno.readFileSync(`${dir}/dump`));
    assertStringIncludes(seen, "WEGENT_AGENT_MARK=");
    assertEquals(leaks(seen).filter((name) => hidden.includes(name)), []);
    assert(!seen.includes(STUB_TOKEN), "the device's token in another process");
    const files = Deno.readTextFileSync(`${dir}/files`);
    assertEquals([leaks(files), files.includes(STUB_TOKEN)], [[], false]);
    // The model's server did get the real ones.
    const [request] = responses.scripted;
    assertEquals(request?.headers["authorization"], `Bearer ${SECRETS.api}`);
    assertEquals(request?.headers["x-tenant-key"], SECRETS.tenant);
    assert(requests(world.executorHome).length > 0);
    const found = searchTree(world.root, SECRETS).map(({ path }) => path);
    assertEquals(found.filter((path) => path !== `${dir}/dump`), []);
    backend.cancel({ taskId: turn.task_id, subtaskId: turn.subtask_id });
    await backend.waitTerminal(turn.subtask_id, LONG);
    await until(() => requests(world.executorHome).length === 0, "the request's removal");
    Deno.removeSync(`${dir}/dump`);
    assertEquals(searchTree(world.root, SECRETS), []);
  }));
