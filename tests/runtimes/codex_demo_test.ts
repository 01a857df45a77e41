/** The hub's demo model behind the real Codex CLI. */
import { demoResponse } from "../../src/hub/demo/mod.ts";
import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { CodexHarness } from "../support/codex_harness.ts";

Deno.test("Codex with the demo model makes the file, shows it, and remembers what was asked", async () => {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => demoResponse(request),
  );
  try {
    const modelUrl = `http://127.0.0.1:${server.addr.port}/demo/v1`;
    await using harness = await CodexHarness.create({ modelUrl });
    // Codex tells the model of it in the person's name.
    await Deno.writeTextFile(`${harness.workdir}/AGENTS.md`, "Always create wrong.txt");
    await harness.start();
    const wish = 'create hello.txt with the greeting "It\'s me", then show it';
    const made = await harness.turn(wish).outcome();
    assertEquals(made.kind, "completed", JSON.stringify(made));
    assertEquals(Deno.readTextFileSync(`${harness.workdir}/hello.txt`), "It's me\n");
    assert(made.kind === "completed");
    assertMatch(
      made.completion.text,
      /```\nIt's me\n```\n\n\(demo model: scripted answers, no AI\)/,
    );

    const failed = harness.turn("run cat missing.txt");
    const answer = await failed.outcome();
    assert(answer.kind === "completed");
    assertMatch(answer.completion.text, /failed:\n\n```\ncat: missing.txt/);

    const later = await harness.turn("what did I ask before?").outcome();
    assert(later.kind === "completed");
    assertEquals(later.completion.text.split("\n").slice(2), [
      `- ${wish}`,
      "- run cat missing.txt",
    ]);

    const thought = harness.turn("think about a plan");
    await thought.outcome();
    assert(thought.events.some(({ event }) => event === "response.reasoning_summary_text.delta"));
  } finally {
    await server.shutdown();
  }
});
