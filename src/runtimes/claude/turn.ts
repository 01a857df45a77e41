/** One turn's talk with the CLI: prompt in, events out, and an eye on the clock. */
import type { Completion, InputAdded, ResponseEvent } from "../../protocol/mod.ts";
import type { AgentTurn, TurnOutcome, TurnRequest } from "../runtime.ts";
import { type DeferredTool, formAnswer, FormQuestions, toolResult } from "./forms.ts";
import { TurnMapper } from "./mapping.ts";
import type { CliMessage } from "./messages.ts";
import { type Asked, type PermissionAnswer, Permissions } from "./permissions.ts";
import { asText, buildPrompt, type PromptContent } from "./prompt.ts";
import type { ClaudeProcess } from "./session.ts";

/**
 * A message that reaches the CLI while it works on something of its own is folded into that, and no
 * result of ours follows. When nothing happens for so long after such a result, it is taken as ours.
 */
const FOLDED_MS = 3000;
/** How often a known fault of the CLI is answered with "go on". */
const MAX_RETRIES = 3;
/** Shortest pause between two looks at the clock. */
const WATCH_MS = 500;

/** See the module comment. */
export class ClaudeTurn implements AgentTurn {
  readonly #mapper: TurnMapper;
  readonly #permissions: Permissions;
  readonly #forms: FormQuestions;
  readonly #formAbort = new AbortController();
  /** Tools that wait to be allowed. */
  #waiting = 0;
  /** Messages during the turn that the CLI has not taken up yet, by the id it knows them by. */
  readonly #inputs = new Map<string, InputAdded>();
  readonly #finish = Promise.withResolvers<TurnOutcome>();
  #begun = false;
  #retries = 0;
  #lastSign = performance.now();
  #stallTimer: ReturnType<typeof setTimeout> | null = null;
  #foldedTimer: ReturnType<typeof setTimeout> | null = null;

  constructor(private readonly process: ClaudeProcess, private readonly turn: TurnRequest) {
    this.#mapper = new TurnMapper(turn.builder);
    this.#permissions = new Permissions(turn);
    this.#forms = new FormQuestions({
      request: turn.request,
      builder: turn.builder,
      append: (events) => turn.append(events),
      env: Deno.env.toObject(),
    });
    process.listen({
      onMessages: (messages) => this.#take(messages),
      onExit: (exit) => this.#finish.resolve({ kind: "exit", exit, begun: this.#begun }),
      permit: (tool, signal) => this.#permit(tool, signal),
    });
    if (process.exited) {
      process.exit.then((exit) => this.#finish.resolve({ kind: "exit", exit, begun: this.#begun }));
    }
    this.#watch();
    this.#send(this.#prompt());
  }

  get finish(): Promise<TurnOutcome> {
    return this.#finish.promise;
  }

  async interrupt(limitMs: number): Promise<boolean> {
    this.#formAbort.abort();
    const limit = Promise.withResolvers<null>();
    const timer = setTimeout(() => limit.resolve(null), limitMs);
    const asked = this.process.interrupt(limitMs);
    const end = await Promise.race([this.finish, limit.promise]);
    await asked;
    clearTimeout(timer);
    return end !== null && end.kind !== "exit";
  }

  /**
   * The CLI takes up a message at its next step, or, when it comes during its last words, afterwards in a
   * round of its own that belongs to this turn. Without repeats (see `arguments.ts`) nobody could tell.
   */
  steer(input: InputAdded): boolean {
    if (this.process.exited || !this.turn.request.permission_mode) return false;
    const uuid = crypto.randomUUID();
    this.#inputs.set(uuid, input);
    this.process.send(asText(input.text), uuid);
    return true;
  }

  close(): void {
    this.#formAbort.abort();
    this.process.listen(null);
    if (this.#stallTimer !== null) clearTimeout(this.#stallTimer);
    if (this.#foldedTimer !== null) clearTimeout(this.#foldedTimer);
  }

  /** The model has a question for the person, which the server puts. */
  async #putForm(tool: DeferredTool, completion: Completion): Promise<void> {
    this.#mapper.outcome = null;
    this.#waiting++;
    const outcome = await this.#forms.put(tool, this.#formAbort.signal);
    this.#waiting--;
    if (this.#formAbort.signal.aborted) return this.#finish.resolve({ kind: "interrupted" });
    switch (outcome.kind) {
      case "correct":
        return this.#send(toolResult(tool.id, outcome.text, true));
      case "failed":
        return this.#finish.resolve(outcome);
      case "asked": {
        const extra = {
          ...completion.extra,
          silent_exit: true,
          silent_exit_reason: "waiting_for_user_input",
        };
        this.#finish.resolve({ kind: "completed", completion: { ...completion, text: "", extra } });
      }
    }
  }

  async #permit(tool: Asked, signal: AbortSignal): Promise<PermissionAnswer | null> {
    this.#waiting++;
    try {
      return await this.#permissions.answer(tool, signal);
    } finally {
      this.#waiting--;
      this.#lastSign = performance.now();
    }
  }

  #prompt(): PromptContent {
    const { request, workdir, resumed } = this.turn;
    const answer = formAnswer(request);
    if (!answer) return buildPrompt(request, workdir, this.process.commands);
    if (resumed) return toolResult(answer.toolUseId, answer.text, false);
    // Nobody remembers the question: the result of a call that was never made would mean nothing.
    const prompt = `The answers to the questions asked before:\n${answer.text}`;
    return buildPrompt({ ...request, prompt }, workdir, this.process.commands);
  }

  #send(content: PromptContent): void {
    this.#lastSign = performance.now();
    this.process.send(content);
  }

  #take(messages: readonly CliMessage[]): void {
    this.#lastSign = performance.now();
    if (this.#foldedTimer !== null) clearTimeout(this.#foldedTimer);
    const events = messages.flatMap((message) => {
      this.#note(message);
      return [...this.#takenUp(message), ...this.#mapper.take(message)];
    });
    this.turn.append(events);
    const { outcome, foreignOutcome } = this.#mapper;
    if (outcome?.kind === "completed" && this.#inputs.size > 0) this.#endUnlessItGoesOn(outcome);
    else if (outcome) this.#end(outcome);
    else if (foreignOutcome) this.#endUnlessItGoesOn(foreignOutcome);
  }

  #endUnlessItGoesOn(outcome: NonNullable<TurnMapper["outcome"]>): void {
    this.#foldedTimer = setTimeout(() => this.#end(outcome), FOLDED_MS);
  }

  /** The CLI says that it has read messages that came during the turn. */
  #takenUp(message: CliMessage): ResponseEvent[] {
    if (this.#inputs.size === 0) return [];
    let uuid = message.type === "user" && message.isReplay ? message.uuid : null;
    if (message.type === "system" && message.subtype === "init" && this.#mapper.outcome) {
      // The round after the turn's last words begins with the message that has waited longest; its
      // repeat comes only when the answer has begun.
      this.#mapper.outcome = null;
      uuid = this.#inputs.keys().next().value;
    }
    const input = uuid && this.#inputs.get(uuid);
    if (!uuid || !input) return [];
    this.#inputs.delete(uuid);
    return this.turn.builder.inputAdded(input);
  }

  #end(outcome: NonNullable<TurnMapper["outcome"]>): void {
    if (outcome.kind === "deferred") return void this.#putForm(outcome.tool, outcome.completion);
    if (outcome.kind !== "retry") return this.#finish.resolve(outcome);
    if (this.#retries++ >= MAX_RETRIES) {
      return this.#finish.resolve({ kind: "failed", failure: outcome.failure });
    }
    this.#mapper.outcome = null;
    this.#send("Retry to proceed");
  }

  #note(message: CliMessage): void {
    if (message.type === "system" && message.subtype === "init") {
      this.#begun = true;
      if (message.session_id) this.turn.onSession(message.session_id, message.model ?? null);
    } else if (message.type === "result" && this.#begun && message.session_id) {
      this.turn.onSession(message.session_id, null);
    }
  }

  /** Looks again when the model could have been silent for too long at the earliest. */
  #watch(): void {
    const silent = performance.now() - this.#lastSign;
    const wait = this.turn.stallMs - silent;
    if (wait <= 0 && this.#waiting === 0 && this.#mapper.waitsForModel) return this.turn.onStall();
    // While a tool runs or the person is asked nothing is due from the model; its clock starts when the tool has ended.
    this.#stallTimer = setTimeout(() => this.#watch(), Math.max(wait, WATCH_MS));
  }
}
