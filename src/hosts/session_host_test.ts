/** The session host as a process, with the real CLI and the loopback model. */
import { HostHarness, reasoningOf, terminalsOf, textOf } from "../../tests/support/host_harness.ts";
import { assert, assertEquals, assertStringIncludes } from "../../tests/support/assert.ts";
import { callTool, say, script, startModel } from "../../tests/support/model.ts";
import { poll } from "../../tests/support/waiting.ts";
import { join } from "../platform/std/path.ts";

Deno.test("runSessionHost() streams a text turn byte for byte", async () => {
  await using model = await startModel();
  await using host = await HostHarness.start({ modelUrl: model.url });
  await host.attach();
  const text = 'Grüße 😀, a line\nand "quotes" '.repeat(60);
  const run = await host.turn(script(say(text, { chunkSize: 7, thinking: "well" })));
  const records = await host.ended(run);
  assertEquals(textOf(records), text);
  assertEquals(model.sentText(), text);
  assertEquals(reasoningOf(records), "well");
  assertEquals(terminalsOf(records), ["response.completed"]);
  assertEquals(records.map(({ s }) => s), records.map((_, i) => i + 1));
  const { response } = records.at(-1)!.d as { response: Record<string, unknown> };
  const session = response["executor_session"] as Record<string, string>;
  assertEquals(session["agent"], "ClaudeCode");
  assertEquals(model.scripted()[0]?.session, session["sessionId"]);
  assertEquals(model.scripted()[0]?.headers["authorization"], "Bearer test-key-of-the-model");
});
