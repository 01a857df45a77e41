/**
 * The asking side of OpenAI's Responses API, as Codex uses it, and the questions a scripted model has to
 * ask about a request. Only what is read here is described.
 */
import * as z from "zod";
import { parseJson } from "../../platform/mod.ts";
import type { ToolRound, Turn } from "./messages_request.ts";

const block = z.looseObject({ type: z.string().optional(), text: z.string().optional() });
/** A string is the short form of one text block. */
const blocks = z.union([z.string(), z.array(block)]).transform((value) =>
  typeof value === "string" ? [{ text: value }] : value
);

const item = z.looseObject({
  /** @default "message" */
  type: z.string().optional(),
  role: z.string().optional(),
  /** Of messages. */
  content: blocks.nullish().catch(null),
  /** Of calls and their outputs. */
  call_id: z.string().optional(),
  name: z.string().optional(),
  arguments: z.string().optional(),
  output: blocks.nullish().catch(null),
});
type Item = z.infer<typeof item>;

/** Body of `POST /v1/responses`. */
export const responsesRequest = z.looseObject({
  model: z.string().max(200),
  input: z.array(item),
  tools: z.array(z.looseObject({ name: z.string().optional() })).optional(),
});
export type ResponsesRequest = z.infer<typeof responsesRequest>;

/** Codex' tool that runs a command. */
export const EXEC = "exec_command";

/** The present turn of a conversation; commands appear under the name Claude Code has for them. */
export function turnOfInput({ input }: ResponsesRequest): Turn {
  const people = input.map(personText);
  const last = people.findLastIndex((text) => text !== "");
  return {
    prompt: people[last] ?? "",
    earlier: people.slice(0, Math.max(last, 0)).filter((text) => text !== ""),
    rounds: commands(input.slice(last + 1)),
  };
}

/** What a person wrote in an item; "" for every other one. Codex' own notes come as a person's, too. */
function personText({ type = "message", role, content }: Item): string {
  if (type !== "message" || role !== "user") return "";
  return (content ?? []).map(({ text = "" }) => text.trim())
    .filter((text) => text !== "" && !isNote(text)).join("\n");
}

/** The environment, instructions of the directory, an interruption. */
function isNote(text: string): boolean {
  const tag = /^<([a-z_]+)[ >]/i.exec(text)?.[1];
  return text.startsWith("# AGENTS.md instructions") ||
    (tag !== undefined && tag !== "attachment" && text.endsWith(`</${tag}>`));
}

function commands(items: readonly Item[]): ToolRound[] {
  const outputs = new Map(
    items.filter(({ type }) => type === "function_call_output").map((o) => [o.call_id, o]),
  );
  return items.filter(({ type, name }) => type === "function_call" && name === EXEC).map((call) => {
    const said = (outputs.get(call.call_id)?.output ?? []).map(({ text = "" }) => text).join("\n");
    const args = z.looseObject({ cmd: z.string() }).safeParse(parseJson(call.arguments ?? ""));
    const code = /^Process exited with code (-?\d+)$/m.exec(said)?.[1];
    return {
      name: "Bash",
      input: { command: args.data?.cmd ?? "" },
      // Without a code it was refused, or it still runs.
      failed: code !== "0",
      output: said.split(/^Output:\n/m).slice(1).join("Output:\n") || (code ? "" : said),
    };
  });
}
