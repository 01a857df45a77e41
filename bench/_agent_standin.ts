/** A stand-in for the agent's CLI that answers each prompt with a recorded stream, at the speed of `cat`. */
import { streamEvents } from "../src/hub/demo/messages_api.ts";
import { join } from "../src/platform/std/path.ts";

import { floodAnswer } from "./_flood_model.ts";

const SESSION = "00000000-0000-4000-8000-000000000000";

/**
 * Writes the program into `dir`.
 *
 * @param deltas Text deltas in its answer.
 * @returns Its path.
 */
export async function writeAgentStandin(dir: string, deltas: number): Promise<string> {
  const answer = floodAnswer(deltas);
  const text = answer.parts.map((part) => part.type === "text" ? part.chunks.join("") : "").join(
    "",
  );
  const common = { session_id: SESSION, parent_tool_use_id: null };
  const messages = [
    { type: "system", subtype: "init", model: answer.model, tools: [], ...common },
    ...[...streamEvents(answer)].map(({ data }) => ({
      type: "stream_event",
      event: data,
      ...common,
      uuid: SESSION,
    })),
    {
      type: "assistant",
      message: { id: "msg_1", role: "assistant", content: [{ type: "text", text }] },
      ...common,
    },
    { type: "result", subtype: "success", is_error: false, result: text, num_turns: 1, ...common },
  ];
  const stream = join(dir, "stream.ndjson");
  const program = join(dir, "claude");
  await Deno.writeTextFile(stream, messages.map((m) => JSON.stringify(m) + "\n").join(""));
  await Deno.writeTextFile(
    program,
    [
      "#!/bin/sh",
      'case "$1" in --version) echo "2.1.197 (Claude Code)"; exit;; esac',
      `while read -r prompt; do cat "${stream}"; done`,
      "",
    ].join("\n"),
    { mode: 0o755 },
  );
  return program;
}
