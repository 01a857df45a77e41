/**
 * Questions a Wegent server puts for the agent (wire protocol 5.6): the model calls the tool of an MCP server,
 * the turn ends, and the answer comes with the next one. Codex has no such call: nothing defers it.
 */
import { assertEquals } from "../support/assert.ts";
import type { FormReply } from "../support/form_server.ts";
import { say, script as claude, type Step } from "../support/model.ts";
import { type Cast, type LiveTurn, Stage } from "./stage.ts";

const stage = new Stage();

const TOOL = "mcp__wegent-forms__interactive_form_question";
const FORM = { questions: [{ id: "a", question: "Which?", input_type: "text" }] };
/** A step of the model that asks. */
const ask = (id: string): Step => ({ tools: [{ name: TOOL, input: FORM, id }] });

/** The request's server of forms, which answers with `replies`; the last one stays. */
const server = (...replies: FormReply[]) => ({ forms }: Cast) => {
  forms.replies = replies;
  forms.calls.length = 0;
  return { mcp_servers: [{ name: "wegent-forms", type: "streamable-http", url: forms.url }] };
};
const wasCalled = (times: number) => ({ cast: { forms } }: LiveTurn) =>
  assertEquals(forms.calls, Array.from({ length: times }, () => FORM));

const question = {
  golden: "claude/form",
  prompt: claude({ text: "I have to ask. ", ...ask("toolu_q1") }, say("Blue it is.")),
  bot: server("waiting"),
  check: wasCalled(1),
};
const answer = {
  golden: "claude/form_answer",
  prompt: "The blue one",
  bot: server("waiting"),
  fields: {
    interactive_form_answer: {
      type: "interactive_form_question",
      tool_use_id: "toolu_q1",
      task_id: 1,
      subtask_id: 2,
      answers: { a: "the blue one" },
      success: true,
      status: "answered",
      message: "",
    },
  },
  check: ({ cast }: LiveTurn) => {
    const body = JSON.stringify(cast.model.scripted().at(-1)?.body?.messages);
    assertEquals([body.includes("the blue one"), body.includes("The blue one")], [true, false]);
  },
};
stage.test(
  "a form ends the turn without a text, and the answer goes on behind it",
  question,
  answer,
);
stage.test(
  "the answer to a form goes on also when the agent was gone",
  question,
  { ...answer, resumed: true },
);
stage.test("a form that is wrong is asked for again in the same turn", {
  golden: "claude/form_corrected",
  prompt: claude(ask("toolu_q1"), ask("toolu_q2"), say("never")),
  bot: server("malformed", "waiting"),
  check: wasCalled(2),
});
stage.test("a form that stays wrong ends the turn with an error", {
  golden: "claude/form_malformed",
  prompt: claude(ask("toolu_q1"), ask("toolu_q2"), ask("toolu_q3"), say("never")),
  bot: server("malformed"),
  check: wasCalled(3),
});
stage.test("a server of forms that fails ends the turn with an error", {
  golden: "claude/form_unreachable",
  prompt: claude(ask("toolu_q1"), say("never")),
  bot: server("broken"),
  check: wasCalled(1),
});
stage.close();
