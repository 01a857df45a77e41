/**
 * The asking side of the Anthropic Messages API, as Claude Code uses it, and the questions a scripted
 * model has to ask about a request. Only what is read here is described.
 */
import * as z from "zod";

const block = z.looseObject({
  type: z.string(),
  /** Of text blocks. */
  text: z.string().optional(),
  /** Of tool calls. */
  id: z.string().optional(),
  name: z.string().optional(),
  input: z.record(z.string(), z.unknown()).optional(),
  /** Of tool results. */
  tool_use_id: z.string().optional(),
  is_error: z.boolean().nullish(),
  content: z.unknown().optional(),
});
/** A content block of a request; blocks of unknown types pass. */
export type RequestBlock = z.infer<typeof block>;

/** A string is the short form of one text block. */
const blocks = z.union([z.string(), z.array(block)]).transform((value) =>
  typeof value === "string" ? [{ type: "text", text: value }] : value
);

/** Body of `POST /v1/messages`. */
export const messagesRequest = z.looseObject({
  model: z.string().max(200),
  stream: z.boolean().optional(),
  system: blocks.optional(),
  messages: z.array(z.looseObject({
    /** Claude Code also puts `system` entries between the others. */
    role: z.string(),
    content: blocks,
  })),
  tools: z.array(z.looseObject({ name: z.string().optional() })).optional(),
});
export type MessagesRequest = z.infer<typeof messagesRequest>;
export type RequestMessage = MessagesRequest["messages"][number];

/** One finished round of a turn: what the model called and what came back. */
export interface ToolRound {
  readonly name: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly failed: boolean;
  readonly output: string;
}

/** What a scripted model needs to know of a conversation. */
export interface Turn {
  /** What the person asked for, without the blocks Claude Code adds. */
  readonly prompt: string;
  /** What the person asked for earlier, oldest first. */
  readonly earlier: readonly string[];
  /** Tool calls since the prompt, oldest first. */
  readonly rounds: readonly ToolRound[];
}

const REMINDER = /<system-reminder>[\s\S]*?<\/system-reminder>/g;

/**
 * The text a person wrote in a user message: reminders of the program, tool results and notes about
 * interruptions are left out, so the text is empty for a message that carries only those.
 */
export function personText(message: RequestMessage): string {
  if (message.role !== "user") return "";
  return message.content
    .filter((part) => part.type === "text")
    .map((part) => (part.text ?? "").replace(REMINDER, "").trim())
    .filter((text) => text !== "" && !text.startsWith("[Request interrupted"))
    .join("\n");
}

/** Index of the last message that carries text for which `wanted` holds, or -1. */
export function lastPersonMessage(
  messages: readonly RequestMessage[],
  wanted: (text: string) => boolean = (text) => text !== "",
): number {
  return messages.findLastIndex((message) => wanted(personText(message)));
}

/** The present turn of a conversation. */
export function turnOf(request: MessagesRequest): Turn {
  const last = lastPersonMessage(request.messages);
  const before = request.messages.slice(0, Math.max(last, 0));
  const after = request.messages.slice(last + 1);
  const message = request.messages[last];
  return {
    prompt: message ? personText(message) : "",
    earlier: before.map(personText).filter((text) => text !== ""),
    rounds: toolRounds(after),
  };
}

/** The text of all system blocks, also of those between the messages. */
export function systemText(request: MessagesRequest): string {
  const inline = request.messages.filter(({ role }) => role === "system");
  return [...request.system ?? [], ...inline.flatMap((m) => m.content)]
    .map((part) => part.text ?? "").join("\n");
}

function toolRounds(messages: readonly RequestMessage[]): ToolRound[] {
  const all = messages.flatMap((message) => message.content);
  const results = new Map(
    all.filter((part) => part.type === "tool_result")
      .map((part) => [part.tool_use_id, part]),
  );
  return all.filter((part) => part.type === "tool_use").map((call) => {
    const result = results.get(call.id);
    return {
      name: call.name ?? "",
      input: call.input ?? {},
      failed: result?.is_error === true,
      output: resultText(result?.content),
    };
  });
}

/** A tool result is a string or a list of blocks. */
function resultText(content: unknown): string {
  const parsed = blocks.safeParse(content ?? "");
  if (!parsed.success) return "";
  return parsed.data.map((part) => part.text ?? "").join("\n");
}
