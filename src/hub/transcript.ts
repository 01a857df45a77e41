/**
 * One run's transcript: response events of a device become an ordered list of blocks (text, thinking,
 * tools, and what the person said meanwhile). Pure: what changed since the last look is handed out for the database and the browsers.
 */
import {
  type BlockView,
  type InputAdded,
  inputAdded,
  type PermissionRequested,
  permissionRequested,
  type PermissionResolved,
  permissionResolved,
  type QuestionView,
} from "../protocol/mod.ts";
import { id, isObject, object, output, OWN, parsedArguments, payload, text } from "./event_data.ts";

/** Most UTF-16 units one run may store; what comes after is left out, and the transcript says so. */
const MAX_RUN_UNITS = 32 * 1024 * 1024;

/** A block and what is new about it. */
export interface Block {
  readonly index: number;
  readonly view: BlockView;
  /** Text, thinking and input: the pieces so far. */
  parts: string[];
  /** UTF-16 units in `parts`. */
  units: number;
  /** Place of the block's first unit in the run's whole text; text blocks only. */
  readonly textStart: number;
}

/** What happened to one block since the last {@link Transcript.takeChanges}. */
export interface BlockChange {
  block: Block;
  created: boolean;
  /** New text at the end, and where it starts in the block. */
  appended: string;
  appendedAt: number;
  /** Names of the members of the view that changed. */
  changed: Set<keyof BlockView>;
}

type Data = Readonly<Record<string, unknown>>;

/** See the module comment. */
export class Transcript {
  readonly blocks: Block[] = [];
  readonly #byId = new Map<string, Block>();
  readonly #changes = new Map<number, BlockChange>();
  /** UTF-16 units of streamed text. */
  #textUnits = 0;
  #units = 0;
  #full = false;
  /** Tool calls that wait for the person, by the question's id. */
  readonly #questions = new Map<string, Block>();

  get textUnits(): number {
    return this.#textUnits;
  }

  /** All streamed text, joined. */
  get text(): string {
    return this.blocks.filter((b) => isStreamText(b.view)).map(contentOf)
      .join("");
  }

  /** Questions to the person that wait for an answer. */
  get openQuestions(): number {
    return this.#questions.size;
  }

  /** The question with this id, if it is open. */
  openQuestion(requestId: string): QuestionView | undefined {
    return this.#questions.get(requestId)?.view.question;
  }

  /** Adds a block read from the database. */
  restore(view: BlockView): void {
    const content = view.content ?? "";
    const block = this.#add({ ...view }, content);
    if (view.question?.outcome === "open") this.#questions.set(view.question.request_id, block);
  }

  /** The blocks as a browser sees them. */
  views(): BlockView[] {
    return this.blocks.map((block) =>
      block.view.type === "tool" ? { ...block.view } : { ...block.view, content: contentOf(block) }
    );
  }

  /**
   * Takes in one event that is not terminal; names without a meaning here are ignored.
   *
   * @throws {AppError} `invalid_event` when its data has the wrong shape; nothing has changed then.
   */
  apply(event: string, data: Data): void {
    switch (event) {
      case "response.output_text.delta":
        return this.#append("text", text(data.delta, "delta"));
      case "response.reasoning_summary_text.delta":
        return this.#append("thinking", text(data.delta, "delta"));
      case "response.reasoning_summary_part.added":
        return this.#append("thinking", text(object(data.part).text, "part"));
      case "response.output_item.added":
        return this.#toolAdded(data);
      case "response.function_call_arguments.delta":
        return this.#arguments(data, "generating_arguments");
      case "response.function_call_arguments.done":
      case "response.mcp_call_arguments.done":
        return this.#arguments(data, "pending");
      case "response.output_item.done":
        return this.#itemDone(object(data.item));
      case "response.mcp_call.completed":
        return this.#toolDone(id(data.item_id), "done", output(data.output));
      case "response.mcp_call.failed":
        return this.#toolDone(
          id(data.item_id),
          "error",
          output(data.failure_reason),
        );
      case "response.permission.requested":
        return this.#asked(payload(permissionRequested, data));
      case "response.permission.resolved":
        return this.#answered(payload(permissionResolved, data));
      case "response.input.added":
        return this.#inputAdded(payload(inputAdded, data));
      case "response.block.created":
        return this.#blockCreated(object(data.block));
      case "response.block.updated":
        return this.#blockUpdated(id(data.block_id), object(data.updates));
    }
  }

  /** The run has ended: nothing streams any more, and nobody waits for an answer. */
  finish(): void {
    for (const request_id of [...this.#questions.keys()]) {
      this.#answered({ request_id, outcome: "withdrawn", message: null, answers: [] });
    }
    for (const block of this.blocks) {
      if (block.view.status === "streaming") this.#set(block, "status", "done");
    }
  }

  /** What changed since the last call, in the order of the blocks. */
  takeChanges(): BlockChange[] {
    if (this.#changes.size === 0) return [];
    const changes = [...this.#changes.values()].sort((a, b) => a.block.index - b.block.index);
    this.#changes.clear();
    return changes;
  }

  #append(type: "text" | "thinking", delta: string): void {
    if (delta === "" || !this.#room(delta.length)) return;
    const last = this.blocks.at(-1);
    const block = last?.view.type === type && last.view.status === "streaming"
      ? last
      : this.#create({
        id: `${OWN}${type}-${this.blocks.length + 1}`,
        type,
        status: "streaming",
        timestamp: Date.now(),
      });
    this.#push(block, delta);
  }

  #push(block: Block, delta: string): void {
    const change = this.#change(block);
    if (change.appended === "") change.appendedAt = block.units;
    change.appended += delta;
    block.parts.push(delta);
    block.units += delta.length;
    this.#units += delta.length;
    if (isStreamText(block.view)) this.#textUnits += delta.length;
  }

  #toolAdded(data: Data): void {
    const item = object(data.item);
    if (
      !["function_call", "mcp_call", "shell_call"].includes(String(item.type))
    ) return;
    const callId = id(item.call_id ?? item.id);
    const name = text(item.name, "name").slice(0, 200) || "tool";
    const status = data.argument_status === "streaming"
      ? "generating_arguments" as const
      : "pending" as const;
    const known = this.#byId.get(callId);
    if (known) {
      // Announced again: the block starts over under its new name.
      this.#set(known, "tool_name", name);
      this.#set(known, "status", status);
      this.#set(known, "tool_output", "");
      return;
    }
    this.#create({
      id: callId,
      type: "tool",
      status,
      timestamp: Date.now(),
      tool_use_id: callId,
      tool_name: name,
      tool_input: item.type === "shell_call" ? item.input ?? item.action : {},
    });
  }

  #arguments(data: Data, status: "generating_arguments" | "pending"): void {
    const block = this.#tool(id(data.call_id ?? data.item_id));
    if (!block) return;
    const input = isObject(data.arguments_summary)
      ? data.arguments_summary
      : parsedArguments(data.arguments);
    if (input !== undefined) this.#set(block, "tool_input", input);
    if (isOpen(block)) this.#set(block, "status", status);
  }

  #itemDone(item: Data): void {
    if (item.type !== "function_call" && item.type !== "shell_call") return;
    this.#toolDone(
      id(item.call_id ?? item.id),
      item.status === "failed" || item.status === "error" ? "error" : "done",
      output(item.output ?? item.error),
    );
  }

  #toolDone(callId: string, status: "done" | "error", result: string): void {
    const block = this.#tool(callId);
    if (!block) return;
    this.#set(block, "status", status);
    this.#set(block, "tool_output", this.#room(result.length) ? result : "");
    this.#units += result.length;
  }

  #blockCreated(block: Data): void {
    const blockId = id(block.id);
    const name = text(block.tool_name ?? block.name, "tool_name");
    text(block.content, "content");
    if (!this.#byId.has(blockId)) {
      const tool = block.type === "tool";
      this.#create({
        id: blockId,
        type: tool ? "tool" : block.type === "thinking" ? "thinking" : "text",
        status: "streaming",
        timestamp: Date.now(),
        ...(tool && { tool_use_id: blockId, tool_name: name || "tool" }),
      });
    }
    this.#blockUpdated(blockId, block);
  }

  #blockUpdated(blockId: string, updates: Data): void {
    const status = blockStatus(updates.status);
    const content = text(updates.content, "content");
    const block = this.#byId.get(blockId);
    if (!block) return;
    if (block.view.type === "tool") {
      if (updates.tool_input !== undefined) {
        this.#set(block, "tool_input", updates.tool_input);
      }
      if (updates.tool_output !== undefined) {
        this.#set(block, "tool_output", output(updates.tool_output));
      }
    } else if (
      content.length > block.units && content.startsWith(contentOf(block)) &&
      this.#room(content.length - block.units)
    ) {
      // The wire carries the full text so far; what is new is appended.
      this.#push(block, content.slice(block.units));
    }
    if (status) this.#set(block, "status", status);
  }

  #asked({ tool_use_id, tool_name, ...asked }: PermissionRequested): void {
    const block = this.#tool(id(tool_use_id)) ?? this.#create({
      id: tool_use_id,
      type: "tool",
      status: "pending",
      timestamp: Date.now(),
      tool_use_id,
      tool_name,
      tool_input: asked.input,
    });
    const { request_id, kind, input, truncated, reason, rule, questions } = asked;
    this.#units += JSON.stringify([input, questions]).length;
    this.#set(block, "question", {
      request_id,
      kind,
      input,
      truncated,
      reason,
      rule,
      questions,
      outcome: "open",
      message: null,
      answers: [],
    });
    this.#questions.set(request_id, block);
  }

  #answered({ request_id, outcome, message, answers }: PermissionResolved): void {
    const block = this.#questions.get(request_id);
    const question = block?.view.question;
    this.#questions.delete(request_id);
    if (!block || !question) return;
    this.#set(block, "question", { ...question, outcome, message, answers });
  }

  /** What the person said meanwhile is part of the answer from where the agent has read it. */
  #inputAdded({ input_id, text }: InputAdded): void {
    const blockId = `input:${input_id}`;
    if (this.#byId.has(blockId) || !this.#room(text.length)) return;
    const block = this.#create({
      id: blockId,
      type: "input",
      status: "done",
      timestamp: Date.now(),
    });
    this.#push(block, text);
  }

  #tool(callId: string): Block | undefined {
    const block = this.#byId.get(callId);
    return block?.view.type === "tool" ? block : undefined;
  }

  /** A new block at the end; the text before it is complete. */
  #create(view: BlockView): Block {
    const last = this.blocks.at(-1);
    if (last?.view.status === "streaming") this.#set(last, "status", "done");
    const block = this.#add(view, "");
    this.#change(block).created = true;
    return block;
  }

  #add(view: BlockView, content: string): Block {
    const block: Block = {
      index: this.blocks.length,
      view,
      parts: content ? [content] : [],
      units: content.length,
      textStart: this.#textUnits,
    };
    delete block.view.content;
    this.blocks.push(block);
    if (!isOwnText(view)) this.#byId.set(view.id, block);
    this.#units += content.length + (view.tool_output?.length ?? 0);
    if (isStreamText(view)) this.#textUnits += content.length;
    return block;
  }

  #set<K extends keyof BlockView>(
    block: Block,
    key: K,
    value: BlockView[K],
  ): void {
    if (block.view[key] === value) return;
    block.view[key] = value;
    this.#change(block).changed.add(key);
  }

  #change(block: Block): BlockChange {
    let change = this.#changes.get(block.index);
    if (!change) {
      change = {
        block,
        created: false,
        appended: "",
        appendedAt: block.units,
        changed: new Set(),
      };
      this.#changes.set(block.index, change);
    }
    return change;
  }

  /** False once the run is too long to keep; the reader is told once. */
  #room(units: number): boolean {
    if (this.#units + units <= MAX_RUN_UNITS) return true;
    if (this.#full) return false;
    this.#full = true;
    const block = this.#create({
      id: `${OWN}limit`,
      type: "thinking",
      status: "done",
      timestamp: Date.now(),
    });
    this.#push(
      block,
      "This answer is too long to be kept; the rest is left out.",
    );
    return false;
  }
}

/** The text of a text or thinking block. */
export function contentOf(block: Block): string {
  if (block.parts.length > 1) block.parts = [block.parts.join("")];
  return block.parts[0] ?? "";
}

function isOwnText(view: BlockView): boolean {
  return view.id.startsWith(OWN);
}

/** Part of the streamed answer, as opposed to a commentary block. */
function isStreamText(view: BlockView): boolean {
  return view.type === "text" && isOwnText(view);
}

function isOpen(block: Block): boolean {
  return block.view.status !== "done" && block.view.status !== "error";
}

function blockStatus(value: unknown): BlockView["status"] | null {
  switch (value) {
    case "streaming":
    case "generating_arguments":
    case "pending":
    case "done":
    case "error":
      return value;
    default:
      return null;
  }
}
