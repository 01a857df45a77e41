/**
 * Questions to the person, as our own hub puts them: the server numbers events, and the request says that it
 * may be asked. The stub backend stands in for the hub and answers as it does, with `task:answer`.
 */
import { exists } from "../../src/platform/mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { callTool, say, script as claude } from "../support/model.ts";
import { script as codex } from "../support/responses_model.ts";
import { LONG } from "../e2e/fixture.ts";
import { type Cast, type Cue, type LiveTurn, Stage } from "./stage.ts";

const stage = new Stage({ stub: { features: ["seq"] }, env: { STUB_KEY: "sk-owner-0123456789" } });

const ASK = { permission_mode: "ask" };
const REQUESTED = "response.permission.requested";

/** Answers the question that was put. */
function answer(decision: string, more: Record<string, unknown> = {}): Cue {
  return {
    event: REQUESTED,
    then: async ({ cast, request: { task_id, subtask_id } }, { data }) => {
      const given = { task_id, subtask_id, request_id: data?.["request_id"], decision, ...more };
      const ack = await cast.backend.call("task:answer", given, LONG) as Record<string, unknown>;
      assertEquals(ack["success"], true, JSON.stringify(ack));
    },
  };
}

const cancel: Cue = {
  event: REQUESTED,
  then: ({ cast, request: { task_id, subtask_id } }) =>
    cast.backend.cancel({ taskId: task_id, subtaskId: subtask_id }),
};
const fileMade = (made: boolean) => ({ workdir }: LiveTurn) =>
  assertEquals(exists(`${workdir}/made`), made);

const touch = claude(callTool("Bash", { command: "touch made" }), say("Done."));
const touchOfCodex = codex(
  { tools: [{ name: "exec_command", input: { cmd: "touch made" } }] },
  { text: "Done." },
);

stage.test("a tool waits for the person, and runs when it is allowed", {
  golden: "claude/permission_allow",
  prompt: touch,
  fields: ASK,
  cues: [answer("allow")],
  check: fileMade(true),
});
stage.test("a command waits for the person, and runs when it is allowed", {
  golden: "codex/permission_allow",
  prompt: touchOfCodex,
  fields: ASK,
  cues: [answer("allow")],
  check: fileMade(true),
});
stage.test("a tool that is not allowed fails with the person's words, and the turn goes on", {
  golden: "claude/permission_deny",
  prompt: touch,
  fields: ASK,
  cues: [answer("deny", { message: "not here" })],
  check: fileMade(false),
});
stage.test("a command that is not allowed fails, and the turn goes on", {
  golden: "codex/permission_deny",
  prompt: touchOfCodex,
  fields: ASK,
  cues: [answer("deny", { message: "not here" })],
  check: fileMade(false),
});
stage.test(
  "what is allowed for the conversation is not asked again",
  {
    golden: "claude/permission_always",
    prompt: claude(
      callTool("Bash", { command: "touch made" }),
      callTool("Bash", { command: "touch made" }),
      say("Done."),
    ),
    fields: ASK,
    cues: [answer("allow_always")],
    check: fileMade(true),
  },
  {
    golden: "claude/permission_by_rule",
    prompt: touch,
    fields: { ...ASK, permission_rules: [{ tool: "Bash", match: "touch made" }] },
  },
);
stage.test("a file waits for the person before it is changed", {
  golden: "codex/permission_file_change",
  prompt: codex(
    {
      tools: [{
        name: "exec_command",
        input: {
          cmd: "apply_patch <<'EOF'\n*** Begin Patch\n*** Add File: made\n+x\n*** End Patch\nEOF",
        },
      }],
    },
    { text: "Done." },
  ),
  fields: ASK,
  cues: [answer("allow")],
  check: fileMade(true),
});
stage.test("a question that nobody has answered is withdrawn when the turn is cancelled", {
  golden: "claude/permission_cancel",
  prompt: touch,
  fields: ASK,
  cues: [cancel],
  check: fileMade(false),
});
stage.test("a question that nobody has answered is withdrawn when the turn is cancelled", {
  golden: "codex/permission_cancel",
  prompt: touchOfCodex,
  fields: ASK,
  cues: [cancel],
  check: fileMade(false),
});

stage.test("a question to the person is a form, and its answer the tool's result", {
  golden: "claude/question",
  prompt: claude(
    callTool("AskUserQuestion", {
      questions: [{
        question: "Which colour?",
        header: "Colour",
        multiSelect: false,
        options: [{ label: "Blue", description: "cold" }, { label: "Red", description: "warm" }],
      }],
    }),
    say("Blue it is."),
  ),
  fields: { permission_mode: "bypass" },
  cues: [answer("answer", { answers: [["Blue"]] })],
});
stage.test("a question to the person is a form, and its answer goes to the model", {
  golden: "codex/question",
  prompt: codex(
    {
      tools: [{
        name: "request_user_input",
        input: {
          questions: [{
            id: "colour",
            header: "Colour",
            question: "Which colour?",
            options: [{ label: "Blue", description: "cold" }, {
              label: "Red",
              description: "warm",
            }],
          }],
        },
      }],
    },
    { text: "Blue it is." },
  ),
  fields: (cast) => ({ permission_mode: "bypass", model_config: ownersCodex(cast) }),
  cues: [answer("answer", { answers: [["Blue"]] })],
  check: ({ cast }) => {
    const sent = JSON.stringify(cast.responses.scripted.at(-1)?.body?.input);
    assert(/\\"answers\\":\[\\"Blue\\"\]/.test(sent), sent.slice(-2000));
  },
});
stage.close();

/** A Codex whose owner has turned on that it may ask outside of plans. */
function ownersCodex({ world, responses }: Cast): Record<string, unknown> {
  Deno.mkdirSync(`${world.home}/.codex`, { recursive: true });
  Deno.writeTextFileSync(
    `${world.home}/.codex/config.toml`,
    `model_provider = "stub"
[model_providers.stub]
name = "stub"
base_url = "${responses.url}"
env_key = "STUB_KEY"
wire_api = "responses"
[features]
default_mode_request_user_input = true
`,
  );
  return {
    model: "openai",
    api_format: "responses",
    model_id: "gpt-test",
    runtime_config: { codex: { use_user_config: true } },
  };
}
