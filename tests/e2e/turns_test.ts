/** Turns on a device, with the real Claude CLI. */
import { exists } from "../../src/platform/mod.ts";
import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { callTool, say, script } from "../support/model.ts";
import { poll } from "../support/waiting.ts";
import { agentPids, LONG, markedPids, until, withDevice, workdirOf } from "./fixture.ts";

Deno.test("a text turn streams and completes with what the model said", () =>
  withDevice({}, async ({ backend, model, request }) => {
    const text = "Grüße aus dem Modell 😀, in Stücken.";
    const turn = request(script(say(text, { chunks: 7, gapMs: 5 })));
    backend.execute(turn);
    const done = await backend.waitTerminal(turn.subtask_id, LONG);
    assertEquals(done.status, "COMPLETED");
    assertEquals(done.finalText, text);
    const deltas = backend.eventsOf(turn.subtask_id)
      .filter((e) => e.event === "response.output_text.delta");
    assertEquals(deltas.map((e) => e.data?.["delta"]).join(""), model.sentText());
    assert(deltas.length >= 5, `streamed in ${deltas.length} pieces`);
    assertEquals(backend.eventsOf(turn.subtask_id)[0]?.event, "response.in_progress");
  }));

Deno.test("a tool round writes a file in the task's own directory", () =>
  withDevice({}, async ({ backend, request, world }) => {
    const turn = request(
      script(
        callTool("Bash", {
          command: "printf hello > hello.txt && cat hello.txt",
          description: "d",
        }),
        say("Written."),
      ),
    );
    backend.execute(turn);
    const done = await backend.waitTerminal(turn.subtask_id, LONG);
    assertEquals(done.status, "COMPLETED", done.error);
    assertEquals(Deno.readTextFileSync(`${workdirOf(world, turn.task_id)}/hello.txt`), "hello");
    const tool = [...done.tools.values()][0];
    assertEquals([tool?.name, tool?.output], ["Bash", "hello"]);
  }));

Deno.test("a follow-up reuses the live agent process and its conversation", () =>
  withDevice({}, async ({ backend, model, request, world }) => {
    const first = request(script(say("one")));
    backend.execute(first);
    await backend.waitTerminal(first.subtask_id, LONG);
    const before = agentPids(world);
    assertEquals(before.length, 1);
    const second = request(script(say("two")), { task_id: first.task_id });
    backend.execute(second);
    const done = await backend.waitTerminal(second.subtask_id, LONG);
    assertEquals(done.finalText, "two");
    assertEquals(agentPids(world), before);
    const last = model.scripted().at(-1);
    assert(JSON.stringify(last?.body).includes("one"), "the second request carries the first turn");
  }));

Deno.test("cancel in the middle of text ends the turn once, the agent and its slot", () =>
  withDevice({}, async ({ backend, model, request, world }) => {
    const turn = request(script(say("x".repeat(400), { chunks: 400, gapMs: 50 })));
    backend.execute(turn);
    await model.waitForSent(20, LONG);
    await backend.waitText(turn.subtask_id, 5, LONG);
    backend.cancel({ taskId: turn.task_id, subtaskId: turn.subtask_id });
    const done = await backend.waitTerminal(turn.subtask_id, LONG);
    assertEquals(done.terminals.map((t) => t.event), ["response.incomplete"]);
    await until(() => markedPids(world).length === 0, "no process of the agent");
    await until(() => backend.device()?.runningTaskIds.length === 0, "a free slot");
    const again = request(script(say("still here")), { task_id: turn.task_id });
    backend.execute(again);
    assertEquals((await backend.waitTerminal(again.subtask_id, LONG)).finalText, "still here");
  }));

Deno.test("cancel in a tool leaves none of its processes, not even one that made its own session", () =>
  withDevice({}, async ({ backend, request, world }) => {
    const command = "(setsid sh -c 'sleep 300 & wait' &); touch started; sleep 300";
    const turn = request(script(callTool("Bash", { command, description: "d" }), say("never")));
    backend.execute(turn);
    const started = `${workdirOf(world, turn.task_id)}/started`;
    await until(() => exists(started, { followLinks: true }), "the tool's start");
    assert(markedPids(world).length >= 2);
    backend.cancel({ taskId: turn.task_id, subtaskId: turn.subtask_id });
    const done = await backend.waitTerminal(turn.subtask_id, LONG);
    assertEquals(done.terminals.map((t) => t.event), ["response.incomplete"]);
    await until(() => markedPids(world).length === 0, "no process of the agent");
    await until(() => backend.device()?.runningTaskIds.length === 0, "a free slot");
  }));

Deno.test("an API error ends the turn once, in words a person understands, and a retry works", () =>
  withDevice({ env: { CLAUDE_CODE_MAX_RETRIES: "0" } }, async ({ backend, request }) => {
    const turn = request(
      script(
        say("better", { attempts: [{ status: 400, message: "bad thing" }, { text: "better" }] }),
      ),
    );
    backend.execute(turn);
    const failed = await backend.waitTerminal(turn.subtask_id, LONG);
    assertEquals(failed.terminals.map((t) => t.event), ["error"]);
    assertMatch(failed.error, /bad thing/);
    const retry = request(script(say("better")), turn);
    backend.execute(retry);
    const done = await backend.waitTerminal(turn.subtask_id, LONG);
    assertEquals([done.status, done.finalText], ["COMPLETED", "better"]);
    assertEquals(done.terminals.length, 1);
  }));

Deno.test("a stalled stream ends the turn once and says that the model went silent", () =>
  withDevice(
    { env: { WEGENT_EXECUTOR_STALL_SECONDS: "3" } },
    async ({ backend, request, world }) => {
      const turn = request(script(say("abcdef", { chunks: 6, stallAfter: 2 })));
      backend.execute(turn);
      const done = await backend.waitTerminal(turn.subtask_id, LONG);
      assertEquals(done.terminals.map((t) => t.event), ["error"]);
      assertEquals(done.terminals[0]?.data["code"], "timeout_error");
      assertMatch(done.error, /3 s/);
      await until(() => backend.device()?.runningTaskIds.length === 0, "a free slot");
      assert(markedPids(world).length <= 1, "at most the idle agent is left");
    },
  ));

Deno.test("a killed CLI ends the turn once and says so; the conversation goes on", () =>
  withDevice({}, async ({ backend, model, request, world }) => {
    const turn = request(script(say("y".repeat(300), { chunks: 300, gapMs: 50 })));
    backend.execute(turn);
    await model.waitForSent(10, LONG);
    await backend.waitText(turn.subtask_id, 1, LONG);
    const [pid] = agentPids(world);
    Deno.kill(pid!, "SIGKILL");
    const done = await backend.waitTerminal(turn.subtask_id, LONG);
    assertEquals(done.terminals.map((t) => t.event), ["error"]);
    assertMatch(done.error, /ended unexpectedly/);
    const next = request(script(say("back")), { task_id: turn.task_id });
    backend.execute(next);
    assertEquals((await backend.waitTerminal(next.subtask_id, LONG)).finalText, "back");
  }));

Deno.test("a cancel that overtakes its task keeps it from starting", () =>
  withDevice({}, async ({ backend, model, request }) => {
    const turn = request(script(say("never")));
    backend.emit("task:cancel", { task_id: turn.task_id, subtask_id: turn.subtask_id });
    backend.execute(turn);
    const done = await backend.waitTerminal(turn.subtask_id, LONG);
    assertEquals(done.terminals.map((t) => t.event), ["response.incomplete"]);
    assertEquals(model.scripted(), []);
  }));

Deno.test("close-session ends a running turn as incomplete and the agent with it", () =>
  withDevice({}, async ({ backend, model, request, world }) => {
    const turn = request(script(say("z".repeat(300), { chunks: 300, gapMs: 50 })));
    backend.execute(turn);
    await model.waitForSent(5, LONG);
    backend.closeSession(turn.task_id);
    const done = await backend.waitTerminal(turn.subtask_id, LONG);
    assertEquals(done.terminals.map((t) => t.event), ["response.incomplete"]);
    await until(() => markedPids(world).length === 0, "no process of the agent");
  }));

Deno.test("a task right after its close-session runs, in a session of its own", () =>
  withDevice({}, async ({ backend, request }) => {
    const first = request(script(say("one")));
    backend.execute(first);
    assertEquals((await backend.waitTerminal(first.subtask_id, LONG)).status, "COMPLETED");
    for (const text of ["two", "three", "four"]) {
      backend.closeSession(first.task_id);
      const next = { ...request(script(say(text))), task_id: first.task_id };
      backend.execute(next);
      const done = await backend.waitTerminal(next.subtask_id, LONG);
      assertEquals([done.status, done.finalText, done.terminals.length], ["COMPLETED", text, 1]);
      const told = backend.eventsOf(next.subtask_id).map(({ event }) => event);
      assertEquals(told.filter((event) => event === "response.workdir").length, 1);
    }
  }));

Deno.test("a turn whose host is killed before it began goes to another one, but not for ever", () =>
  withDevice({}, async ({ backend, request, world }) => {
    /** Kills the host of the one agent there is. */
    const kill = async () => {
      const pid = await poll(() => agentPids(world)[0], LONG, () => "an agent");
      const host = world.processes().find(({ command }) => command.endsWith(" __host"));
      Deno.kill(host!.pid, "SIGKILL");
      await until(() => !agentPids(world).includes(pid), "the agent's end");
    };
    const turn = request(script(say("done", { delayMs: 1500 })));
    backend.execute(turn);
    await kill();
    const done = await backend.waitTerminal(turn.subtask_id, LONG);
    assertEquals([done.status, done.finalText, done.terminals.length], ["COMPLETED", "done", 1]);
    backend.closeSession(turn.task_id);
    await until(() => agentPids(world).length === 0, "the agent's end");
    const other = request(script(say("never", { delayMs: 60_000 })));
    backend.execute(other);
    for (let i = 0; i < 3; i++) await kill();
    const failed = await backend.waitTerminal(other.subtask_id, LONG);
    assertEquals([failed.status, failed.terminals.length], ["FAILED", 1]);
    assertMatch(failed.error, /ended unexpectedly/);
  }));
