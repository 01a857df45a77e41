/** A turn's events folded into the one message a transcript shows of them. Bounded, whatever came. */
import type { JournalRecord } from "../../hosts/mod.ts";
import {
  cutText,
  type MessageBlock,
  type MessageStatus,
  TERMINAL_EVENTS,
} from "../../protocol/mod.ts";

/** Most UTF-16 units kept of the answer, of one block's text, and of all blocks together. */
const MAX_CONTENT = 200_000;
const MAX_BLOCK_TEXT = 20_000;
const MAX_BLOCKS_UNITS = 300_000;
const MAX_BLOCKS = 500;

/** A turn as one message. */
export interface FoldedTurn {
  readonly content: string;
  readonly status: MessageStatus;
  readonly blocks: readonly MessageBlock[];
}

type Tool = Extract<MessageBlock, { type: "tool" }>;
type Data = Readonly<Record<string, unknown>>;

/** Takes the records of one run, in order. */
export class TurnFold {
  #text = "";
  #final = "";
  #status: MessageStatus = "streaming";
  readonly #blocks: MessageBlock[] = [];
  readonly #tools = new Map<string, Tool>();
  #units = 0;

  /** @param at When the run began, in milliseconds; events carry no time of their own. */
  constructor(private readonly at: number) {}

  take({ e: event, d: data }: JournalRecord): void {
    if (TERMINAL_EVENTS.has(event)) return this.#end(event, data);
    switch (event) {
      case "response.output_text.delta":
        this.#closeThinking();
        if (this.#text.length <= MAX_CONTENT) this.#text += textOf(data["delta"]);
        return;
      case "response.reasoning_summary_text.delta":
        return this.#think(textOf(data["delta"]));
      case "response.output_item.added":
        return this.#toolAdded(data);
      case "response.function_call_arguments.delta":
        return this.#arguments(data, "generating_arguments");
      case "response.function_call_arguments.done":
      case "response.mcp_call_arguments.done":
        return this.#arguments(data, "pending");
      case "response.output_item.done":
        return this.#toolDone(
          idOf(objectOf(data["item"])),
          objectOf(data["item"])["status"],
          objectOf(data["item"])["output"],
        );
      case "response.mcp_call.completed":
        return this.#toolDone(textOf(data["item_id"]), "completed", data["output"]);
      case "response.mcp_call.failed":
        return this.#toolDone(textOf(data["item_id"]), "failed", data["failure_reason"]);
    }
  }

  /** The message so far. */
  result(): FoldedTurn {
    const content = this.#final.trim() ? this.#final : this.#text;
    return {
      content: cutText(content, MAX_CONTENT),
      status: this.#status,
      blocks: this.#blocks,
    };
  }

  #end(event: string, data: Data): void {
    this.#closeThinking();
    if (event === "response.incomplete") this.#status = "cancelled";
    else if (event === "error") {
      this.#status = "failed";
      if (!this.#text.trim()) this.#final = textOf(data["message"]);
    } else {
      this.#status = "done";
      this.#final = finalText(objectOf(data["response"]));
    }
  }

  #think(delta: string): void {
    const last = this.#blocks.at(-1);
    if (last?.type === "thinking" && last.status === "streaming") {
      if (last.content.length < MAX_BLOCK_TEXT) last.content += this.#fitting(delta);
      return;
    }
    this.#add({
      id: `thinking-${this.#blocks.length + 1}`,
      type: "thinking",
      content: this.#fitting(delta),
      status: "streaming",
      timestamp: this.at,
    });
  }

  #closeThinking(): void {
    const last = this.#blocks.at(-1);
    if (last?.type === "thinking") last.status = "done";
  }

  #toolAdded(data: Data): void {
    const item = objectOf(data["item"]);
    const id = idOf(item);
    const kinds: unknown[] = ["function_call", "mcp_call", "shell_call"];
    if (!id || !kinds.includes(item["type"])) return;
    this.#closeThinking();
    const known = this.#tools.get(id);
    const fresh: Tool = {
      id,
      type: "tool",
      tool_use_id: id,
      tool_name: textOf(item["name"]).slice(0, 200),
      tool_input: this.#input(objectOf(item["input"])),
      status: "pending",
      timestamp: this.at,
      ...(typeof data["display_name"] === "string" && {
        display_name: data["display_name"].slice(0, 200),
      }),
    };
    if (known) delete known.tool_output;
    if (known) Object.assign(known, fresh);
    else if (this.#add(fresh)) this.#tools.set(id, fresh);
  }

  #arguments(data: Data, status: "generating_arguments" | "pending"): void {
    const tool = this.#tools.get(textOf(data["item_id"]) || textOf(data["call_id"]));
    if (!tool || tool.status === "done" || tool.status === "error") return;
    tool.status = status;
    const input = data["arguments_summary"] ?? parsed(textOf(data["arguments"]));
    if (Object.keys(objectOf(input)).length > 0) tool.tool_input = this.#input(objectOf(input));
  }

  #toolDone(id: string, status: unknown, output: unknown): void {
    const tool = this.#tools.get(id);
    if (!tool) return;
    tool.status = status === "failed" ? "error" : "done";
    if (output === undefined || output === null) return;
    const text = typeof output === "string" ? output : JSON.stringify(output);
    tool.tool_output = this.#fitting(cutText(text, MAX_BLOCK_TEXT));
  }

  #input(input: Data): Record<string, unknown> {
    const text = JSON.stringify(input);
    if (text.length <= MAX_BLOCK_TEXT && this.#fits(text.length)) return { ...input };
    return { summary: this.#fitting(cutText(text, 2000)) };
  }

  #add(block: MessageBlock): boolean {
    if (this.#blocks.length >= MAX_BLOCKS) return false;
    this.#blocks.push(block);
    return true;
  }

  #fits(units: number): boolean {
    if (this.#units + units > MAX_BLOCKS_UNITS) return false;
    this.#units += units;
    return true;
  }

  /** `text`, or what is left of the room for it. */
  #fitting(text: string): string {
    const cut = cutText(text, MAX_BLOCK_TEXT);
    return this.#fits(cut.length) ? cut : "";
  }
}

function finalText(response: Data): string {
  const items = Array.isArray(response["output"]) ? response["output"] : [];
  const parts = items.flatMap((item) => {
    const content = objectOf(item)["content"];
    return Array.isArray(content) ? content : [];
  });
  return parts.map((part) => textOf(objectOf(part)["text"])).join("");
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // A cut text of arguments is no JSON; what was known before stays.
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function idOf(item: Data): string {
  return textOf(item["call_id"]) || textOf(item["id"]);
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function objectOf(value: unknown): Data {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value as Data : {};
}
