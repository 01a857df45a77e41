/** Planted secrets of Codex: where they may not be, and where they must be. See `secrets_test.ts`. */
import { assert } from "../support/assert.ts";
import { codexBinary } from "../support/codex_cli.ts";
import { allProcesses } from "../support/processes.ts";
import { ResponsesModel, script } from "../support/responses_model.ts";
import type { ExecutionRequest } from "../support/stub_backend.ts";
import { type DeviceFixture, withDevice } from "./fixture.ts";
import {
  assertGiven,
  assertHidden,
  assertNowhere,
  EVERYTHING,
  FIELDS,
  LOOK_AROUND,
  PROXY,
  SECRETS,
  WORDS,
} from "./planted.ts";

interface Planted extends DeviceFixture {
  readonly responses: ResponsesModel;
  /** A request that brings every secret. */
  plant(...steps: Parameters<typeof script>): ExecutionRequest;
}

async function withPlanted(test: (fixture: Planted) => Promise<void>): Promise<void> {
  await using responses = await ResponsesModel.start(WORDS);
  const env = { CODEX_BINARY: await codexBinary(), HTTPS_PROXY: PROXY };
  await withDevice({ env }, (fixture) =>
    test({
      ...fixture,
      responses,
      plant: (...steps) => ({
        ...fixture.request(script(...steps)),
        ...FIELDS,
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
  withPlanted(async (fixture) => {
    const { plant } = fixture;
    const turn = plant({ text: EVERYTHING, chunkSize: 3, thinking: EVERYTHING });
    const tools = plant(
      run("echo '⟦apiBase1⟧'; echo '⟦gitUrl⟧' > said; cat said; env"),
      run("echo ⟦task⟧ >&2; echo '⟦apiBase2⟧'; exit 3"),
      { status: 400, message: "bad ⟦api⟧ ⟦taskUrl⟧ ⟦gitBase0⟧" },
    );
    await assertNowhere(fixture, turn, { ...tools, task_id: turn.task_id });
  }));

Deno.test("of the planted secrets Codex and its commands see only what they need themselves", () =>
  withPlanted(async (fixture) => {
    const turn = fixture.plant(run(LOOK_AROUND));
    await assertHidden(fixture, turn, "WEGENT_AGENT_MARK=", (marked) => {
      const commands = allProcesses().filter(({ pid }) => marked.includes(pid))
        .map(({ command }) => command);
      assert(commands.some((command) => command.includes("app-server")), commands.join("\n"));
      assertGiven(fixture.responses.scripted[0]?.headers);
    });
  }));
