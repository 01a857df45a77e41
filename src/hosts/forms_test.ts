/** Questions a Wegent server puts for the agent, with the real CLI and a server of forms. */
import { FormServer } from "../../tests/support/form_server.ts";
import { HostHarness, terminalsOf, textOf } from "../../tests/support/host_harness.ts";
import { assert, assertEquals, assertStringIncludes } from "../../tests/support/assert.ts";
import {
  type LoopbackModel,
  say,
  script,
  startModel,
  type Step,
} from "../../tests/support/model.ts";
import { poll } from "../../tests/support/waiting.ts";
import type { JournalRecord } from "./journal.ts";

const TOOL = "mcp__wegent-forms__interactive_form_question";
const FORM = { questions: [{ id: "a", question: "Which?", input_type: "text" }] };

/** A step that asks, by a call with the given id. */
function ask(id: string, input: Record<string, unknown> = FORM): Step {
  return { tools: [{ name: TOOL, input, id }] };
}

/** The bot of a request, with a server of forms. */
function withForms(model: LoopbackModel, url: string): Record<string, unknown> {
  return {
    bot: [{
      id: 1,
      agent_config: {
        env: {
          model: "claude",
          model_id: "claude-opus-4-8",
          api_key: "test-key-of-the-model",
          base_url: model.url,
        },
      },
      mcp_servers: [{
        name: "wegent-forms",
        type: "streamable-http",
        url,
        headers: { Authorization: "Bearer ${{task_token}}" },
      }],
    }],
    auth_token: "token-of-the-task",
  };
}

const ANSWER = {
  type: "interactive_form_question",
  tool_use_id: "toolu_q1",
  task_id: 7,
  subtask_id: 101,
  answers: { a: "the blue one" },
  success: true,
  status: "answered",
  message: "",
  secret: "not for the model",
};

/** The events of the call itself, and how the turn ended. */
function story(records: readonly JournalRecord[]) {
  const from = records.findIndex(({ d }) =>
    (d["item"] as { type?: string } | undefined)?.type === "mcp_call"
  );
  return records.slice(from);
}

Deno.test("a form ends the turn in the exact order, and its answer is the result of the same call", async () => {
  await using model = await startModel();
  await using forms = new FormServer();
  await using host = await HostHarness.start({ modelUrl: model.url });
  await host.attach();
  const more = withForms(model, forms.url);
  const run = await host.turn(
    script({ ...ask("toolu_q1"), text: "One moment." }, say("thank you")),
    more,
  );
  const records = await host.ended(run);
  const place = { response_id: run.response_id, item_id: "toolu_q1", output_index: 1 };
  const { item_id: _, ...outer } = place;
  const item = {
    type: "mcp_call",
    id: "toolu_q1",
    name: TOOL,
    server_label: "wegent-forms",
    arguments: JSON.stringify(FORM),
  };
  const output = JSON.stringify({
    __deferred_user_input__: true,
    success: true,
    status: "waiting_for_user_response",
  });
  const end = story(records);
  assertEquals(end.slice(0, -1).map(({ e, d: { type: _, ...d } }) => [e, d]), [
    ["response.output_item.added", { ...outer, item: { ...item, arguments: "" } }],
    ["response.mcp_call_arguments.done", { ...place, arguments: JSON.stringify(FORM) }],
    ["response.mcp_call.in_progress", place],
    ["response.mcp_call.completed", { ...place, output }],
    ["response.output_item.done", { ...outer, item: { ...item, status: "completed", output } }],
  ]);
  const { response } = end.at(-1)!.d as { response: Record<string, unknown> };
  assertEquals(end.at(-1)?.e, "response.completed");
  assertEquals(
    [response["stop_reason"], response["silent_exit"], response["silent_exit_reason"]],
    ["tool_deferred", true, "waiting_for_user_input"],
  );
  assertEquals(JSON.stringify(response["output"]).includes('"text":""'), true);
  const session = (response["executor_session"] as Record<string, string>)["sessionId"];
  assertEquals(forms.calls, [FORM]);
  assertEquals(forms.methods, ["initialize", "notifications/initialized", "tools/call"]);
  assertEquals([...forms.authorizations], ["Bearer token-of-the-task"]);
  assertEquals(forms.openSessions, 0);

  const next = await host.turn("the blue one", { ...more, interactive_form_answer: ANSWER });
  const answered = await host.ended(next);
  assertEquals([textOf(answered), terminalsOf(answered)], ["thank you", ["response.completed"]]);
  const last = model.scripted().at(-1)!;
  assertEquals(last.session, session);
  const result = resultOf(last.body, "toolu_q1");
  assertEquals(result.is_error, false);
  const { secret: __, ...told } = ANSWER;
  assertEquals(JSON.parse(result.content[0]!.text), told);
  assertEquals(forms.calls.length, 1);
});

Deno.test("a form's answer reaches a conversation that is resumed, behind what the CLI repeats", async () => {
  await using model = await startModel();
  await using forms = new FormServer();
  const more = withForms(model, forms.url);
  await using host = await HostHarness.start({ modelUrl: model.url });
  await host.attach();
  await host.ended(await host.turn(script(ask("toolu_q1"), say("thank you")), more));
  await host.saved("toolu_q1");
  // Another system prompt makes another process.
  const pid = host.agentPid;
  const next = await host.turn("", {
    ...more,
    system_prompt: "Be brief",
    interactive_form_answer: ANSWER,
  });
  const records = await host.ended(next);
  assert(host.agentPid !== pid);
  assertEquals([textOf(records), terminalsOf(records)], ["thank you", ["response.completed"]]);
  assertEquals(resultOf(model.scripted().at(-1)!.body, "toolu_q1").is_error, false);
  assertEquals(forms.calls.length, 1);
});

Deno.test("a form's answer is plain text where nobody remembers the question", async () => {
  await using model = await startModel();
  await using forms = new FormServer();
  await using host = await HostHarness.start({ modelUrl: model.url });
  await host.attach();
  const run = await host.turn("", {
    ...withForms(model, forms.url),
    interactive_form_answer: ANSWER,
  });
  const records = await host.ended(run);
  assertEquals(terminalsOf(records), ["response.completed"]);
  const prompt = JSON.stringify(model.log.filter(({ body }) => body?.messages).at(-1)?.body);
  assertStringIncludes(prompt, "the blue one");
  assertEquals(prompt.includes("tool_result"), false);
});

Deno.test("a malformed form is asked for again, with a new call", async () => {
  await using model = await startModel();
  await using forms = new FormServer();
  forms.replies = ["malformed", "invalid", "waiting"];
  forms.streams = true;
  await using host = await HostHarness.start({ modelUrl: model.url });
  await host.attach();
  const run = await host.turn(
    script(ask("toolu_q1", {}), ask("toolu_q2", {}), ask("toolu_q3"), say("never")),
    withForms(model, forms.url.replace("/mcp", "/moved")),
  );
  const records = await host.ended(run);
  const calls = records.filter(({ e }) => /^response\.mcp_call\.(completed|failed)$/.test(e));
  assertEquals(calls.map(({ e, d }) => [e, d["item_id"]]), [
    ["response.mcp_call.failed", "toolu_q1"],
    ["response.mcp_call.failed", "toolu_q2"],
    ["response.mcp_call.completed", "toolu_q3"],
  ]);
  assertEquals(terminalsOf(records), ["response.completed"]);
  const body = model.scripted().at(-1)!.body;
  const [first, second] = ["toolu_q1", "toolu_q2"].map((id) => resultOf(body, id));
  assertEquals([first?.is_error, second?.is_error], [true, true]);
  assertStringIncludes(first!.content[0]!.text, "that is no form");
  assertStringIncludes(second!.content[0]!.text, "questions is missing");
  assertEquals(JSON.parse(second!.content[0]!.text)["attempt"], 2);
});

Deno.test("a form that stays malformed, or a server that is gone, ends the turn with an error", async () => {
  await using model = await startModel();
  await using forms = new FormServer();
  forms.replies = ["malformed"];
  await using host = await HostHarness.start({ modelUrl: model.url });
  await host.attach();
  const steps = ["toolu_q1", "toolu_q2", "toolu_q3", "toolu_q4"].map((id) => ask(id));
  const run = await host.turn(script(...steps), withForms(model, forms.url));
  const records = await host.ended(run);
  assertEquals(forms.calls.length, 3);
  assertEquals(records.slice(-3).map(({ e }) => e), [
    "response.mcp_call.failed",
    "response.output_item.done",
    "error",
  ]);
  assertStringIncludes(String(records.at(-1)?.d["message"]), "malformed 3 times");
  forms.replies = ["broken"];
  const again = await host.turn(script(ask("toolu_r1")), withForms(model, forms.url));
  const failed = await host.ended(again);
  assertEquals(failed.slice(-3).map(({ e }) => e), [
    "response.mcp_call.failed",
    "response.output_item.done",
    "error",
  ]);
  assertStringIncludes(String(failed.at(-1)?.d["message"]), "answered 500");
});

Deno.test("a form's login goes to no other server", async () => {
  await using model = await startModel();
  await using forms = new FormServer();
  await using other = new FormServer();
  forms.movedTo = other.url;
  await using host = await HostHarness.start({ modelUrl: model.url });
  await host.attach();
  // The CLI finds its tools, and then the server has moved.
  const moved = { ...withForms(model, forms.url) };
  const [bot] = moved["bot"] as { mcp_servers: { url: string }[] }[];
  const alias = { ...bot!.mcp_servers[0], name: "wegent_forms" };
  bot!.mcp_servers = [{ ...alias, url: forms.url.replace("/mcp", "/moved") }, ...bot!.mcp_servers];
  const tool = TOOL.replace("wegent-forms", "wegent_forms");
  const step = { tools: [{ name: tool, input: FORM, id: "toolu_q1" }] };
  const records = await host.ended(await host.turn(script(step, say("never")), moved));
  assertEquals(other.methods, []);
  assertEquals(other.authorizations.size, 0);
  assertEquals(terminalsOf(records), ["error"]);
});

Deno.test("a form waits longer than the model may be silent, and a cancel ends it", async () => {
  await using model = await startModel();
  await using forms = new FormServer();
  forms.replies = ["never"];
  await using host = await HostHarness.start({ modelUrl: model.url, stallMs: 5000 });
  const daemon = await host.attach();
  const run = await host.turn(script(ask("toolu_q1")), withForms(model, forms.url));
  await poll(() => forms.calls.length === 1, 20_000, "the call");
  await new Promise((resolve) => setTimeout(resolve, 6500));
  await daemon.send({ cmd: "cancel", run: run.id });
  assertEquals(terminalsOf(await host.ended(run, 5000)), ["response.incomplete"]);
  assertEquals(host.marked(), []);
});

interface ToolResult {
  readonly is_error?: boolean;
  readonly content: { readonly text: string }[];
}

function resultOf(body: unknown, id: string): ToolResult {
  const { messages } = body as { messages: { content: unknown }[] };
  const blocks = messages.flatMap(({ content }) => Array.isArray(content) ? content : []);
  const found = blocks.find((b) => b.type === "tool_result" && b.tool_use_id === id);
  if (!found) throw new Error(`No result of ${id}: ${JSON.stringify(blocks).slice(-1500)}`);
  return { is_error: false, ...found };
}
