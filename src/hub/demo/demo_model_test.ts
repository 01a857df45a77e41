import { assert, assertEquals, assertStringIncludes } from "../../../tests/support/assert.ts";
import { demoResponse } from "./demo_model.ts";
import { DEMO_NOTICE } from "./demo_script.ts";

const BASE = "http://127.0.0.1:1/demo";
const TOOLS = ["Bash", "Read", "Write"].map((name) => ({ name }));

interface Block {
  type: string;
  text?: string;
  name?: string;
  id?: string;
  input?: Record<string, string>;
}

function post(body: unknown, path = "/v1/messages?beta=true"): Request {
  return new Request(BASE + path, {
    method: "POST",
    body: JSON.stringify(body),
  });
}

/** Asks without a stream and returns the blocks. */
async function ask(messages: unknown[], extra = {}): Promise<Block[]> {
  const response = await demoResponse(
    post({ model: "m", messages, tools: TOOLS, ...extra }),
  );
  assertEquals(response.status, 200);
  return (await response.json() as { content: Block[] }).content;
}

function user(text: string) {
  return {
    role: "user",
    content: [
      {
        type: "text",
        text: "<system-reminder>\ncreate x.txt\n</system-reminder>",
      },
      { type: "text", text },
    ],
  };
}

function toolOf(blocks: Block[]): Block {
  const tool = blocks.find((block) => block.type === "tool_use");
  assert(tool, `No tool call in ${JSON.stringify(blocks)}`);
  return tool;
}

function round(call: Block, output: string, is_error = false) {
  return [
    { role: "assistant", content: [call] },
    {
      role: "user",
      content: [
        {
          type: "tool_result",
          tool_use_id: call.id,
          content: output,
          is_error,
        },
        { type: "text", text: "<system-reminder>be brief</system-reminder>" },
      ],
    },
    { role: "system", content: "Something the program adds" },
  ];
}

const WISH = user(
  "Current working directory: /srv/w\n\ncreate hello.txt with a greeting, then show it",
);

Deno.test("demoResponse() creates the wished file, shows it and quotes what the tool said", async () => {
  const write = toolOf(await ask([WISH]));
  assertEquals(write.name, "Write");
  assertEquals(write.input?.["file_path"], "/srv/w/hello.txt");
  const first = round(write, "File created");
  const cat = toolOf(await ask([WISH, ...first]));
  assertEquals(cat.input?.["command"], "cat hello.txt");
  const [text] = await ask([WISH, ...first, ...round(cat, "Hello there")]);
  assertStringIncludes(text?.text ?? "", "Hello there");
  assertStringIncludes(text?.text ?? "", DEMO_NOTICE);
});

Deno.test("demoResponse() reads an existing file before it writes it again", async () => {
  const write = toolOf(await ask([WISH]));
  const first = round(write, "File has not been read yet", true);
  const read = toolOf(await ask([WISH, ...first]));
  assertEquals(read.name, "Read");
  const again = toolOf(await ask([WISH, ...first, ...round(read, "1 x")]));
  assertEquals(again.name, "Write");
});

Deno.test("demoResponse() says so when a tool fails", async () => {
  const write = toolOf(await ask([WISH]));
  const [text] = await ask([WISH, ...round(write, "Permission denied", true)]);
  assertStringIncludes(text?.text ?? "", "failed");
  assertStringIncludes(text?.text ?? "", "Permission denied");
});

Deno.test("demoResponse() finds the working directory in the system prompt", async () => {
  const system = "# Environment\n - Primary working directory: /a/b\n";
  const write = toolOf(await ask([user("create a.md")], { system }));
  assertEquals(write.input?.["file_path"], "/a/b/a.md");
});

Deno.test("demoResponse() runs a command and lists files", async () => {
  const run = toolOf(await ask([user("run uname -a")]));
  assertEquals(run.input?.["command"], "uname -a");
  const list = toolOf(await ask([user("List files please")]));
  assertEquals(list.input?.["command"], "ls -la");
});

Deno.test("demoResponse() remembers what was asked", async () => {
  const [text] = await ask([
    user("run uname -a"),
    { role: "assistant", content: "Linux" },
    user("what did I ask before?"),
  ]);
  assertStringIncludes(text?.text ?? "", "- run uname -a");
});

Deno.test("demoResponse() names the conversation when Claude Code asks without tools", async () => {
  const [text] = await ask([user("create a.txt")], {
    tools: [],
    system: "Write a title. Answer in JSON.",
  });
  assertEquals(text?.text, '{"title":"Demo conversation"}');
});

Deno.test("demoResponse() streams the answer in pieces", async () => {
  const response = await demoResponse(
    post({ model: "m", stream: true, messages: [user("hi")], tools: TOOLS }),
  );
  const text = await response.text();
  assert(text.split("text_delta").length > 20);
  assert(text.startsWith("event: message_start\n"));
  assertStringIncludes(text, "event: message_stop");
});

Deno.test("demoResponse() stops when the reader goes away", async () => {
  const response = await demoResponse(post({
    model: "m",
    stream: true,
    messages: [user("count to 1000 slowly")],
    tools: TOOLS,
  }));
  const reader = response.body!.getReader();
  for (let i = 0; i < 4; i++) await reader.read();
  await reader.cancel(); // The test's resource check would report a timer that goes on.
});

Deno.test("demoResponse() answers the other requests of the client", async () => {
  const head = await demoResponse(new Request(BASE, { method: "HEAD" }));
  assertEquals(head.status, 200);
  const count = await demoResponse(post({}, "/v1/messages/count_tokens"));
  assertEquals(await count.json(), { input_tokens: 10 });
  const lost = await demoResponse(post({}, "/v1/other"));
  assertEquals(lost.status, 404);
  await lost.body?.cancel();
});

Deno.test("demoResponse() refuses what is not a request", async () => {
  for (const body of ["{", "[]", '{"model":1}', "null"]) {
    const response = await demoResponse(
      new Request(`${BASE}/v1/messages`, { method: "POST", body }),
    );
    assertEquals(response.status, 400);
    await response.body?.cancel();
  }
});

/** Asks the Responses API and returns the finished items. */
async function askCodex(input: unknown[], tools = [{ name: "exec_command" }]) {
  const response = await demoResponse(
    post({ model: "m", input, tools, stream: true }, "/v1/responses"),
  );
  assertEquals(response.headers.get("content-type"), "text/event-stream");
  const events = (await response.text()).trim().split("\n\n")
    .map((text) => JSON.parse(text.replace(/^event: .*\ndata: /, "")));
  assertEquals([events[0].type, events.at(-1).type], ["response.created", "response.completed"]);
  return events.filter(({ type }) => type === "response.output_item.done").map(({ item }) => item);
}

Deno.test("demoResponse() does for Codex by commands what it does for Claude by tools", async () => {
  const wish = {
    role: "user",
    content: [
      { type: "input_text", text: "<environment_context>\ncreate x.txt\n</environment_context>" },
      { type: "input_text", text: "create hello.txt with a greeting, then show it" },
    ],
  };
  const [lead, call] = await askCodex([{ role: "developer", content: "You are Codex" }, wish]);
  assertEquals(lead.content[0].text, "I create hello.txt.");
  assertEquals([call.type, call.name], ["function_call", "exec_command"]);
  assertEquals(JSON.parse(call.arguments), {
    cmd: "printf '%s\\n' 'Hello! Nice to meet you.' > hello.txt",
  });
  const said = (text: string, code = 0) => ({
    type: "function_call_output",
    call_id: call.call_id,
    output: `Wall time: 0 seconds\nProcess exited with code ${code}\nOutput:\n${text}`,
  });
  const [, cat] = await askCodex([wish, call, said("")]);
  assertEquals(JSON.parse(cat.arguments), { cmd: "cat hello.txt" });
  const [failure] = await askCodex([wish, call, said("No space left", 1)]);
  assertStringIncludes(failure.content[0].text, "No space left");
  const [without] = await askCodex([wish], []);
  assertStringIncludes(without.content[0].text, "does not offer it");
  const [help] = await askCodex([{ role: "user", content: "hello" }]);
  assertStringIncludes(help.content[0].text, "the real Codex runs");
});

Deno.test("demoResponse() refuses what is no request to the Responses API in that API's own words", async () => {
  const response = await demoResponse(post({ model: "m" }, "/v1/responses"));
  assertEquals([response.status, (await response.json()).error.type], [
    400,
    "invalid_request_error",
  ]);
});
