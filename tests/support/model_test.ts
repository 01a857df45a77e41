import { assert, assertEquals, assertStringIncludes } from "./assert.ts";
import { join } from "../../src/platform/std/path.ts";
import { demoResponse } from "../../src/hub/demo/mod.ts";
import { ClaudeProbe } from "./claude_probe.ts";
import { callTool, say, script, startModel, type Step } from "./model.ts";
import { readScript, stepFor } from "./model_script.ts";

Deno.test("script() and readScript() are inverse, also for text with marks", () => {
  const steps: Step[] = [say("a%%b\n😀", { chunks: 2 }), callTool("X", {})];
  assertEquals(readScript(`do ${script(...steps)} now`), steps);
});

Deno.test("stepFor() keeps to the last attempt", () => {
  const step: Step = { text: "a", attempts: [{ status: 500 }, {}] };
  assertEquals(stepFor(step, 0), { text: "a", status: 500 });
  assertEquals(stepFor(step, 1), { text: "a" });
  assertEquals(stepFor(step, 9), { text: "a" });
});

Deno.test("startModel() counts attempts by session", async () => {
  await using model = await startModel();
  const ask = async (session: string) => {
    const response = await fetch(`${model.url}/v1/messages`, {
      method: "POST",
      headers: { "x-claude-code-session-id": session },
      body: JSON.stringify({
        model: "m",
        tools: [{ name: "Bash" }],
        messages: [{
          role: "user",
          content: script({ text: "ok", attempts: [{ status: 529 }, {}] }),
        }],
      }),
    });
    await response.body?.cancel();
    return response.status;
  };
  assertEquals([await ask("a"), await ask("b")], [529, 529]);
  assertEquals([await ask("a"), await ask("b")], [200, 200]);
  assertEquals(model.sentText("a"), "ok");
});

Deno.test("startModel() streams text to the real CLI and logs what it sent", async () => {
  await using model = await startModel();
  await using claude = await ClaudeProbe.start({ baseUrl: model.url });
  const text = "Grüße 😀 und mehr ".repeat(20);
  await claude.send(script(say(text, { chunkSize: 7, gapMs: 2 })));
  assertEquals((await claude.result())["is_error"], false);
  assertEquals(claude.text, text);
  assertEquals(model.sentText(), text);
  await model.waitForIdle(1000);
  const [request] = model.scripted();
  assertEquals(request?.ending, "finished");
  assertEquals(request?.headers["x-api-key"], "test-key");
  assert(request, "no scripted request");
  assert(request.session !== "");
  assertStringIncludes(request.prompt, "%%");
});

Deno.test("startModel() runs a tool round that writes a file", async () => {
  await using model = await startModel();
  await using claude = await ClaudeProbe.start({ baseUrl: model.url });
  const file = join(claude.cwd, "a.txt");
  await claude.send(script(
    callTool("Write", { file_path: file, content: "written" }, { text: "go " }),
    callTool("Bash", { command: "cat a.txt", description: "show" }),
    say("done"),
  ));
  assertEquals((await claude.result())["result"], "done");
  assertEquals(await Deno.readTextFile(file), "written");
  assertEquals(model.scripted().map(({ step }) => step), [0, 1, 2]);
  assertEquals(claude.text, "go done");
});

Deno.test("startModel() streams reasoning", async () => {
  await using model = await startModel();
  await using claude = await ClaudeProbe.start({ baseUrl: model.url });
  await claude.send(script(say("so", { thinking: "let me see, carefully" })));
  assertEquals((await claude.result())["result"], "so");
  assertEquals(claude.thinking, "let me see, carefully");
});

Deno.test("startModel() refuses with 529 and then answers", async () => {
  await using model = await startModel();
  await using claude = await ClaudeProbe.start({ baseUrl: model.url });
  await claude.send(
    script(say("at last", { attempts: [{ status: 529 }, {}] })),
  );
  assertEquals((await claude.result())["result"], "at last");
  assertEquals(model.scripted().map(({ status }) => status), [529, 200]);
  assertEquals(claude.system("api_retry")[0]?.["error_status"], 529);
});

Deno.test("startModel() refuses for good with 400", async () => {
  await using model = await startModel();
  await using claude = await ClaudeProbe.start({ baseUrl: model.url });
  await claude.send(script({ status: 400, message: "bad thing" }));
  const result = await claude.result();
  assertEquals(result["is_error"], true);
  assertStringIncludes(String(result["result"]), "bad thing");
});

Deno.test("startModel() cuts a stream, and the CLI asks again without one", async () => {
  await using model = await startModel();
  await using claude = await ClaudeProbe.start({ baseUrl: model.url });
  await claude.send(script(
    say("one two three", { chunks: 3, attempts: [{ cutAfter: 2 }, {}] }),
  ));
  assertEquals((await claude.result())["result"], "one two three");
  const [cut, whole] = model.scripted();
  assertEquals([cut?.ending, cut?.chunksSent], ["cut", 2]);
  assertEquals(whole?.body?.stream, undefined);
  assertEquals(claude.text, cut?.sent);
});

Deno.test("startModel() ends a stream with an error event", async () => {
  await using model = await startModel();
  await using claude = await ClaudeProbe.start({
    baseUrl: model.url,
    env: { CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK: "1" },
  });
  await claude.send(script(say("one two", { chunks: 2, errorAfter: 1 })));
  assertEquals((await claude.result())["is_error"], true);
});

Deno.test("startModel() stalls until the CLI is interrupted, and then goes on", async () => {
  await using model = await startModel();
  await using claude = await ClaudeProbe.start({ baseUrl: model.url });
  await claude.send(script(say("one two three", { chunks: 3, stallAfter: 2 })));
  await model.waitForSent(8, 10_000);
  assertEquals(model.scripted()[0]?.ending, "open");
  await claude.interrupt();
  const result = await claude.result();
  assertEquals(result["terminal_reason"], "aborted_streaming");
  await model.waitForIdle(2000);
  assertEquals(model.scripted()[0]?.ending, "client closed");
  await claude.send(script(say("next turn")));
  assertEquals((await claude.result(2))["result"], "next turn");
});

Deno.test("demoResponse() plays the wish of the demo through the real CLI", async () => {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    demoResponse,
  );
  try {
    const baseUrl = `http://127.0.0.1:${server.addr.port}/demo`;
    await using claude = await ClaudeProbe.start({ baseUrl });
    await claude.send(
      `Current working directory: ${claude.cwd}\n\n` +
        "create hello.txt with a greeting, then show it",
    );
    const result = await claude.result();
    assertStringIncludes(String(result["result"]), "Hello! Nice to meet you.");
    assertEquals(
      await Deno.readTextFile(join(claude.cwd, "hello.txt")),
      "Hello! Nice to meet you.\n",
    );
    await claude.send("count to 500 slowly");
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await claude.interrupt();
    assertEquals(
      (await claude.result(2))["terminal_reason"],
      "aborted_streaming",
    );
    await claude.send('create hello.txt saying "second"');
    await claude.result(3);
    assertEquals(
      await Deno.readTextFile(join(claude.cwd, "hello.txt")),
      "second\n",
    );
  } finally {
    await server.shutdown();
  }
});
