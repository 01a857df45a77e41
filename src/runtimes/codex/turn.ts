/** One turn's talk with the app-server: prompt in, events out, and an eye on the clock. */
import { errorText } from "../../platform/mod.ts";
import type { InputAdded } from "../../protocol/mod.ts";
import type { AgentExit, AgentTurn, TurnOutcome, TurnRequest } from "../runtime.ts";
import { asksPerson } from "./answers.ts";
import { textItem, type TurnInput, turnInput } from "./input.ts";
import { TurnMapper } from "./mapping.ts";
import { type CodexMessage, turnAnswer } from "./messages.ts";
import type { CodexProcess } from "./process.ts";
import { turnSettings } from "./settings.ts";

/** Shortest pause between two looks at the clock. */
const WATCH_MS = 500;
/** Pause before something is repeated that came too early for the server. */
const AGAIN_MS = 50;
const STEER_ATTEMPTS = 100;
/** Limit for ending the commands an interrupt leaves running. */
const CLEAN_MS = 2000;

/** See the module comment. */
export class CodexTurn implements AgentTurn {
  readonly #finish = Promise.withResolvers<TurnOutcome>();
  readonly #over = new AbortController();
  #mapper: TurnMapper | null = null;
  #input: TurnInput | null = null;
  #threadId = "";
  /** The server's id of the turn, once it has told it. */
  #id: string | null = null;
  #begun = false;
  #cancelled = false;
  /** The turn's end that waits for the answers to steering messages. */
  #held: TurnOutcome | null = null;
  #steering = 0;
  readonly #waiting: InputAdded[] = [];
  #lastSign = performance.now();
  #stallTimer: ReturnType<typeof setTimeout> | null = null;
  /** What had not been understood before the turn. */
  readonly #malformed: number;

  constructor(private readonly process: CodexProcess, private readonly turn: TurnRequest) {
    this.#malformed = process.malformed;
    process.listen({
      request: turn.request,
      signal: this.#over.signal,
      ...(turn.ask && { ask: (question, signal) => turn.ask!(question, signal) }),
      beforeTool: async (tool) => await turn.beforeTool?.(tool),
      onMessage: (message) => this.#take(message),
      onExit: (exit) => this.#exited(exit),
    });
    if (process.exited) process.exit.then((exit) => this.#exited(exit));
    this.#watch();
    void this.#run();
  }

  get finish(): Promise<TurnOutcome> {
    return this.#finish.promise;
  }

  async interrupt(limitMs: number): Promise<boolean> {
    this.#cancelled = true;
    const limit = Promise.withResolvers<null>();
    const timer = setTimeout(() => limit.resolve(null), limitMs);
    const until = performance.now() + limitMs;
    if (this.#id !== null) void this.#sendInterrupt(until);
    const end = await Promise.race([this.finish, limit.promise]);
    clearTimeout(timer);
    if (end === null || end.kind === "exit") return false;
    return await this.#cleanTerminals();
  }

  /** Goes to the model at its next step; before the turn has begun it waits for that. */
  steer(input: InputAdded): boolean {
    if (this.process.exited || this.#over.signal.aborted || this.#cancelled) return false;
    if (this.#id === null) this.#waiting.push(input);
    else void this.#steer(input);
    return true;
  }

  close(): void {
    this.#over.abort();
    this.process.listen(null);
    if (this.#stallTimer !== null) clearTimeout(this.#stallTimer);
    this.#input?.remove();
  }

  async #run(): Promise<void> {
    try {
      const thread = await this.process.thread;
      if (thread.kind === "unknown") return this.#end({ kind: "unknown_session" });
      if (thread.kind === "failed") {
        // An exit says more than the request it cut off.
        if (!this.process.exited) this.#end({ kind: "failed", failure: thread.failure });
        return;
      }
      this.#threadId = thread.id;
      this.turn.onSession(thread.id, thread.model);
      if (this.#cancelled) return this.#end({ kind: "interrupted" });
      this.#mapper = new TurnMapper(this.turn.builder, thread.id);
      const input = turnInput(this.turn.request.prompt, this.process.tempDir);
      this.#input = input;
      await this.#start(input.items);
    } catch (error) {
      // The exit of the process is reported by itself.
      if (this.process.exited) return;
      const message = `Codex refused the turn: ${errorText(error)}`;
      this.#end({ kind: "failed", failure: { message, code: "execution_error" } });
    }
  }

  async #start(items: TurnInput["items"]): Promise<void> {
    const { request, workdir, ask } = this.turn;
    const { model, effort, summary, serviceTier } = turnSettings(request);
    this.#lastSign = performance.now();
    const answer = await this.process.request("turn/start", {
      threadId: this.#threadId,
      input: items,
      cwd: workdir,
      effort,
      ...(model !== null && { model }),
      ...(summary !== null && { summary }),
      ...(serviceTier !== null && { serviceTier }),
      approvalPolicy: asksPerson({ request, ...(ask && { ask }) }) ? "untrusted" : "never",
    });
    this.#identify(turnAnswer.parse(answer).turn.id);
  }

  #identify(id: string): void {
    this.#begun = true;
    if (this.#id === id) return;
    this.#id = id;
    if (this.#cancelled) void this.#sendInterrupt(performance.now() + CLEAN_MS);
    else for (const input of this.#waiting.splice(0)) void this.#steer(input);
  }

  async #steer(message: InputAdded): Promise<void> {
    this.#steering++;
    try {
      for (let left = STEER_ATTEMPTS; left > 0 && this.#goesOn; left--) {
        try {
          await this.process.request("turn/steer", {
            threadId: this.#threadId,
            expectedTurnId: this.#id,
            input: [textItem(message.text)],
          });
          return this.#tookUp(message);
        } catch (error) {
          // The turn ended before the message came, and goes on with it; or it has not begun yet.
          if (this.#held || left === 1) return await this.#goOn(message, error);
          await pause(AGAIN_MS);
        }
      }
    } finally {
      this.#steering--;
      this.#release();
    }
  }

  get #goesOn(): boolean {
    return !this.#cancelled && !this.process.exited && !this.#over.signal.aborted;
  }

  #tookUp(message: InputAdded): void {
    this.turn.append(this.turn.builder.inputAdded(message));
  }

  async #goOn(message: InputAdded, refused: unknown): Promise<void> {
    if (!this.#goesOn) return;
    this.#held = null;
    // Its messages may come together with the answer that names it.
    this.#id = null;
    if (this.#mapper) this.#mapper.outcome = null;
    try {
      this.#tookUp(message);
      await this.#start([textItem(message.text)]);
    } catch (error) {
      const words = `Codex refused a message: ${errorText(refused)}; ${errorText(error)}`;
      this.#held = { kind: "failed", failure: { message: words, code: "execution_error" } };
    }
  }

  async #sendInterrupt(until: number): Promise<void> {
    while (!this.#over.signal.aborted && !this.process.exited && performance.now() < until) {
      try {
        const params = { threadId: this.#threadId, turnId: this.#id };
        await this.process.request("turn/interrupt", params, until - performance.now());
        return;
      } catch {
        // Not active yet, or not any more: its end, or the limit, settles it.
        await pause(AGAIN_MS);
      }
    }
  }

  /** An interrupt leaves the command running that it came upon. */
  async #cleanTerminals(): Promise<boolean> {
    if (this.#threadId === "") return true;
    try {
      const params = { threadId: this.#threadId };
      await this.process.request("thread/backgroundTerminals/clean", params, CLEAN_MS);
      return true;
    } catch {
      // Of an older version, or stuck: the caller ends the process, and with it the command.
      return false;
    }
  }

  #take(message: CodexMessage): void {
    const { method, params } = message;
    this.#lastSign = performance.now();
    if (method === "mcpServer/startupStatus/updated") return;
    this.#tellTroubles();
    if (method === "turn/started") return this.#identify(params.turn.id);
    // What an earlier turn left running still reports itself.
    const turnId = method === "turn/completed" ? params.turn.id : params.turnId;
    if (turnId && this.#id !== null && turnId !== this.#id) return;
    const mapper = this.#mapper;
    if (!mapper) return;
    mapper.incomplete = this.process.malformed > this.#malformed;
    this.turn.append(mapper.take(message));
    if (!mapper.outcome) return;
    this.#held = mapper.outcome;
    this.#release();
  }

  #tellTroubles(): void {
    for (const trouble of this.process.takeTroubles()) {
      this.turn.append(this.turn.builder.reasoning(`${trouble}\n`));
    }
  }

  #release(): void {
    if (this.#held && this.#steering === 0) this.#end(this.#held);
  }

  #end(outcome: TurnOutcome): void {
    this.#over.abort();
    this.#input?.remove();
    this.#finish.resolve(outcome);
  }

  #exited(exit: AgentExit): void {
    this.#end({ kind: "exit", exit, begun: this.#begun });
  }

  /** Looks again when the model could have been silent for too long at the earliest. */
  #watch(): void {
    if (this.#over.signal.aborted) return;
    const wait = this.turn.stallMs - (performance.now() - this.#lastSign);
    if (wait <= 0 && (this.#mapper?.waitsForModel ?? true)) return this.turn.onStall();
    // While a tool runs nothing is due from the model; its clock starts when the tool has ended.
    this.#stallTimer = setTimeout(() => this.#watch(), Math.max(wait, WATCH_MS));
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
