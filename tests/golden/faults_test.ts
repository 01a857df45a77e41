/** Faults of the model's server and of the agent: what a backend receives when something breaks. */
import { assertEquals } from "../support/assert.ts";
import { callTool, say, script as claude } from "../support/model.ts";
import { script as codex } from "../support/responses_model.ts";
import { inCommand, inText, signalAgent } from "./cues.ts";
import { Stage } from "./stage.ts";

const stage = new Stage();
/** Some versions of Deno send a request again when a connection that was used before breaks. */
const fresh = new Stage({ keepAlive: false });

/** The CLI tries a second time. */
const TWICE = { CLAUDE_CODE_MAX_RETRIES: "1" };
/** Nothing listens there. */
const NOWHERE = "http://127.0.0.1:9";
const TEXT = "The quick brown fox.";
const LONG_TEXT = "x".repeat(600);

stage.test("401: the key is refused, which is told before each new attempt and in the end", {
  golden: "claude/401",
  prompt: claude({ status: 401, message: "Bad key" }),
  env: TWICE,
});
stage.test("401: the key is refused, which is told before each new attempt and in the end", {
  golden: "codex/401",
  prompt: codex({ status: 401, message: "Bad key" }),
});
stage.test("429: the model wants a pause, and then no more attempts are made", {
  golden: "claude/429",
  prompt: claude({ status: 429, message: "Slow down" }),
  env: TWICE,
});
stage.test("429: the model wants a pause, and then no more attempts are made", {
  golden: "codex/429",
  prompt: codex({ status: 429, message: "Slow down" }),
});
stage.test("429 once: a notice, then the turn is like any other", {
  golden: "claude/429_once",
  prompt: claude(say("Here.", { attempts: [{ status: 429 }, { text: "Here." }] })),
  env: TWICE,
});
stage.test("500: the model's server fails", {
  golden: "claude/500",
  prompt: claude({ status: 500, message: "Oops" }),
  env: TWICE,
});
stage.test("500: the model's server fails", {
  golden: "codex/500",
  prompt: codex({ status: 500, message: "Oops" }),
});
stage.test("500 once: a notice, then the turn is like any other", {
  golden: "codex/500_once",
  prompt: codex({ text: "Here.", attempts: [{ status: 500 }, { status: 500 }, {}] }),
});
stage.test("529: the model is overloaded", {
  golden: "claude/529",
  prompt: claude({ status: 529, message: "Overloaded" }),
  env: TWICE,
});
stage.test("529: the model is overloaded", {
  golden: "codex/529",
  prompt: codex({ status: 529, message: "Overloaded" }),
});

stage.test("a server that is not there is told so before the next attempt and in the end", {
  golden: "claude/unreachable",
  prompt: "Hello?",
  env: { ...TWICE, base_url: NOWHERE },
});
stage.test("a server that is not there is told so before each new attempt and in the end", {
  golden: "codex/unreachable",
  prompt: "Hello?",
  model: { base_url: NOWHERE },
});
stage.test("a stream that breaks in the text ends the turn with an error behind the text", {
  golden: "claude/broken_stream",
  prompt: claude(say(TEXT, { chunks: 5, cutAfter: 3 })),
  env: TWICE,
});
fresh.test("a stream that breaks before its text is asked for again", {
  golden: "claude/broken_before_text",
  prompt: claude(say(TEXT, { attempts: [{ cutAfter: 0 }, { text: TEXT }] })),
  env: TWICE,
});
stage.test("an error in the stream ends the turn with an error behind the text", {
  golden: "claude/error_in_stream",
  prompt: claude(say(TEXT, { chunks: 5, errorAfter: 3 })),
});
stage.test("a stream that breaks in the text goes on where it was, and the text comes once", {
  golden: "codex/broken_stream",
  prompt: codex({ text: TEXT, chunkSize: 4, attempts: [{ cutAfter: 3 }, {}] }),
  check: ({ cast }) =>
    assertEquals(cast.responses.scripted.slice(-2).map((r) => r.ending), ["cut", "finished"]),
});
stage.test("a stream that always breaks ends the turn with an error behind the text", {
  golden: "codex/broken_stream_for_good",
  prompt: codex({ text: TEXT, chunkSize: 4, cutAfter: 3 }),
});

stage.test(
  "an agent that dies ends its turn with an error, and the conversation goes on",
  {
    golden: "claude/crash",
    prompt: claude(say(LONG_TEXT, { chunks: 120, gapMs: 50 })),
    cues: [inText(3, (turn) => signalAgent(turn, "SIGKILL"))],
  },
  { golden: "claude/after_crash", prompt: claude(say("Back.")) },
);
stage.test(
  "an agent that dies ends its turn with an error, and the conversation goes on",
  {
    golden: "codex/crash",
    prompt: codex({ text: LONG_TEXT, chunkSize: 5, gapMs: 50 }),
    cues: [inText(3, (turn) => signalAgent(turn, "SIGKILL"))],
  },
  { golden: "codex/after_crash", prompt: codex({ text: "Back.", phase: "final_answer" }) },
);
stage.test("a tool that runs when its agent dies is ended before the error", {
  golden: "claude/crash_in_tool",
  prompt: claude(callTool("Bash", { command: "touch started; sleep 300" }), say("never")),
  cues: [inCommand((turn) => signalAgent(turn, "SIGKILL"))],
});
stage.test("a command that runs when its agent dies is ended before the error", {
  golden: "codex/crash_in_tool",
  prompt: codex(
    { tools: [{ name: "exec_command", input: { cmd: "touch started; sleep 300" } }] },
    { text: "never" },
  ),
  cues: [inCommand((turn) => signalAgent(turn, "SIGKILL"))],
});
stage.close();
