/** What the agent asks the person, with the real CLI: the events of each turn in their exact order. */
import { FakeDaemon, HostHarness, textOf } from "../../tests/support/host_harness.ts";
import { assert, assertEquals, assertStringIncludes } from "../../tests/support/assert.ts";
import { callTool, say, script, startModel } from "../../tests/support/model.ts";
import { poll } from "../../tests/support/waiting.ts";
import { join } from "../platform/std/path.ts";
import { type Decision, permissionRequested } from "../protocol/mod.ts";
import type { JournalRecord } from "./journal.ts";
import type { RunSpec } from "./attach_protocol.ts";

const ASK = { permission_mode: "ask" } as const;
const REQUESTED = "response.permission.requested";
const RESOLVED = "response.permission.resolved";
const BASH = {
  started: "response.output_item.added Bash",
  args: "response.function_call_arguments.done",
  done: "response.output_item.done Bash completed",
  failed: "response.output_item.done Bash failed",
};

/** Events as one line each, without the pieces of arguments. */
function story(records: readonly JournalRecord[]): string[] {
  const lines = records.filter(({ e }) => e !== "response.function_call_arguments.delta").map(
    ({ e, d }) => {
      const item = d["item"] as Record<string, unknown> | undefined;
      const words = [e, item?.["name"], item?.["status"], d["outcome"] ?? d["tool_name"]];
      return words.filter((word) => word !== undefined).join(" ");
    },
  );
  // Arguments are announced more than once, which is no part of what is told here.
  return lines.filter((line, i) => line !== BASH.args || lines[i - 1] !== BASH.args);
}

async function question(host: HostHarness, run: RunSpec, n = 0) {
  const found = await poll(
    () => host.journal(run).filter(({ e }) => e === REQUESTED)[n],
    20_000,
    () => `question ${n}; journal ${JSON.stringify(host.journal(run)).slice(-1500)} ${host.log}`,
  );
  const { type: _, ...data } = found.d;
  return permissionRequested.parse(data);
}

async function reply(
  host: HostHarness,
  run: RunSpec,
  request_id: string,
  decision: Decision,
  more: { message?: string; answers?: string[][] } = {},
): Promise<void> {
  const { task_id, subtask_id } = run;
  const answer = { task_id, subtask_id, request_id, decision, message: "", answers: [], ...more };
  await host.daemon.send({ cmd: "answer", run: run.id, answer });
}

function toolResult(model: Awaited<ReturnType<typeof startModel>>): string {
  return JSON.stringify(model.scripted().at(-1)?.body?.messages.at(-1));
}

Deno.test("ask: an allowed command runs, and a second answer changes nothing", async () => {
  await using model = await startModel();
  await using host = await HostHarness.start({ modelUrl: model.url });
  const daemon = await host.attach();
  const run = await host.turn(
    script(callTool("Bash", { command: "touch made && echo yes", description: "d" }), say("done")),
    ASK,
  );
  const asked = await question(host, run);
  assertEquals([asked.kind, asked.tool_name, asked.tool_use_id.startsWith("toolu_")], [
    "permission",
    "Bash",
    true,
  ]);
  assertEquals(asked.input["command"], "touch made && echo yes");
  assertEquals(asked.rule, { tool: "Bash", match: "touch made && echo yes" });
  await daemon.until(
    () => daemon.notices.some((n) => n.notice === "asking" && n.open === 1),
    5000,
    "the notice of a question",
  );
  // Nothing happens by itself.
  await new Promise((resolve) => setTimeout(resolve, 300));
  assertEquals(await exists(join(host.workdir, "made")), false);
  await reply(host, run, asked.request_id, "allow");
  await reply(host, run, asked.request_id, "deny");
  const records = await host.ended(run);
  assertEquals(story(records), [
    BASH.started,
    BASH.args,
    `${REQUESTED} Bash`,
    `${RESOLVED} allowed`,
    BASH.args,
    BASH.done,
    "response.output_text.delta",
    "response.completed",
  ]);
  assert(await exists(join(host.workdir, "made")));
});

Deno.test("ask: a denial with its reason goes to the model, and the turn goes on", async () => {
  await using model = await startModel();
  await using host = await HostHarness.start({ modelUrl: model.url });
  await host.attach();
  const run = await host.turn(
    script(callTool("Bash", { command: "touch made", description: "d" }), say("as you wish")),
    ASK,
  );
  const { request_id } = await question(host, run);
  await reply(host, run, request_id, "deny", { message: "use the other directory" });
  const records = await host.ended(run);
  assertEquals(story(records), [
    BASH.started,
    BASH.args,
    `${REQUESTED} Bash`,
    `${RESOLVED} denied`,
    BASH.args,
    BASH.failed,
    "response.output_text.delta",
    "response.completed",
  ]);
  assertEquals(await exists(join(host.workdir, "made")), false);
  assertStringIncludes(toolResult(model), "use the other directory");
});

Deno.test("ask: what is allowed for the conversation is not asked again, another command is", async () => {
  await using model = await startModel();
  await using host = await HostHarness.start({ modelUrl: model.url });
  await host.attach();
  const touch = { command: "touch made", description: "d" };
  const run = await host.turn(
    script(
      callTool("Bash", touch),
      callTool("Bash", { ...touch, description: "again" }),
      callTool("Bash", { ...touch, command: "touch made; touch more" }),
      say("done"),
    ),
    ASK,
  );
  const first = await question(host, run);
  await reply(host, run, first.request_id, "allow_always");
  const second = await question(host, run, 1);
  assertEquals(second.input["command"], "touch made; touch more");
  await reply(host, run, second.request_id, "allow");
  const records = await host.ended(run);
  assertEquals(story(records).filter((line) => !line.startsWith("response.function_call")), [
    BASH.started,
    `${REQUESTED} Bash`,
    `${RESOLVED} allowed_always`,
    BASH.done,
    BASH.started,
    BASH.done,
    BASH.started,
    `${REQUESTED} Bash`,
    `${RESOLVED} allowed`,
    BASH.done,
    "response.output_text.delta",
    "response.completed",
  ]);
  // The next turn brings the rules the server has kept.
  const next = await host.turn(script(callTool("Bash", touch), say("done")), {
    ...ASK,
    permission_rules: [first.rule],
  });
  assertEquals((await host.ended(next)).some(({ e }) => e === REQUESTED), false);
});

Deno.test("ask: edits inside the workdir are free; outside, through links, settings and the network ask", async () => {
  await using model = await startModel();
  await using host = await HostHarness.start({ modelUrl: model.url });
  await host.attach();
  const at = (name: string) => join(host.workdir, name);
  const outside = join(host.root, "outside");
  await Deno.mkdir(outside);
  await Deno.symlink(outside, at("link"));
  await Deno.symlink(join(outside, "nowhere"), at("dangling"));
  const write = (file_path: string) => callTool("Write", { file_path, content: "x" });
  const run = await host.turn(
    script(
      write(at("free.txt")),
      write(at("deep/er/free.txt")),
      callTool("Bash", { command: "ls", description: "d" }),
      write(join(outside, "a")),
      write(at("link/b")),
      write(at("dangling")),
      write(at(".claude/settings.json")),
      write(at(".git/hooks/pre-commit")),
      callTool("Read", { file_path: "/etc/hostname" }),
      callTool("WebFetch", { url: "http://127.0.0.1:9/x", prompt: "p" }),
      say("done"),
    ),
    ASK,
  );
  const seen: [string, unknown, unknown][] = [];
  for (let n = 0; n < 7; n++) {
    const { request_id, tool_name, input, rule } = await question(host, run, n);
    seen.push([tool_name, input["file_path"] ?? input["url"], rule]);
    await reply(host, run, request_id, "deny");
  }
  const records = await host.ended(run);
  assertEquals(seen, [
    ["Write", join(outside, "a"), { tool: "Edit", match: outside }],
    ["Write", at("link/b"), { tool: "Edit", match: at("link") }],
    ["Write", at("dangling"), { tool: "Edit", match: host.workdir }],
    ["Write", at(".claude/settings.json"), null],
    ["Write", at(".git/hooks/pre-commit"), null],
    ["Read", "/etc/hostname", { tool: "Read", match: "/etc" }],
    ["WebFetch", "http://127.0.0.1:9/x", { tool: "WebFetch", match: "127.0.0.1:9" }],
  ]);
  assertEquals(records.filter(({ e }) => e === REQUESTED).length, 7);
  assertEquals(await exists(at("deep/er/free.txt")), true);
  assertEquals([...Deno.readDirSync(outside)], []);
});

Deno.test("ask: a question to the person is a form, and the answer is the tool's result", async () => {
  await using model = await startModel();
  await using host = await HostHarness.start({ modelUrl: model.url });
  await host.attach();
  const form = {
    questions: [
      {
        question: "Which colour?",
        header: "Colour",
        multiSelect: false,
        options: [{ label: "Blue", description: "cold" }, { label: "Red", description: "warm" }],
      },
      {
        question: "Which sizes?",
        header: "Size",
        multiSelect: true,
        options: [{ label: "S", description: "small" }, { label: "L", description: "large" }],
      },
    ],
  };
  // Also where tools are not asked for.
  const run = await host.turn(
    script(callTool("AskUserQuestion", form), say("thanks")),
    { permission_mode: "bypass" },
  );
  const asked = await question(host, run);
  assertEquals([asked.kind, asked.rule, asked.input], ["form", null, {}]);
  assertEquals(asked.questions.map((q) => [q.question, q.header, q.multiple, q.options.length]), [
    ["Which colour?", "Colour", false, 2],
    ["Which sizes?", "Size", true, 2],
  ]);
  await reply(host, run, asked.request_id, "allow");
  await reply(host, run, asked.request_id, "answer", { answers: [["A dark green"], ["S", "L"]] });
  const records = await host.ended(run);
  assertEquals(story(records).filter((line) => !line.startsWith("response.function_call")), [
    "response.output_item.added AskUserQuestion",
    `${REQUESTED} AskUserQuestion`,
    `${RESOLVED} answered`,
    "response.output_item.done AskUserQuestion completed",
    "response.output_text.delta",
    "response.completed",
  ]);
  const result = toolResult(model);
  assertStringIncludes(result, 'Which colour?\\"=\\"A dark green');
  assertStringIncludes(result, 'Which sizes?\\"=\\"S, L');
});

Deno.test("ask: nobody is asked by a server that did not say that it can", async () => {
  await using model = await startModel();
  await using host = await HostHarness.start({ modelUrl: model.url });
  await host.attach();
  const run = await host.turn(script(
    callTool("Bash", { command: "touch made", description: "d" }),
    callTool("AskUserQuestion", { questions: [] }),
    say("done"),
  ));
  const records = await host.ended(run);
  assertEquals(records.some(({ e }) => e.startsWith("response.permission")), false);
  assert(await exists(join(host.workdir, "made")));
  const tools = (model.scripted()[0]?.body as { tools?: { name: string }[] }).tools ?? [];
  const names = tools.map(({ name }) => name);
  assertEquals([names.includes("Bash"), names.includes("AskUserQuestion")], [true, false]);
});

Deno.test("ask: a cancel withdraws the question", async () => {
  await using model = await startModel();
  await using host = await HostHarness.start({ modelUrl: model.url });
  const daemon = await host.attach();
  const run = await host.turn(
    script(callTool("Bash", { command: "touch made", description: "d" }), say("never")),
    ASK,
  );
  const { request_id } = await question(host, run);
  await daemon.send({ cmd: "cancel", run: run.id });
  const records = await host.ended(run, 5000);
  assertEquals(story(records).slice(2), [
    `${REQUESTED} Bash`,
    `${RESOLVED} withdrawn`,
    // The CLI itself says so of the tool.
    BASH.args,
    BASH.failed,
    "response.incomplete",
  ]);
  await reply(host, run, request_id, "allow");
  assertEquals(model.scripted().length, 1);
  assertEquals(host.marked(), []);
  assertEquals(await exists(join(host.workdir, "made")), false);
});

Deno.test("ask: the turn waits longer than the model may be silent, and for a daemon that comes back", async () => {
  await using model = await startModel();
  await using host = await HostHarness.start({ modelUrl: model.url, stallMs: 5000 });
  const before = await host.attach();
  const run = await host.turn(
    script(callTool("Read", { file_path: "/etc/hostname" }), say("done")),
    ASK,
  );
  const { request_id } = await question(host, run);
  before.detach();
  await new Promise((resolve) => setTimeout(resolve, 6500));
  const daemon: FakeDaemon = await host.attach();
  assertEquals(daemon.hello?.runs.map(({ id, asking, ended }) => [id, asking, ended]), [
    [run.id, 1, false],
  ]);
  await reply(host, run, request_id, "allow");
  const records = await host.ended(run);
  assertEquals(records.at(-1)?.e, "response.completed");
  assertEquals(textOf(records), "done");
});

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
