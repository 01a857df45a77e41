/** The messages of a short turn, taken through everything that reads the CLI's output; see `Runtime.rehearse`. */
import type { ResponseBuilder, ResponseEvent } from "../../protocol/mod.ts";
import { LineSplitter } from "../shared/lines.ts";
import { TurnMapper } from "./mapping.ts";
import { parseMessage } from "./stream.ts";

const usage = { input_tokens: 1, output_tokens: 1 };
const message = { id: "m", role: "assistant", model: "x" };
const text = { type: "text", text: "." };
const tool = { type: "tool_use", id: "t", name: "Bash", input: {} };

const stream = (event: unknown) => ({ type: "stream_event", event, session_id: "s" });
const whole = (content: unknown[]) => ({ type: "assistant", message: { ...message, content } });
const input = { type: "input_json_delta", partial_json: '{"command":"true"}' };
const result = { type: "tool_result", tool_use_id: "t", content: "", is_error: false };

const MESSAGES: readonly unknown[] = [
  { type: "system", subtype: "init", session_id: "s", model: "x", slash_commands: [] },
  { type: "system", subtype: "status", status: "requesting" },
  stream({ type: "message_start", message }),
  stream({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } }),
  stream({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "." } }),
  whole([text]),
  stream({ type: "content_block_stop", index: 0 }),
  stream({ type: "content_block_start", index: 1, content_block: tool }),
  stream({ type: "content_block_delta", index: 1, delta: input }),
  stream({ type: "content_block_stop", index: 1 }),
  whole([{ ...tool, input: { command: "true" } }]),
  { type: "user", message: { role: "user", content: [result] } },
  stream({ type: "message_delta", delta: { stop_reason: "end_turn" }, usage }),
  stream({ type: "message_stop" }),
  { type: "result", subtype: "success", is_error: false, result: ".", session_id: "s", usage },
];

/** The events of the rehearsed turn. */
export function rehearse(builder: ResponseBuilder): ResponseEvent[] {
  const lines = new LineSplitter();
  const mapper = new TurnMapper(builder);
  const bytes = new TextEncoder().encode(MESSAGES.map((m) => JSON.stringify(m) + "\n").join(""));
  return lines.push(bytes).map(parseMessage).flatMap((parsed) =>
    typeof parsed === "string" ? [] : mapper.take(parsed)
  );
}
