import { assert, assertEquals } from "../../tests/support/assert.ts";
import { SecretMasker } from "../platform/mod.ts";
import { executeRequest, ResponseBuilder, type ResponseEvent } from "../protocol/mod.ts";
import { EventMasker, requestSecrets } from "./secrets.ts";

const KEY = 'sk-ant-"\\9Zx+/é-4711';
const RUN = { task_id: 1, subtask_id: 2, response_id: "resp_0", created_at: 0 };

/** A turn's builder and its masked events. */
function turn(offset = 0) {
  const builder = new ResponseBuilder(RUN, { text_offset: offset, tool_index: 1, terminal: false });
  const masker = new EventMasker(new SecretMasker([KEY]), offset);
  const out: ResponseEvent[] = [];
  return { builder, out, take: (events: ResponseEvent[]) => void out.push(...masker.take(events)) };
}

function deltas(events: readonly ResponseEvent[], name: string): string {
  return events.filter(({ event }) => event === name).map(({ data }) => data["delta"]).join("");
}

Deno.test("EventMasker masks text in single units and keeps offsets right", () => {
  const { builder, out, take } = turn(5);
  for (const unit of `The key is ${KEY}, yes 😀.`) take(builder.text(unit));
  take(builder.completed({ text: `The key is ${KEY}` }));
  const texts = out.filter(({ event }) => event === "response.output_text.delta");
  assertEquals(deltas(out, "response.output_text.delta"), "The key is sk***, yes 😀.");
  let offset = 5;
  for (const { data } of texts) {
    assertEquals(data["offset"], offset);
    offset += String(data["delta"]).length;
  }
  assertEquals(out.at(-1)?.event, "response.completed");
  assert(JSON.stringify(out.at(-1)).includes("The key is ***"));
});

Deno.test("EventMasker shows what it held before the event that interrupts it", () => {
  const { builder, out, take } = turn();
  take(builder.text("starts with sk-"));
  take(builder.reasoning("hm sk-a"));
  take(builder.toolStarted("t1", "Bash"));
  take(builder.text("more sk-"));
  take(builder.incomplete());
  assertEquals(out.map(({ event, data }) => [event.split(".").at(-2), data["delta"] ?? null]), [
    ["output_text", "starts with "],
    ["reasoning_summary_text", "hm "],
    ["output_text", "sk-"],
    ["reasoning_summary_text", "sk-a"],
    ["output_item", null],
    ["output_text", "more "],
    // The tool that was open ends with the turn; it does not interrupt the text.
    ["function_call_arguments", null],
    ["output_item", null],
    ["output_text", "sk-"],
    ["response", null],
  ]);
});

Deno.test("EventMasker masks a tool's arguments in pieces, their summary and its output", () => {
  const { builder, out, take } = turn();
  take(builder.toolStarted("t1", "Bash"));
  const args = { command: `echo ${KEY}`, [`name ${KEY}`]: [{ type: KEY }] };
  const json = JSON.stringify(args);
  for (let i = 0; i < json.length; i += 3) {
    take(builder.toolArgumentsDelta("t1", json.slice(i, i + 3)));
  }
  take(builder.toolArgumentsDelta("t1", " ", args));
  take(builder.toolArguments("t1", args));
  take(builder.toolEnded("t1", "Bash", args, `${KEY}\n${btoa("x:sk-ant-").slice(0, 8)}`, false));
  const text = JSON.stringify(out);
  for (const form of [KEY, JSON.stringify(KEY).slice(1, -1), JSON.stringify(JSON.stringify(KEY))]) {
    assert(!text.includes(form), text);
  }
  const sent = deltas(out, "response.function_call_arguments.delta");
  const whole = json.replaceAll(JSON.stringify(KEY).slice(1, -1), "***");
  assertEquals(sent.replaceAll(/sk?\*\*\*/g, "***"), `${whole} `);
  assertEquals(out.at(-1)?.data["item"], {
    type: "function_call",
    id: "t1",
    call_id: "t1",
    name: "Bash",
    arguments: '{"command":"echo ***","name ***":[{"type":"***"}]}',
    status: "completed",
    output: "***\neDpzay1h",
  });
});

Deno.test("EventMasker masks errors, notices and paths, and leaves the protocol's words alone", () => {
  const { builder, out, take } = turn();
  const masker = new EventMasker(new SecretMasker(["completed", "response.workdir"]), 0);
  take(builder.workdir({ path: `/w/${KEY}`, origin: "chat", code: null, notice: `Not ${KEY}` }));
  take(builder.error(`401: ${KEY} is wrong`));
  assert(!JSON.stringify(out).includes(JSON.stringify(KEY).slice(1, -1)));
  assertEquals(out.at(-1)?.data["message"], "401: *** is wrong");
  const [event] = masker.take(new ResponseBuilder(RUN).completed({ text: "completed" }));
  const { response, type } = event!.data as { response: Record<string, unknown>; type: string };
  assertEquals([response["status"], type], ["completed", "response.completed"]);
  assert(JSON.stringify(response["output"]).includes('"text":"***"'));
});

Deno.test("EventMasker passes on events without secrets as they are", () => {
  const { builder, out, take } = turn();
  const events = [
    ...builder.inProgress(),
    ...builder.text("hello"),
    ...builder.toolStarted("t1", "Read"),
    ...builder.toolEnded("t1", "Read", { a: 1 }, "out", true),
    ...builder.completed({ text: "hello", usage: { input_tokens: 3 } }),
  ];
  take(events);
  assertEquals(out, events);
});

Deno.test("requestSecrets() finds what a request and the environment bring", async () => {
  const request = executeRequest.parse({
    task_id: 1,
    subtask_id: 2,
    prompt: [{ type: "text", text: "hello", token: "not-a-secret" }],
    auth_token: "task-token-1",
    skill_identity_token: "skill-token-1",
    git_url: "https://me:git%2Dpass@git.example.com/a.git",
    user: { git_token: "${MY_GIT_TOKEN}" },
    bot: [{
      agent_config: { env: { api_key: "Mc9K7Jp1qEl0pPXYfJnWqw==", MAX_TOKENS: "128000" } },
      mcp_servers: [{ name: "m", headers: { Authorization: "Bearer mcp-token-1" } }],
    }],
    user_name: "tester",
  });
  const secrets = await requestSecrets(request, {
    MY_GIT_TOKEN: "git-token-1",
    https_proxy: "http://me:proxy-pass@proxy:3128",
  });
  for (
    const secret of [
      "task-token-1",
      "skill-token-1",
      "git-token-1",
      "git-pass",
      "mcp-token-1",
      "proxy-pass",
      "Mc9K7Jp1qEl0pPXYfJnWqw==",
    ]
  ) assert(secrets.includes(secret), `${secret} in ${secrets}`);
  for (const open of ["128000", "tester", "not-a-secret", "${MY_GIT_TOKEN}"]) {
    assert(!secrets.includes(open), open);
  }
});
