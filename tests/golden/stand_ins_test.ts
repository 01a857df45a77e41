/**
 * What the real CLIs cannot be made to print when it is wanted, by stand-ins: lines of 50 MB and more, an
 * interrupt that nobody has asked for.
 */
import { fromFileUrl } from "../../src/platform/std/path.ts";
import { Stage } from "./stage.ts";

const program = (name: string) => fromFileUrl(new URL(`stand_ins/${name}.sh`, import.meta.url));
const stage = new Stage({
  env: { CLAUDE_BINARY: program("claude"), CODEX_BINARY: program("codex") },
});

stage.test("a tool's result of one line of 50 MB is cut, and the turn goes on", {
  golden: "claude/long_line",
  prompt: "units=50000000",
});
stage.test("a tool's result of one line of 50 MB is cut, and the turn goes on", {
  golden: "codex/long_line",
  prompt: "units=50000000",
});
stage.test("a line longer than is read ends the agent and the turn with an error", {
  golden: "claude/line_too_long",
  prompt: "units=53000000",
});
stage.test("a line longer than is read is left out, and the turn goes on", {
  golden: "codex/line_too_long",
  prompt: "units=70000000",
});
stage.test("an agent that says it was interrupted ends its turn as cancelled", {
  golden: "claude/interrupt_unasked",
  prompt: "aborted",
});
stage.close();
