/** Ends other than an answer: what a backend receives when a turn is stopped, refused or too long. */
import { callTool, say, script as claude } from "../support/model.ts";
import { script as codex } from "../support/responses_model.ts";
import { cancel, closeSession, inCommand, inText } from "./cues.ts";
import { Stage } from "./stage.ts";

const stage = new Stage();

const LONG_TEXT = "x".repeat(600);
const slowClaude = claude(say(LONG_TEXT, { chunks: 120, gapMs: 50 }));
const slowCodex = codex({ text: LONG_TEXT, chunkSize: 5, gapMs: 50 });
const COMMAND = "touch started; sleep 300";
const commandOfClaude = claude(callTool("Bash", { command: COMMAND }), say("never"));
const commandOfCodex = codex({ tools: [{ name: "exec_command", input: { cmd: COMMAND } }] }, {
  text: "never",
});

stage.test("a cancel in the text ends the turn as cancelled, behind the text so far", {
  golden: "claude/interrupt_text",
  prompt: slowClaude,
  cues: [inText(3, cancel)],
});
stage.test("a cancel in the text ends the turn as cancelled, behind the text so far", {
  golden: "codex/interrupt_text",
  prompt: slowCodex,
  cues: [inText(3, cancel)],
});
stage.test("a cancel in a tool ends the turn as cancelled, and the tool with it", {
  golden: "claude/interrupt_tool",
  prompt: commandOfClaude,
  cues: [inCommand(cancel)],
});
stage.test("a cancel in a command ends the turn as cancelled", {
  golden: "codex/interrupt_tool",
  prompt: commandOfCodex,
  cues: [inCommand(cancel)],
});
stage.test("a cancel while it says what it does ends the block", {
  golden: "codex/interrupt_commentary",
  prompt: codex({ text: LONG_TEXT, phase: "commentary", chunkSize: 5, gapMs: 50 }),
  cues: [{ event: "response.block.updated", nth: 2, then: cancel }],
});
stage.test("closing the session ends its turn as cancelled", {
  golden: "claude/close_session",
  prompt: slowClaude,
  cues: [inText(3, closeSession)],
});
stage.test("closing the session ends its turn as cancelled", {
  golden: "codex/close_session",
  prompt: slowCodex,
  cues: [inText(3, closeSession)],
});

stage.test("a refusal of the model is an error of its contents", {
  golden: "claude/refusal",
  prompt: claude(say("I cannot", { stopReason: "refusal" })),
});
stage.test("a refusal of the model's server is an error of its contents", {
  golden: "codex/refusal",
  prompt: codex({ text: "x", failAfter: 0, error: "cyber_policy", message: "Not allowed" }),
});
stage.test("the words of a refusal do not reach the device: the answer is empty", {
  golden: "codex/refusal_in_words",
  prompt: codex({ refusal: "I cannot help with that." }),
});
stage.test("an answer that is filtered each time is an error of its contents", {
  golden: "codex/content_filter",
  prompt: codex({ incomplete: "content_filter" }),
});

stage.test("an answer that grows too long goes on, and in the end is an error", {
  golden: "claude/max_tokens",
  prompt: claude(
    ...["One. ", "Two. ", "Three. ", "Four."].map((text) =>
      say(text, { stopReason: "max_tokens" })
    ),
  ),
});
stage.test("an answer that grows too long but comes to its end is an answer", {
  golden: "claude/max_tokens_then_end",
  prompt: claude(say("One. ", { stopReason: "max_tokens" }), say("Two.")),
});
stage.test("an answer that grows too long is an error", {
  golden: "codex/max_tokens",
  prompt: codex({ text: "One. ", incomplete: "max_output_tokens" }),
});
stage.test("a conversation that is too long is an error with a code of its own", {
  golden: "claude/too_long",
  prompt: claude({ status: 400, message: "prompt is too long: 300000 tokens > 200000 maximum" }),
});
stage.test("an agent that has used up its steps ends with an error", {
  golden: "claude/max_turns",
  prompt: claude(callTool("Bash", { command: "echo hi" }), say("never")),
  bot: { max_turns: 1 },
});
stage.close();
