/** One turn's talk with the CLI: prompt in, events out, and an eye on the clock. */
import {
  type ClaudeExit,
  type ClaudeProcess,
  type CliMessage,
  type PromptContent,
  TurnMapper,
  type TurnOutcome,
} from "../runtimes/mod.ts";
import type { JournalSink } from "./journal_sink.ts";

/** How the talk ended. */
export type ConversationEnd =
  | TurnOutcome
  | {
    readonly kind: "exit";
    readonly exit: ClaudeExit;
    /** False when the process ended before it took up the prompt. */
    readonly begun: boolean;
  };

/** What a conversation tells its turn. */
export interface ConversationEvents {
  /** Silence of the model after which {@link onStall} is called, in milliseconds. */
  readonly stallMs: number;
  /** The CLI named its session. */
  onSession(id: string, model: string | null): void;
  onStall(): void;
}

/**
 * A message that reaches the CLI while it works on something of its own is folded into that, and no
 * result of ours follows. When nothing happens for so long after such a result, it is taken as ours.
 */
const FOLDED_MS = 3000;

/** See the module comment. */
export class Conversation {
  readonly #mapper: TurnMapper;
  #finish = Promise.withResolvers<ConversationEnd>();
  #begun = false;
  #lastSign = performance.now();
  #stallTimer: ReturnType<typeof setTimeout> | null = null;
  #foldedTimer: ReturnType<typeof setTimeout> | null = null;

  constructor(
    private readonly process: ClaudeProcess,
    private readonly sink: JournalSink,
    private readonly events: ConversationEvents,
  ) {
    this.#mapper = new TurnMapper(sink.builder);
    process.listen({
      onMessages: (messages) => this.#take(messages),
      onExit: (exit) => this.#finish.resolve({ kind: "exit", exit, begun: this.#begun }),
    });
    if (process.exited) {
      process.exit.then((exit) => this.#finish.resolve({ kind: "exit", exit, begun: this.#begun }));
    }
    this.#watch();
  }

  /** Resolves when the CLI has ended the turn or itself. */
  get finish(): Promise<ConversationEnd> {
    return this.#finish.promise;
  }

  /** Sends the prompt. */
  send(content: PromptContent): void {
    this.#lastSign = performance.now();
    this.process.send(content);
  }

  /** Goes on after a result that did not end the turn. */
  again(text: string): void {
    this.#finish = Promise.withResolvers();
    this.#mapper.outcome = null;
    this.send(text);
  }

  /**
   * Interrupts the turn.
   *
   * @returns True when the CLI ended it within `limitMs`.
   */
  async interrupt(limitMs: number): Promise<boolean> {
    const limit = Promise.withResolvers<null>();
    const timer = setTimeout(() => limit.resolve(null), limitMs);
    const asked = this.process.interrupt(limitMs);
    const end = await Promise.race([this.finish, limit.promise]);
    await asked;
    clearTimeout(timer);
    return end !== null && end.kind !== "exit";
  }

  /** Stops listening. */
  close(): void {
    this.process.listen(null);
    if (this.#stallTimer !== null) clearTimeout(this.#stallTimer);
    if (this.#foldedTimer !== null) clearTimeout(this.#foldedTimer);
  }

  #take(messages: readonly CliMessage[]): void {
    this.#lastSign = performance.now();
    if (this.#foldedTimer !== null) clearTimeout(this.#foldedTimer);
    const events = messages.flatMap((message) => {
      this.#note(message);
      return this.#mapper.take(message);
    });
    this.sink.append(events);
    const { outcome, foreignOutcome } = this.#mapper;
    if (outcome) this.#finish.resolve(outcome);
    else if (foreignOutcome) {
      this.#foldedTimer = setTimeout(() => this.#finish.resolve(foreignOutcome), FOLDED_MS);
    }
  }

  #note(message: CliMessage): void {
    if (message.type === "system" && message.subtype === "init") {
      this.#begun = true;
      if (message.session_id) this.events.onSession(message.session_id, message.model ?? null);
    } else if (message.type === "result" && this.#begun && message.session_id) {
      this.events.onSession(message.session_id, null);
    }
  }

  /** Looks again when the model could have been silent for too long at the earliest. */
  #watch(): void {
    const silent = performance.now() - this.#lastSign;
    const wait = this.events.stallMs - silent;
    if (wait <= 0 && this.#mapper.waitsForModel) return this.events.onStall();
    // While a tool runs nothing is due from the model; its clock starts when the tool has ended.
    this.#stallTimer = setTimeout(() => this.#watch(), Math.max(wait, 500));
  }
}
