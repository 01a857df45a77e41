/** The messages of a short turn, taken through everything that reads the app-server; see `Runtime.rehearse`. */
import type { ResponseBuilder, ResponseEvent } from "../../protocol/mod.ts";
import { LineSplitter } from "../shared/lines.ts";
import { TurnMapper } from "./mapping.ts";
import { readNotification } from "./messages.ts";
import { RpcPeer } from "./rpc.ts";

const ids = { threadId: "t", turnId: "u" };
const message = { type: "agentMessage", id: "m", text: "." };
const command = { type: "commandExecution", id: "c", command: "true", cwd: "/" };
const ended = { ...command, status: "completed", aggregatedOutput: "", exitCode: 0 };
const tokens = { totalTokens: 1 };

const MESSAGES: readonly (readonly [method: string, params: unknown])[] = [
  ["turn/started", { threadId: "t", turn: { id: "u" } }],
  ["item/started", { ...ids, item: message }],
  ["item/agentMessage/delta", { ...ids, itemId: "m", delta: "." }],
  ["item/completed", { ...ids, item: message }],
  ["item/started", { ...ids, item: command }],
  ["item/completed", { ...ids, item: ended }],
  ["thread/tokenUsage/updated", { ...ids, tokenUsage: { total: tokens, last: tokens } }],
  ["turn/completed", { threadId: "t", turn: { id: "u", status: "completed", error: null } }],
];

/** The events of the rehearsed turn. */
export function rehearse(builder: ResponseBuilder): ResponseEvent[] {
  const lines = new LineSplitter();
  const mapper = new TurnMapper(builder, "t");
  const events: ResponseEvent[] = [];
  const peer = new RpcPeer({
    send: () => {},
    onNotification: (method, params) => {
      const message = readNotification(method, params);
      if (typeof message !== "string") events.push(...mapper.take(message));
    },
    onRequest: () => Promise.resolve({}),
  });
  const text = MESSAGES.map(([method, params]) => JSON.stringify({ method, params }) + "\n").join(
    "",
  );
  for (const line of lines.push(new TextEncoder().encode(text))) peer.take(line);
  return events;
}
