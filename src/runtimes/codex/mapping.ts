/** Messages of the app-server → response events of one turn. Pure: nothing here knows of processes. */
import type { ResponseBuilder, ResponseEvent } from "../../protocol/mod.ts";
import type { TurnOutcome } from "../runtime.ts";
import { describeFailure, describeRetry } from "./failures.ts";
import type { CodexMessage, ThreadItem, TurnError } from "./messages.ts";
import { toolOf, toolResult } from "./tools.ts";

interface OpenTool {
  readonly name: string;
  readonly args: Record<string, unknown>;
}

/** A message of the agent that is not whole yet. */
interface OpenMessage {
  /** Set when it is said beside the answer: id of its block, "" before the block begins. */
  block: string | null;
  text: string;
  /** Units of the text at the block's last update. */
  told: number;
  /** Something of it is in the answer. */
  begun: boolean;
  /** Text of an attempt that broke off; what repeats it is swallowed. */
  expected: string;
}

/** A growing block is told again when it has grown by this part of itself. */
const BLOCK_GROWTH = 0.05;

/** Turns the messages of one turn into events. */
export class TurnMapper {
  readonly #builder: ResponseBuilder;
  readonly #threadId: string;
  readonly #newBlockId: () => string;
  /** Tools that have begun and not ended. */
  readonly #tools = new Map<string, OpenTool>();
  readonly #known = new Set<string>();
  readonly #messages = new Map<string, OpenMessage>();
  /** Reasoning items that were streamed. */
  readonly #reasoned = new Set<string>();
  /** Item and part the last reasoning belonged to. */
  #part = "";
  #answer = "";
  #broken = "";
  #usage: Record<string, unknown> | null = null;
  #error: TurnError | null = null;

  /** Set by the message that ends the turn. */
  outcome: TurnOutcome | null = null;
  /** Some of what the server said could not be read, so the end of a tool may be missing. */
  incomplete = false;

  /** @param newBlockId Makes ids of blocks. @default random ones */
  constructor(builder: ResponseBuilder, threadId: string, newBlockId: () => string = blockId) {
    this.#builder = builder;
    this.#threadId = threadId;
    this.#newBlockId = newBlockId;
  }

  /** True while the model owes the next piece: silence now is a stall. */
  get waitsForModel(): boolean {
    return this.#tools.size === 0;
  }

  /** The events a message of this thread stands for, in order. */
  take({ method, params }: CodexMessage): ResponseEvent[] {
    switch (method) {
      case "item/started":
        return this.#started(params.item);
      case "item/completed":
        return this.#completed(params.item);
      case "item/agentMessage/delta":
        return this.#piece(this.#message(params.itemId, null), params.delta);
      case "item/reasoning/summaryTextDelta":
        return this.#reason(params.itemId, `s${params.summaryIndex ?? 0}`, params.delta);
      case "item/reasoning/textDelta":
        return this.#reason(params.itemId, `t${params.contentIndex ?? 0}`, params.delta);
      case "thread/tokenUsage/updated":
        this.#usage = params.tokenUsage;
        return [];
      case "error":
        return this.#failed(params.error, params.willRetry === true);
      case "turn/completed":
        return this.#end(params.turn.status, params.turn.error ?? null);
      default:
        return [];
    }
  }

  // Items ------------------------------------------------------------------------------------------

  #started(item: ThreadItem): ResponseEvent[] {
    if (item.type === "agentMessage") {
      this.#message(item.id, item.phase ?? null);
      return [];
    }
    return this.#startTool(item);
  }

  #completed(item: ThreadItem): ResponseEvent[] {
    switch (item.type) {
      case "agentMessage":
        return this.#endMessage(item);
      case "reasoning":
        if (this.#reasoned.has(item.id)) return [];
        return (item.summary ?? []).flatMap((text, n) => this.#reason(item.id, `s${n}`, text));
      case "contextCompaction":
        return this.#builder.reasoning(
          "The conversation has grown long and was summarised.\n",
        );
      default:
        return this.#endTool(item);
    }
  }

  #startTool(item: ThreadItem): ResponseEvent[] {
    const tool = toolOf(item);
    if (!tool || item.id.trim() === "" || this.#known.has(item.id)) return [];
    this.#known.add(item.id);
    const { name, displayName, args } = tool;
    this.#tools.set(item.id, { name, args });
    return this.#builder.toolCalled(item.id, name, args, displayName);
  }

  #endTool(item: ThreadItem): ResponseEvent[] {
    // Some tools are told of only when they have ended.
    const events = this.#startTool(item);
    const open = this.#tools.get(item.id);
    if (!open) return events;
    this.#tools.delete(item.id);
    const { output, failed } = toolResult(item);
    // A search or a patch knows its arguments only at its end.
    const args = toolOf(item)?.args ?? open.args;
    return [...events, ...this.#builder.toolEnded(item.id, open.name, args, output, failed)];
  }

  // Text -------------------------------------------------------------------------------------------

  #message(id: string, phase: string | null): OpenMessage {
    const known = this.#messages.get(id);
    if (known) return known;
    const beside = phase === "commentary";
    const message: OpenMessage = {
      block: beside ? "" : null,
      text: "",
      told: 0,
      begun: false,
      expected: beside ? "" : this.#broken,
    };
    if (!beside) this.#broken = "";
    this.#messages.set(id, message);
    return message;
  }

  #piece(message: OpenMessage, piece: string): ResponseEvent[] {
    message.text += piece;
    if (message.block !== null) return this.#block(message, false);
    if (message.expected === "") {
      const gap = !message.begun && this.#answer !== "" ? "\n\n" : "";
      message.begun = true;
      return this.#say(gap + piece);
    }
    const { text, expected } = message;
    if (expected.startsWith(text)) return [];
    message.expected = "";
    message.begun = true;
    // Another answer than the one that broke off is shown whole.
    return this.#say(text.startsWith(expected) ? text.slice(expected.length) : `\n\n${text}`);
  }

  #endMessage(item: ThreadItem): ResponseEvent[] {
    const message = this.#message(item.id, item.phase ?? null);
    const whole = item.text ?? "";
    const rest = whole.startsWith(message.text) ? whole.slice(message.text.length) : "";
    this.#messages.delete(item.id);
    if (message.block === null) return rest === "" ? [] : this.#piece(message, rest);
    message.text += rest;
    return this.#block(message, true);
  }

  #block(message: OpenMessage, done: boolean): ResponseEvent[] {
    const { text, told } = message;
    if (text === "") return [];
    const events: ResponseEvent[] = [];
    if (!message.block) {
      message.block = this.#newBlockId();
      events.push(...this.#builder.blockStarted(message.block, Date.now()));
    }
    if (!done && told > 0 && text.length - told < told * BLOCK_GROWTH) return events;
    message.told = text.length;
    return [...events, ...this.#builder.blockUpdated(message.block, text, done)];
  }

  #say(text: string): ResponseEvent[] {
    this.#answer += text;
    return this.#builder.text(text);
  }

  #reason(id: string, part: string, delta: string): ResponseEvent[] {
    this.#reasoned.add(id);
    const key = `${id} ${part}`;
    const gap = this.#part !== "" && this.#part !== key ? "\n\n" : "";
    this.#part = key;
    return this.#builder.reasoning(gap + delta);
  }

  // Failures and the end ---------------------------------------------------------------------------

  #failed(error: TurnError, retries: boolean): ResponseEvent[] {
    this.#error = error;
    if (!retries) return [];
    const events: ResponseEvent[] = [];
    for (const message of this.#messages.values()) {
      // The next attempt tells it from the beginning.
      if (message.block !== null) events.push(...this.#block(message, true));
      else if (message.begun) this.#broken = message.text;
      else if (message.expected !== "") this.#broken = message.expected;
    }
    this.#messages.clear();
    this.#part = "";
    return [...events, ...this.#builder.reasoning(describeRetry(error))];
  }

  #end(status: string, error: TurnError | null): ResponseEvent[] {
    const events = [...this.#messages.values()].filter(({ block }) => block !== null)
      .flatMap((message) => this.#block(message, true));
    this.#messages.clear();
    if (status !== "completed") {
      this.outcome = status === "interrupted"
        ? { kind: "interrupted" }
        : { kind: "failed", failure: describeFailure(error ?? this.#error) };
      return [...events, ...this.#endTools("The turn was ended first", true)];
    }
    this.outcome = {
      kind: "completed",
      completion: {
        text: this.#answer,
        ...(this.#usage && { usage: this.#usage }),
        extra: { executor_session: { agent: "CodeX", threadId: this.#threadId } },
      },
    };
    return [
      ...events,
      ...this.incomplete
        ? this.#endTools("How it ended could not be read", true)
        : this.#endTools("It goes on after the end of the turn", false),
    ];
  }

  /** Ends what is open, for a page would show it as running for ever. */
  #endTools(output: string, failed: boolean): ResponseEvent[] {
    const events = [...this.#tools].flatMap(([id, { name, args }]) =>
      this.#builder.toolEnded(id, name, args, output, failed)
    );
    this.#tools.clear();
    return events;
  }
}

function blockId(): string {
  return `codex-commentary-${crypto.randomUUID().replaceAll("-", "").slice(0, 12)}`;
}
