/** Turns of Codex through the whole device, with the real CLI and a loopback Responses API. */
import { exists } from "../../src/platform/mod.ts";
import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { codexBinary } from "../support/codex_cli.ts";
import { ResponsesModel, script } from "../support/responses_model.ts";
import { type DeviceFixture, LONG, until, withDevice } from "./fixture.ts";
import { turnIn } from "./workdir_turn.ts";

const KEY = "sk-codex-0123456789abcdef";

async function withCodex(
  test: (fixture: DeviceFixture, fields: Record<string, unknown>) => Promise<void>,
): Promise<void> {
  await using model = await ResponsesModel.start();
  const env = { CODEX_BINARY: await codexBinary(), LOCAL_WORKDIR_ALLOWED_ROOTS: "~/Projects" };
  await withDevice({ env }, async (fixture) => {
    Deno.mkdirSync(`${fixture.world.home}/Projects/A`, { recursive: true });
    await test(fixture, {
      model_config: {
        model: "openai",
        api_format: "responses",
        model_id: "gpt-test",
        base_url: model.url,
        api_key: KEY,
      },
    });
  });
}

Deno.test("Codex works in the directory of its session and goes on there", () =>
  withCodex(async (fixture, fields) => {
    const dir = `${fixture.world.home}/Projects/A`;
    const first = await turnIn(fixture, { ...fields, workdir: "~/Projects/A" }, {
      prompt: script(
        { tools: [{ name: "exec_command", input: { cmd: "pwd -P > here.txt; pwd -P" } }] },
        { text: "Done here.", phase: "final_answer" },
      ),
    });
    assertEquals(first.status, "COMPLETED", first.error);
    assertEquals(Deno.readTextFileSync(`${dir}/here.txt`).trim(), dir);
    assertMatch(first.output, new RegExp(dir));
    const session = fixture.backend.eventsOf(first.subtask_id).at(-1)?.data?.["response"] as Record<
      string,
      Record<string, unknown>
    >;
    assertEquals(session["executor_session"]?.["agent"], "CodeX");
    assert(exists(`${dir}/.wegent/session/${first.task_id}`));
    assert(exists(`${dir}/.wegent/.codex`));
    const second = await turnIn(fixture, fields, {
      task_id: first.task_id,
      prompt: script({ text: "Again.", phase: "final_answer" }),
    });
    assertEquals(second.status, "COMPLETED", second.error);
  }));

Deno.test("a cancelled Codex turn ends once and leaves no process", () =>
  withCodex(async (fixture, fields) => {
    const { backend, request, world } = fixture;
    const command = "touch started; (setsid sleep 300 &); sleep 300";
    const turn = {
      ...request(
        script({ tools: [{ name: "exec_command", input: { cmd: command } }] }, { text: "never" }),
      ),
      ...fields,
      workdir: "~/Projects/A",
    };
    backend.execute(turn);
    await until(() => exists(`${world.home}/Projects/A/started`), "the command's start");
    backend.cancel({ taskId: turn.task_id, subtaskId: turn.subtask_id });
    const done = await backend.waitTerminal(turn.subtask_id, LONG);
    assertEquals(done.terminals.map((t) => t.event), ["response.incomplete"]);
    await until(
      () => world.processes().every(({ command }) => !/sleep 300/.test(command)),
      "no process",
    );
  }));
