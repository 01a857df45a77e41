/**
 * Messages of the CLI → response events of one turn. Pure: nothing here knows of processes or files.
 */
import type { Completion, ResponseBuilder, ResponseEvent } from "../../protocol/mod.ts";
import { describeFailure, describeRetry, type Failure } from "./failures.ts";
import type {
  AssistantMessage,
  CliMessage,
  ContentBlock,
  ResultMessage,
  StreamEvent,
  SystemMessage,
  UserMessage,
} from "./messages.ts";
import { DEFERRED, type DeferredTool } from "./forms.ts";
import { RepeatFilter } from "./repeat_filter.ts";

/** How a turn ended, as the CLI tells it. */
export type TurnOutcome =
  | { readonly kind: "completed"; readonly completion: Completion }
  | { readonly kind: "failed"; readonly failure: Failure }
  /** Ended by an interrupt. */
  | { readonly kind: "interrupted" }
  /** The conversation that was to be resumed is unknown. */
  | { readonly kind: "unknown_session" }
  /** A call of a tool was deferred: the turn goes on or ends by what becomes of it. */
  | { readonly kind: "deferred"; readonly tool: DeferredTool; readonly completion: Completion }
  /** A fault of the CLI that goes away when it is told to go on. */
  | { readonly kind: "retry"; readonly failure: Failure };

interface Tool {
  readonly name: string;
  args: Record<string, unknown>;
  /** JSON text of the arguments so far; null when they did not come in pieces. */
  partial: string | null;
  /** JSON of the arguments announced as complete. */
  announced: string | null;
  ended: boolean;
}

/** Longest argument text that is parsed while it still grows, in UTF-16 units. */
const MAX_PARSED_PARTIAL = 100_000;
/** Text that is kept in case the last message brings none; a frame would not take more. */
const MAX_SAID = 500_000;
const TRANSIENT_FAULT =
  /API Error: (?:Cannot read properties of undefined|undefined is not an object)/;
const REJECTED = /^The user doesn't want to proceed with this tool use/;
const UNKNOWN_SESSION = /No conversation found with session ID/i;

/** Turns the messages of one turn into events; see {@link TurnMapper.take}. */
export class TurnMapper {
  readonly #builder: ResponseBuilder;
  readonly #tools = new Map<string, Tool>();
  /** Tool id by block of a message that is being streamed. */
  readonly #blocks = new Map<string, string>();
  readonly #text = new RepeatFilter();
  /** Text of the turn so far, up to {@link MAX_SAID}. */
  #said = "";
  #silentExit: { reason: string } | null = null;
  #streaming = false;
  #sessionId: string | null = null;

  /** Set by the `result` that ends the turn. */
  outcome: TurnOutcome | null = null;
  /** Set by the end of a turn the CLI began by itself; see the session host. */
  foreignOutcome: TurnOutcome | null = null;

  constructor(builder: ResponseBuilder) {
    this.#builder = builder;
  }

  /** The CLI's session id, once it has told it. */
  get sessionId(): string | null {
    return this.#sessionId;
  }

  /** True while the model owes the next piece: silence now is a stall. */
  get waitsForModel(): boolean {
    if (this.#streaming) return true;
    for (const tool of this.#tools.values()) if (!tool.ended) return false;
    return true;
  }

  /** The events a message stands for, in order. */
  take(message: CliMessage): ResponseEvent[] {
    switch (message.type) {
      case "stream_event":
        return this.#stream(message);
      case "assistant":
        return this.#assistant(message);
      case "user":
        return this.#user(message);
      case "system":
        return this.#system(message);
      case "result":
        this.#result(message);
        return [];
      default:
        return [];
    }
  }

  // Streamed pieces --------------------------------------------------------------------------------

  #stream({ parent_tool_use_id: parent, event }: StreamEvent): ResponseEvent[] {
    const key = `${parent ?? ""}/${event.index ?? 0}`;
    switch (event.type) {
      case "message_start":
        if (!parent) {
          this.#streaming = true;
          this.#text.messageStarts();
        }
        return [];
      case "message_stop":
        if (!parent) {
          this.#streaming = false;
          this.#text.messageEnds();
        }
        return [];
      case "content_block_start": {
        const block = event.content_block;
        if (block?.type === "text" && !parent) this.#text.blockStarts();
        if (block?.type !== "tool_use" || !block.id) return [];
        this.#blocks.set(key, block.id);
        return this.#startTool(block.id, block.name ?? "", block.input ?? {});
      }
      case "content_block_delta":
        return this.#delta(key, parent ?? null, event.delta ?? {});
      case "content_block_stop":
        return this.#blockStopped(key);
      default:
        return [];
    }
  }

  #delta(
    key: string,
    parent: string | null,
    delta: NonNullable<StreamEvent["event"]["delta"]>,
  ): ResponseEvent[] {
    if (delta.type === "input_json_delta") {
      const id = this.#blocks.get(key);
      return id ? this.#toolDelta(id, delta.partial_json ?? "") : [];
    }
    // A subagent talks to the agent, not to the reader.
    if (parent) return [];
    if (delta.type === "text_delta") {
      return this.#say(this.#text.streamed(delta.text ?? ""));
    }
    if (delta.type === "thinking_delta") {
      return this.#builder.reasoning(delta.thinking ?? "");
    }
    return [];
  }

  #toolDelta(id: string, delta: string): ResponseEvent[] {
    const tool = this.#tools.get(id);
    if (!tool || tool.ended || delta === "") return [];
    tool.partial = (tool.partial ?? "") + delta;
    const summary = delta.trimEnd().endsWith("}") &&
        tool.partial.length <= MAX_PARSED_PARTIAL
      ? parseObject(tool.partial)
      : null;
    return this.#builder.toolArgumentsDelta(id, delta, summary ?? undefined);
  }

  #blockStopped(key: string): ResponseEvent[] {
    const id = this.#blocks.get(key);
    const tool = id === undefined ? undefined : this.#tools.get(id);
    this.#blocks.delete(key);
    if (id === undefined || !tool || tool.announced !== null) return [];
    const args = (tool.partial ? parseObject(tool.partial) : null) ?? tool.args;
    return this.#announce(id, tool, args);
  }

  // Whole messages ---------------------------------------------------------------------------------

  #assistant(message: AssistantMessage): ResponseEvent[] {
    // The words of a failure come again, and classified, with the result.
    if (message.error) return [];
    const child = Boolean(message.parent_tool_use_id);
    return message.message.content.flatMap((block) => {
      if (block.type === "text" && !child && block.text) {
        return this.#say(this.#text.whole(block.text));
      }
      if (block.type === "tool_use" && block.id) {
        return this.#wholeTool(block.id, block);
      }
      return [];
    });
  }

  #wholeTool(id: string, block: ContentBlock): ResponseEvent[] {
    const args = isObject(block.input) ? block.input : {};
    const known = this.#tools.get(id);
    if (known) {
      if (known.ended || known.announced === JSON.stringify(args)) return [];
      return this.#announce(id, known, args);
    }
    if (id.trim() === "") return [];
    const name = block.name ?? "";
    const announced = JSON.stringify(args);
    this.#tools.set(id, { name, args, partial: null, announced, ended: false });
    return this.#builder.toolCalled(id, name, args);
  }

  #say(text: string): ResponseEvent[] {
    if (this.#said.length < MAX_SAID) this.#said += text;
    return this.#builder.text(text);
  }

  #user(message: UserMessage): ResponseEvent[] {
    if (message.isReplay) return [];
    return message.message.content.flatMap((block) =>
      block.type === "tool_result" ? this.#toolResult(block) : []
    );
  }

  #toolResult(block: ContentBlock): ResponseEvent[] {
    const id = block.tool_use_id ?? "";
    const tool = this.#tools.get(id);
    if (!tool || tool.ended) return [];
    const output = outputText(block.content);
    tool.ended = true;
    this.#noteSilentExit(block.content);
    const failed = block.is_error === true;
    if (failed && output.includes("Request interrupted")) return [];
    // What the CLI tells the model of a tool that an interrupt came upon is not meant for the reader.
    const told = failed && REJECTED.test(output) ? "The turn was ended first" : output;
    return this.#builder.toolEnded(id, tool.name, tool.args, told, failed);
  }

  #startTool(
    id: string,
    name: string,
    args: Record<string, unknown>,
  ): ResponseEvent[] {
    if (id.trim() === "" || this.#tools.has(id)) return [];
    this.#tools.set(id, {
      name,
      args,
      partial: null,
      announced: null,
      ended: false,
    });
    return this.#builder.toolStarted(id, name);
  }

  #announce(
    id: string,
    tool: Tool,
    args: Record<string, unknown>,
  ): ResponseEvent[] {
    tool.args = args;
    tool.announced = JSON.stringify(args);
    return this.#builder.toolArguments(id, args);
  }

  // Notices and the end ----------------------------------------------------------------------------

  #system(message: SystemMessage): ResponseEvent[] {
    switch (message.subtype) {
      case "init":
        this.#sessionId = message.session_id || this.#sessionId;
        return [];
      case "api_retry":
        this.#streaming = false;
        return this.#builder.reasoning(describeRetry({
          status: message.error_status ?? null,
          attempt: message.attempt ?? null,
          max: message.max_retries ?? null,
          delayMs: message.retry_delay_ms ?? null,
        }));
      case "status":
        return message.status === "compacting"
          ? this.#builder.reasoning(
            "The conversation has grown long and is being summarised.\n",
          )
          : [];
      case "model_fallback":
        return this.#builder.reasoning(
          "The model is not available now; another one goes on.\n",
        );
      default:
        return [];
    }
  }

  #result(message: ResultMessage): void {
    this.#sessionId = message.session_id || this.#sessionId;
    this.#streaming = false;
    const outcome = this.#outcomeOf(message);
    // A resumed conversation first repeats what was deferred before it.
    if (outcome === null) return;
    if (message.origin?.kind === "task-notification") {
      this.foreignOutcome = outcome;
    } else this.outcome = outcome;
  }

  #outcomeOf(message: ResultMessage): TurnOutcome | null {
    const deferred = message.deferred_tool_use;
    if (deferred && DEFERRED.has(message.stop_reason ?? "")) {
      const tool = this.#tools.get(deferred.id);
      if (!tool || tool.ended) return null;
      tool.ended = true;
      const { id, name, input } = deferred;
      const completion = this.#completion(message, "");
      return { kind: "deferred", tool: { id, name, input }, completion };
    }
    if (/^aborted/.test(message.terminal_reason ?? "")) {
      return { kind: "interrupted" };
    }
    const text = message.result ?? "";
    if (message.subtype === "success" && !message.is_error) {
      this.#noteSilentExit(text);
      return { kind: "completed", completion: this.#completion(message, text) };
    }
    const errors = (message.errors ?? []).join("\n");
    if (UNKNOWN_SESSION.test(`${text}\n${errors}`)) {
      return { kind: "unknown_session" };
    }
    const failure = describeFailure(message);
    return TRANSIENT_FAULT.test(text) ? { kind: "retry", failure } : { kind: "failed", failure };
  }

  #completion(message: ResultMessage, text: string): Completion {
    const silent = this.#silentExit;
    return {
      // The last message may be empty; what the reader has seen stays the answer.
      text: text.trim() === "" ? this.#said || "No result" : text,
      ...(isObject(message.usage) && { usage: message.usage }),
      ...(message.stop_reason && { stop_reason: message.stop_reason }),
      extra: {
        ...(this.#sessionId && {
          executor_session: {
            agent: "ClaudeCode",
            sessionId: this.#sessionId,
          },
        }),
        ...(silent && { silent_exit: true }),
        ...(silent?.reason && { silent_exit_reason: silent.reason }),
      },
    };
  }

  /** A scheduled task says "nothing to report" by a tool result that is this JSON as a whole. */
  #noteSilentExit(content: unknown): void {
    for (const text of textsOf(content)) {
      if (!text.includes("__silent_exit__")) continue;
      const value = parseObject(text);
      if (value?.["__silent_exit__"] !== true) continue;
      const reason = value["reason"];
      this.#silentExit = { reason: typeof reason === "string" ? reason : "" };
    }
  }
}

function textsOf(content: unknown): string[] {
  if (typeof content === "string") return [content];
  if (!Array.isArray(content)) return [];
  return content.map((item) => (item as { text?: unknown } | null)?.text)
    .filter((text) => typeof text === "string");
}

/** Output of a tool as text; a list of nothing but text is joined, anything else becomes JSON. */
function outputText(content: unknown): string {
  if (content === undefined || content === null) return "";
  if (typeof content === "string") return content;
  const texts = textsOf(content);
  if (Array.isArray(content) && texts.length === content.length) {
    return texts.join("\n");
  }
  return JSON.stringify(content);
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
