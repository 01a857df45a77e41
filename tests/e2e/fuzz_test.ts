/**
 * Every event of the server × every field × wrong values: an error, no crash, and a good task runs
 * afterwards on the same socket.
 */
import { assert, assertEquals } from "../support/assert.ts";
import { say, script } from "../support/model.ts";
import type { StubBackend } from "../support/stub_backend.ts";
import { LONG, until, withDevice } from "./fixture.ts";

const HUGE = "x".repeat(1_000_000);

/** Wrong values for any field, by name of the case. */
const WRONG: readonly [string, unknown][] = [
  ["null", null],
  ["a list where a scalar belongs", [[["nested"]]]],
  ["an object where a scalar belongs", { a: 1 }],
  ["a boolean", true],
  ["a fraction", 1.5],
  ["a negative number", -1],
  ["a number beyond 2^53", 2 ** 60],
  ["1 MB of text", HUGE],
  ["a prototype key", JSON.parse('{"__proto__":{"polluted":true},"constructor":1}')],
];

/** Sends `payload` asking for an answer; null when the device gives none within the limit. */
async function answerTo(backend: StubBackend, event: string, payload: unknown): Promise<unknown> {
  return await backend.call(event, payload, 20_000);
}

Deno.test("wrong cancel, close-session and unknown events are answered with an error", () =>
  withDevice({}, async ({ backend, request, daemon }) => {
    for (const event of ["task:cancel", "task:close-session"]) {
      const good: Record<string, unknown> = event === "task:cancel"
        ? { task_id: 1, subtask_id: 2 }
        : { task_id: 1 };
      for (const field of Object.keys(good)) {
        const missing = { ...good };
        delete missing[field];
        for (const [name, value] of WRONG) {
          const answer = await answerTo(backend, event, { ...good, [field]: value });
          const optional = field === "subtask_id" && value === null;
          const { success, error } = answer as { success: boolean; error?: string };
          assertEquals(success, optional, `${event} ${field} ${name}`);
          assertEquals(typeof error, optional ? "undefined" : "string");
        }
        await answerTo(backend, event, missing);
      }
    }
    for (const payload of [undefined, null, 7, "text", [], HUGE]) {
      const answer = await answerTo(backend, "task:cancel", payload);
      assertEquals((answer as { success: boolean }).success, false);
    }
    const unknown = await answerTo(backend, "device:brew_coffee", { a: 1 });
    assertEquals((unknown as { success: boolean }).success, false);
    const turn = request(script(say("fine")));
    backend.execute(turn);
    assertEquals((await backend.waitTerminal(turn.subtask_id, LONG)).finalText, "fine");
    assertEquals(backend.device()?.registrations.length, 1, "the socket was never lost");
    assertEquals(daemon.status, undefined);
  }));

/** Fields of an execution request whose type the device relies on. */
const TYPED = [
  "task_id",
  "subtask_id",
  "prompt",
  "system_prompt",
  "new_session",
  "bot",
  "model_config",
  "workdir",
  "workdir_policy",
  "project_id",
  "standalone_chat_workspace",
];

Deno.test("an execution request with a wrong field is refused with one error event, and work goes on", () =>
  withDevice({}, async ({ backend, request, daemon, world }) => {
    const ended: number[] = [];
    for (const field of TYPED) {
      for (const [name, value] of WRONG) {
        const good = request(script(say("unused")));
        const { success, error } = await answerTo(backend, "task:execute", {
          ...good,
          [field]: value,
        }) as { success: boolean; error?: string };
        // Some wrong values are right for some fields: then the turn may run and is cancelled.
        if (success) {
          backend.emit("task:cancel", { task_id: good.task_id, subtask_id: good.subtask_id });
          continue;
        }
        assert((error ?? "").length < 500, `${field} ${name}: ${error?.length} characters`);
        if (field !== "task_id" && field !== "subtask_id") ended.push(good.subtask_id);
      }
      const missing: Record<string, unknown> = { ...request("x") };
      delete missing[field];
      if (field === "task_id" || field === "subtask_id") {
        const answer = await answerTo(backend, "task:execute", missing);
        assertEquals((answer as { success: boolean }).success, false, `${field} missing`);
      }
    }
    assert(ended.length > 40, `${ended.length} requests were refused`);
    for (const id of ended) {
      await until(
        () => backend.eventsOf(id).some((e) => e.event === "error"),
        `the error event of subtask ${id}`,
      );
      assertEquals(backend.eventsOf(id).filter((e) => e.event === "error").length, 1);
    }
    const turn = request(script(say("fine")));
    backend.execute(turn);
    const done = await backend.waitTerminal(turn.subtask_id, 2 * LONG);
    assertEquals(done.finalText, "fine", done.error);
    assertEquals(backend.device()?.registrations.length, 1, "the socket was never lost");
    assertEquals(daemon.status, undefined);
    assertEquals(JSON.parse((await world.run(["status", "--json"])).stdout).worker_restarts, 0);
  }));
