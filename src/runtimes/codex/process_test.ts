import { assert, assertEquals } from "../../../tests/support/assert.ts";
import { golden, RunningTurn } from "../../../tests/support/codex_harness.ts";
import { type FakeAction, fakeAppServer } from "../../../tests/support/fake_app_server.ts";
import { signalProcess } from "../../platform/mod.ts";
import { executeRequest } from "../../protocol/mod.ts";
import type { TurnRequest } from "../runtime.ts";
import { CodexProcess } from "./process.ts";

const SECRET = "sk-planted-0123456789";

async function withProcess(test: (process: CodexProcess) => Promise<void>): Promise<void> {
  const process = CodexProcess.start({
    argv: fakeAppServer(),
    env: { PATH: Deno.env.get("PATH") ?? "", HOME: Deno.env.get("HOME") ?? "" },
    cwd: Deno.cwd(),
    secrets: [SECRET],
    session: { kind: "fresh", id: "x" },
    thread: {},
    tempDir: "/nonexistent",
  });
  try {
    await test(process);
  } finally {
    await process.stop(true);
    const ended = process.exited;
    if (!ended) signalProcess(process.pid, "SIGKILL");
    assertEquals(ended, true);
  }
}

function turn(
  process: CodexProcess,
  prompt: string | FakeAction[],
  more: Partial<TurnRequest> = {},
  request: Record<string, unknown> = {},
): RunningTurn {
  const text = typeof prompt === "string" ? prompt : JSON.stringify(prompt);
  const parsed = executeRequest.parse({
    task_id: 1,
    subtask_id: 2,
    prompt: text,
    model_config: { model_id: "m" },
    ...request,
  });
  return new RunningTurn(process, parsed, more);
}

const text = (running: RunningTurn) =>
  golden(running.events).filter(([name]) => name === "output_text.delta").map(([, delta]) => delta)
    .join("");
const delta = (text: string): FakeAction => ({
  send: { method: "item/agentMessage/delta", params: { itemId: "a", delta: text } },
});

Deno.test("CodexProcess survives garbage, strangers and lines of 50 MB and more", () =>
  withProcess(async (process) => {
    const running = turn(process, [
      { print: "not JSON at all" },
      { print: '{"method":"item/started","params":{"threadId":"t1"}}' },
      { send: { method: "some/news" } },
      delta("one "),
      { send: { method: "some/news" }, pad: 50_000_000 },
      { ...delta("two "), pad: 50_000_000 },
      { ...delta("lost "), pad: 70_000_000 },
      {
        send: {
          method: "item/agentMessage/delta",
          params: { threadId: "t2", itemId: "b", delta: "no" },
        },
      },
      {
        send: {
          method: "item/agentMessage/delta",
          params: { turnId: "u0", itemId: "b", delta: "no" },
        },
      },
      delta("three"),
    ]);
    const outcome = await running.outcome(60_000);
    assertEquals(outcome.kind, "completed");
    assertEquals(text(running), "one two three");
    // Not JSON, not understood, too long.
    assertEquals(process.malformed, 3);
    assertEquals(await process.settle(1000), true);
  }));

Deno.test("CodexProcess tells how it ended, with secrets masked in its last words", () =>
  withProcess(async (process) => {
    const running = turn(process, [
      { stderr: `${"noise ".repeat(5000)}\nkey ${SECRET} refused` },
      { exit: 3 },
    ]);
    const outcome = await running.outcome();
    assert(outcome.kind === "exit");
    assertEquals([outcome.begun, outcome.exit.code, outcome.exit.signal], [true, 3, null]);
    assert(outcome.exit.stderr.endsWith("key *** refused"), outcome.exit.stderr.slice(-100));
    assert(outcome.exit.stderr.length <= 8000);
    assertEquals(await process.settle(1000), false);
  }));

Deno.test("CodexProcess.stop() ends one that hears nothing", () =>
  withProcess(async (process) => {
    const running = turn(process, [{ deaf: true }, { waitMs: 100 }]);
    assertEquals((await running.outcome()).kind, "completed");
    await process.stop(true);
    assertEquals(process.exited, true);
    assertEquals((await process.exit).signal, "SIGKILL");
  }));

const APPROVAL = "item/commandExecution/requestApproval";
const request = (id: number, method: string): FakeAction[] => [
  { send: { id, method, params: { itemId: "i", command: "ls" } } },
  { tellAnswer: id },
];

Deno.test("CodexProcess answers what the server asks: approvals after the hook, the rest in shape", () =>
  withProcess(async (process) => {
    const before: string[] = [];
    const running = turn(process, [
      ...request(0, APPROVAL),
      ...request(1, "item/fileChange/requestApproval"),
      ...request(2, "item/tool/requestUserInput"),
      ...request(3, "mcpServer/elicitation/request"),
      ...request(4, "brand/new"),
    ], {
      beforeTool: ({ name, id }) => {
        before.push(`${name} ${id}`);
        return Promise.resolve();
      },
    });
    assertEquals((await running.outcome()).kind, "completed");
    assertEquals(before, ["bash i", "apply_patch i"]);
    assertEquals(
      text(running),
      [
        '{"decision":"accept"}',
        '{"decision":"accept"}',
        '{"answers":{}}',
        '{"action":"decline","content":null,"_meta":null}',
        '{"code":-32601,"message":"Not supported: brand/new"}',
      ].join(""),
    );
  }));

Deno.test("CodexProcess asks the person only what no rule of the conversation allows", () =>
  withProcess(async (process) => {
    const asked: unknown[] = [];
    const ask: TurnRequest["ask"] = ({ tool, rule }) => {
      asked.push([tool.name, rule]);
      return Promise.resolve({ decision: "allow_always", message: "", answers: [] });
    };
    const actions = request(0, APPROVAL);
    const first = turn(process, actions, { ask }, { permission_mode: "ask" });
    await first.outcome();
    assertEquals(text(first), '{"decision":"acceptForSession"}');
    const rule = { tool: "bash", match: "ls" };
    assertEquals(asked, [["bash", rule]]);
    const more = { permission_mode: "ask", permission_rules: [rule] };
    const second = turn(process, request(1, APPROVAL), { ask }, more);
    await second.outcome();
    assertEquals([text(second), asked.length], ['{"decision":"accept"}', 1]);
    const gone = turn(process, request(2, APPROVAL), { ask: () => Promise.resolve(null) }, {
      permission_mode: "ask",
    });
    await gone.outcome();
    assertEquals(text(gone), '{"decision":"cancel"}');
  }));

Deno.test("a message that comes as the turn ends begins the next one and is not lost", () =>
  withProcess(async (process) => {
    const running = turn(process, [delta("one"), { refuseSteer: true }]);
    await running.until(({ event }) => event === "response.output_text.delta");
    assertEquals(running.turn.steer({ input_id: "i2", text: "two" }), true);
    assertEquals((await running.outcome()).kind, "completed");
    assertEquals(text(running), "one\n\ntwo");
    const added = running.events.findIndex(({ event }) => event === "response.input.added");
    assertEquals(running.events[added]?.data["input_id"], "i2");
    assertEquals(running.events[added + 1]?.event, "response.output_text.delta");
  }));

Deno.test("CodexProcess.start() says that a program is missing", () => {
  const command = {
    argv: ["/nowhere/codex"],
    env: {},
    cwd: Deno.cwd(),
    secrets: [],
    session: { kind: "fresh" as const, id: "x" },
    thread: {},
    tempDir: "/",
  };
  try {
    CodexProcess.start(command);
    throw new Error("It started");
  } catch (error) {
    assertEquals((error as { code?: string }).code, "agent_start_failed");
  }
});
