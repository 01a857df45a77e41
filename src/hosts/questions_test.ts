import { assert, assertEquals } from "../../tests/support/assert.ts";
import { permissionRequested, ResponseBuilder, type ResponseEvent } from "../protocol/mod.ts";
import type { PersonQuestion } from "../runtimes/mod.ts";
import { Questions } from "./questions.ts";

const RUN = { task_id: 7, subtask_id: 8, response_id: "resp_1", created_at: 1 };
const ALLOW = { decision: "allow", message: "", answers: [] } as const;

function world(recorded = true) {
  const events: ResponseEvent[] = [];
  const counts: number[] = [];
  const questions = new Questions({
    builder: new ResponseBuilder(RUN),
    append: (batch) => {
      if (recorded) events.push(...batch);
      return recorded;
    },
    onOpen: (count) => counts.push(count),
  });
  const names = () => events.map(({ event, data }) => [event, data["outcome"]]);
  const id = (n = 0) =>
    String(events.filter((e) => e.event.endsWith("requested"))[n]?.data["request_id"]);
  return { events, counts, questions, names, id };
}

function question(more: Partial<PersonQuestion> = {}): PersonQuestion {
  return {
    kind: "permission",
    tool: { id: "toolu_1", name: "Bash", input: { command: "make" } },
    reason: null,
    rule: { tool: "Bash", match: "make" },
    questions: [],
    ...more,
  };
}

const never = new AbortController().signal;

Deno.test("Questions.ask() records the question, waits, and takes the first answer only", async () => {
  const { events, counts, questions, names, id } = world();
  const asked = questions.ask(question(), never);
  const { type: _, ...data } = events[0]!.data;
  assertEquals(permissionRequested.parse(data), {
    request_id: id(),
    kind: "permission",
    tool_use_id: "toolu_1",
    tool_name: "Bash",
    input: { command: "make" },
    truncated: false,
    reason: null,
    rule: { tool: "Bash", match: "make" },
    questions: [],
  });
  assertEquals(questions.answer({ ...ALLOW, request_id: "q_other" }), false);
  assertEquals(questions.answer({ ...ALLOW, request_id: id() }), true);
  assertEquals(questions.answer({ ...ALLOW, decision: "deny", request_id: id() }), false);
  assertEquals((await asked)?.decision, "allow");
  assertEquals(names(), [
    ["response.permission.requested", undefined],
    ["response.permission.resolved", "allowed"],
  ]);
  assertEquals(counts, [1, 0]);
});

Deno.test("Questions.answer() refuses what does not fit the question", async () => {
  const { questions, id } = world();
  const permission = questions.ask(question(), never);
  const form = questions.ask(question({ kind: "form" }), never);
  assertEquals(questions.answer({ ...ALLOW, decision: "answer", request_id: id(0) }), false);
  assertEquals(questions.answer({ ...ALLOW, request_id: id(1) }), false);
  const answers = [["Blue"]];
  assert(questions.answer({ decision: "answer", message: "", answers, request_id: id(1) }));
  assert(questions.answer({ decision: "deny", message: " no ", answers: [], request_id: id(0) }));
  assertEquals((await form)?.answers, answers);
  assertEquals((await permission)?.decision, "deny");
});

Deno.test("Questions.close() withdraws what is open, and nothing is asked afterwards", async () => {
  const { questions, names, counts } = world();
  const first = questions.ask(question(), never);
  const second = questions.ask(question(), never);
  questions.close();
  assertEquals([await first, await second], [null, null]);
  assertEquals(await questions.ask(question(), never), null);
  assertEquals(names().slice(2), [
    ["response.permission.resolved", "withdrawn"],
    ["response.permission.resolved", "withdrawn"],
  ]);
  assertEquals(counts, [1, 2, 1, 0]);
});

Deno.test("Questions.ask() is withdrawn by the agent's signal", async () => {
  const { questions, names, id } = world();
  const control = new AbortController();
  const asked = questions.ask(question(), control.signal);
  control.abort();
  assertEquals(await asked, null);
  assertEquals(questions.answer({ ...ALLOW, request_id: id() }), false);
  assertEquals(names().at(-1), ["response.permission.resolved", "withdrawn"]);
});

Deno.test("Questions.ask() denies when the question cannot be recorded: nobody would see it", async () => {
  const { questions, counts } = world(false);
  assertEquals((await questions.ask(question(), never))?.decision, "deny");
  assertEquals(counts, []);
});

Deno.test("Questions.ask() cuts a long input and says so", () => {
  const { questions, events } = world();
  const input = { command: "x".repeat(100_000), note: "short" };
  questions.ask(question({ tool: { id: null, name: "Bash", input } }), never);
  const data = permissionRequested.parse(events[0]!.data);
  assertEquals(data.truncated, true);
  assert(JSON.stringify(data).length < 15_000, "not bounded");
  assertEquals(data.input["note"], "short");
  assertEquals(data.tool_use_id, data.request_id);
  questions.close();
});
