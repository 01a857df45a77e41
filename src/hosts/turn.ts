/**
 * One turn: a run handed over by the daemon, from its prompt to its one terminal event.
 *
 * A turn ends in one of these ways: the CLI's result, the CLI's death, a cancel or abort from outside,
 * silence of the model, or a disk that takes no more. Each leads to exactly one terminal event.
 */
import { AppError, errorText, type Logger } from "../platform/mod.ts";
import { dirname } from "../platform/std/path.ts";
import {
  type Completion,
  type ErrorCode,
  type ExecuteRequest,
  type InputAdded,
  MAX_STEERS,
  ResponseBuilder,
  type ResponseEvent,
} from "../protocol/mod.ts";
import type { KeyForwarder } from "../runtimes/forwarder/mod.ts";
import {
  agentOf,
  type AgentPlan,
  type AgentTurn,
  type Runtime,
  type TurnOutcome,
} from "../runtimes/mod.ts";
import type { AcquiredAgent, AgentKeeper } from "./agent_keeper.ts";
import type { HostSpec, RunSpec } from "./attach_protocol.ts";
import { describeExit } from "./exit_words.ts";
import type { ChangeTracker, TurnChanges } from "./file_changes.ts";
import { JournalSink } from "./journal_sink.ts";
import { type JournalTail, JournalWriter } from "./journal.ts";
import { inheritedSession } from "./inherited_session.ts";
import { type GivenAnswer, Questions } from "./questions.ts";
import { EventMasker, requestSecrets } from "./secrets.ts";
import type { PreparedTurn, Workspace } from "./workspace.ts";

/** Limit for the CLI to end a turn after an interrupt; then its process is ended. */
const INTERRUPT_MS = 2000;

/** Why a turn is ended from outside. */
export type Ending =
  | { readonly kind: "cancel" }
  | { readonly kind: "abort"; readonly code: ErrorCode; readonly message: string }
  | { readonly kind: "stall" }
  | { readonly kind: "journal" };

/** What the conversation with the CLI came to. */
type Finish = TurnOutcome | { readonly kind: "ending" };

/** Makes the terminal event. */
type Last = (builder: ResponseBuilder) => ResponseEvent[];

/** A directory could not be made ready; `cause` says why. */
class PreparationError extends Error {
  constructor(cause: unknown) {
    super("Preparation failed", { cause });
  }
}

/** What a turn needs from its host. */
export interface TurnSeam {
  readonly runtime: Runtime;
  readonly spec: HostSpec;
  readonly workspace: Workspace;
  readonly keeper: AgentKeeper;
  readonly changes: ChangeTracker;
  /** Holds the real keys; null: the agent gets them. */
  readonly forwarder: KeyForwarder | null;
  readonly log: Logger;
  /** Told after every write to the journal. */
  onTail(tail: JournalTail, ended: boolean): void;
  /** So many questions wait for the person now. */
  onAsking(open: number): void;
}

/** The plan of a turn in this host's session. */
export async function planTurn(
  { runtime, spec, forwarder }: Pick<TurnSeam, "runtime" | "spec" | "forwarder">,
  request: ExecuteRequest,
  variables: Readonly<Record<string, string>>,
): Promise<AgentPlan> {
  return await runtime.plan(request, {
    configDir: spec.config_dir,
    tempDir: spec.temp_dir,
    mark: spec.host,
    workdir: spec.workdir,
    // Not in the workdir: what is written there may hold credentials.
    stateDir: dirname(spec.temp_dir),
    variables,
    trusted: spec.workspace.trusted ?? false,
    forward: forwarder,
  }, Deno.env.toObject());
}

/** See the module comment. */
export class Turn {
  readonly #sink: JournalSink;
  readonly #ending = Promise.withResolvers<void>();
  readonly #giveUp = new AbortController();
  readonly #changes: TurnChanges | null;
  readonly #questions: Questions;
  /** Messages that came while the turn ran, by their id. */
  readonly #inputs = new Map<string, InputAdded>();
  /** The agent's side, while it is up. */
  #talk: AgentTurn | null = null;
  #why: Ending | null = null;
  readonly #hurried = Promise.withResolvers<void>();
  #hurry = false;

  /** @throws {AppError} When the journal cannot be opened or the run has ended before. */
  constructor(
    readonly run: RunSpec,
    private readonly request: ExecuteRequest,
    private readonly seam: TurnSeam,
  ) {
    if (run.builder.terminal) {
      throw new AppError("run_ended", "The run has ended already");
    }
    this.#changes = seam.changes.begin(request, run);
    const writer = JournalWriter.open(`${run.dir}/journal.ndjson`);
    this.#sink = new JournalSink(writer, new ResponseBuilder(run, run.builder), {
      onTail: (tail, ended) => seam.onTail(tail, ended),
      onFailure: (error) => {
        seam.log.error("Cannot write the journal", { run: run.id, error });
        this.end({ kind: "journal" });
      },
    }, new EventMasker(seam.log.masker, run.builder.text_offset));
    this.#questions = new Questions({
      builder: this.#sink.builder,
      append: (events) => this.#sink.append(events),
      onOpen: (count) => seam.onAsking(count),
    });
  }

  /** Runs the turn; never rejects, and the journal holds a terminal event when it resolves. */
  async execute(): Promise<void> {
    let last: Last;
    try {
      last = await this.#drive();
    } catch (error) {
      this.seam.log.error("A turn failed", { run: this.run.id, error });
      last = error instanceof PreparationError
        ? (b) => b.error(words(error.cause), "pre_execute_error")
        : (b) => b.error(words(error), "init_error");
    }
    this.#questions.close();
    const written = await this.#sink.end(last, this.#giveUp.signal);
    if (!written) this.seam.log.error("Gave up on a terminal event", { run: this.run.id });
  }

  /** Ends the turn; the first reason counts. */
  end(why: Ending): void {
    this.#why ??= why;
    this.#ending.resolve();
    this.#questions.close();
  }

  /** The person's answer; a second one, or one to a question that is closed, changes nothing. */
  answer(answer: GivenAnswer): void {
    this.#questions.answer(answer);
  }

  /** A message while the turn runs; before the agent is up it waits for that. */
  steer(input: InputAdded): void {
    if (this.#why || this.#inputs.has(input.input_id)) return;
    const { id } = this.run;
    if (this.#inputs.size >= MAX_STEERS) {
      return this.seam.log.warn("Left out a message to a running turn: it had too many", {
        run: id,
      });
    }
    this.#inputs.set(input.input_id, input);
    if (this.#talk?.steer(input) === false) {
      this.seam.log.info("The agent takes no message now", { run: id });
    }
  }

  /** The host must go: no more waiting for the agent or the disk. */
  hurry(): void {
    this.#hurry = true;
    this.#hurried.resolve();
    this.#giveUp.abort();
  }

  async #drive(): Promise<Last> {
    const { keeper } = this.seam;
    this.seam.log.masker.add(await requestSecrets(this.request, Deno.env.toObject()));
    const prepared = await this.#prepare();
    if (prepared === null) return await this.#conclude(this.#why ?? { kind: "cancel" });
    const { request } = prepared;
    const plan = await planTurn(this.seam, request, prepared.variables);
    this.seam.log.masker.add(plan.secrets);
    for (const note of plan.notes ?? []) this.#say(note);
    if (this.request.new_session) keeper.session.clear();
    else this.#inherit();
    let fresh = this.request.new_session;
    for (;;) {
      if (this.#why) return await this.#conclude(this.#why);
      this.seam.forwarder?.wake();
      const agent = await keeper.acquire(plan, fresh);
      if (this.#why) continue;
      const finish = await this.#converse(agent, request);
      if (finish.kind === "ending") return await this.#conclude(this.#why ?? { kind: "cancel" });
      if (!fresh && agent.how === "resume" && isUnknownSession(finish)) {
        this.#say(
          "The earlier conversation could not be resumed; a new one starts with this message.",
        );
        fresh = true;
        continue;
      }
      return await this.#lastOf(finish);
    }
  }

  /** A forked task begins with the conversation it was forked from. */
  #inherit(): void {
    const { keeper, spec } = this.seam;
    if (keeper.session.read() !== null) return;
    const id = inheritedSession(this.request, agentOf(spec.runtime));
    if (id !== null) this.#remember(id, null);
  }

  /** A notice of the device to the reader. */
  #say(text: string): void {
    this.#sink.append(this.#sink.builder.reasoning(`${text}\n`));
  }

  /** Makes the directory ready; null when the turn was ended meanwhile. */
  async #prepare(): Promise<PreparedTurn | null> {
    const abort = new AbortController();
    this.#ending.promise.then(() => abort.abort());
    try {
      const prepared = await this.seam.workspace.prepare(this.request, {
        subtaskId: this.run.subtask_id,
        env: Deno.env.toObject(),
        signal: abort.signal,
        onProgress: (text) => this.#say(text),
      });
      this.seam.log.masker.add(prepared.secrets);
      for (const note of prepared.notes) this.#say(note);
      if (prepared.hookOutput) this.seam.log.info("Hook", { output: prepared.hookOutput });
      return this.#why ? null : prepared;
    } catch (error) {
      if (this.#why) return null;
      throw new PreparationError(error);
    }
  }

  /** Sends the prompt and follows the agent until something ends the turn. */
  async #converse(
    { process, how }: AcquiredAgent,
    request: ExecuteRequest,
  ): Promise<Finish> {
    const { keeper, spec } = this.seam;
    this.seam.log.info("Turn", { run: this.run.id, agent: process.pid, how });
    const turn = process.turn({
      request,
      workdir: spec.workdir,
      builder: this.#sink.builder,
      resumed: how === "live" || how === "resume",
      stallMs: spec.stall_ms,
      append: (events) => {
        this.#changes?.observe(events);
        this.#sink.append(events);
      },
      beforeTool: async (tool) => await this.#changes?.beforeTool(tool),
      ...(request.permission_mode && {
        ask: (question, signal) => this.#questions.ask(question, signal),
      }),
      onSession: (id, model) => this.#remember(id, model),
      onStall: () => this.end({ kind: "stall" }),
    });
    this.#talk = turn;
    for (const input of this.#inputs.values()) turn.steer(input);
    // After the prompt has gone: starting a process takes a moment.
    this.#changes?.start();
    try {
      const finish = await Promise.race([
        turn.finish,
        this.#ending.promise.then((): Finish => ({ kind: "ending" })),
      ]);
      if (finish.kind === "ending") await this.#interrupt(turn);
      if (finish.kind === "exit") await keeper.end();
      return finish;
    } finally {
      this.#talk = null;
      turn.close();
    }
  }

  async #interrupt(turn: AgentTurn): Promise<void> {
    const { keeper } = this.seam;
    const ended = !this.#hurry && await Promise.race([
      turn.interrupt(INTERRUPT_MS),
      this.#hurried.promise.then(() => false),
    ]);
    if (!ended) await keeper.end(this.#hurry);
  }

  /** The terminal event of a turn that was ended from outside. */
  async #conclude(why: Ending): Promise<Last> {
    // After a cancel nothing may go on, not even what escaped into a session of its own. A CLI that
    // only waited in vain for its model is fit for the next turn.
    if (why.kind !== "stall") await this.seam.keeper.end(this.#hurry);
    switch (why.kind) {
      case "cancel":
        return (b) => b.incomplete();
      case "abort":
        return (b) => b.error(why.message, why.code);
      case "stall":
        return (b) =>
          b.error(
            `The model has sent nothing for ${
              duration(this.seam.spec.stall_ms)
            }, so the turn was ` +
              "ended; send the message again to retry",
            "timeout_error",
          );
      case "journal":
        return (b) =>
          b.error(
            "The device could not record the answer because its disk is full or faulty; free some " +
              "space and send the message again",
            "execution_error",
          );
    }
  }

  async #lastOf(finish: Exclude<Finish, { kind: "ending" }>): Promise<Last> {
    switch (finish.kind) {
      case "completed": {
        const completion = await this.#completion(finish.completion);
        return (b) => b.completed(completion);
      }
      case "failed":
        return (b) => b.error(finish.failure.message, finish.failure.code);
      case "interrupted":
        return (b) => b.incomplete();
      case "unknown_session":
        return (b) => b.error("The agent does not know the conversation any more");
      case "exit": {
        const { code, message } = describeExit(finish.exit);
        return (b) => b.error(message, code);
      }
    }
  }

  /** Adds what the device knows: what changed, and where a standalone chat works. */
  async #completion(completion: Completion): Promise<Completion> {
    const gone = new AbortController();
    this.#ending.promise.then(() => gone.abort());
    const changes = await this.#changes?.finish(gone.signal) ?? null;
    // The server sends it back with the next message.
    const path = this.seam.spec.workspace.chat_path;
    return {
      ...completion,
      extra: {
        ...completion.extra,
        ...(path !== null && { standalone_chat_workspace_path: path }),
        ...(changes !== null && { file_changes: changes }),
      },
    };
  }

  #remember(id: string, model: string | null): void {
    try {
      this.seam.keeper.remember(id, model);
    } catch (error) {
      // Only the next resume would miss it; the turn itself goes on.
      this.seam.log.warn("Cannot save the session", { error: errorText(error) });
    }
  }
}

function words(error: unknown): string {
  const remedy = error instanceof AppError ? error.remedy : undefined;
  return errorText(error) + (remedy ? `. ${remedy}` : "");
}

/** True when a resumed process gave up before it began, in whatever words of whatever version. */
function isUnknownSession(finish: Exclude<Finish, { kind: "ending" }>): boolean {
  if (finish.kind === "unknown_session") return true;
  return finish.kind === "exit" && !finish.begun && finish.exit.signal === null &&
    finish.exit.fault === null;
}

function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return `${seconds} seconds`;
  return `${Math.round(seconds / 60)} minutes`;
}
