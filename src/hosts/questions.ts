/**
 * What the agent asks the person during one turn: each question is an event of the run, waits for an
 * answer however long that takes, and is closed by a second event, at the latest at the end of the turn.
 */
import {
  cutText,
  type Decision,
  type Outcome,
  type PermissionRequested,
  type ResponseBuilder,
  type ResponseEvent,
} from "../protocol/mod.ts";
import type { PersonAnswer, PersonQuestion } from "../runtimes/mod.ts";

/** Longest input that is shown whole, and longest text in one that is not, in UTF-16 units of JSON. */
const MAX_INPUT = 60_000;
const MAX_TEXT = 6000;
const MAX_MEMBERS = 50;

/** What questions need of their turn. */
export interface QuestionSeam {
  readonly builder: ResponseBuilder;
  /** False: the events could not be recorded, so nobody will see the question. */
  append(events: readonly ResponseEvent[]): boolean;
  /** How many questions are open now. */
  onOpen(count: number): void;
}

/** An answer as it came from the server. */
export interface GivenAnswer extends PersonAnswer {
  readonly request_id: string;
}

interface Open {
  readonly kind: PersonQuestion["kind"];
  settle(answer: PersonAnswer | null, outcome: Outcome): void;
}

const OUTCOME: Readonly<Record<Decision, Outcome>> = {
  allow: "allowed",
  allow_always: "allowed_always",
  deny: "denied",
  answer: "answered",
};

/** See the module comment. */
export class Questions {
  readonly #open = new Map<string, Open>();
  #closed = false;

  constructor(private readonly seam: QuestionSeam) {}

  /** Puts a question; see `TurnRequest.ask`. */
  ask(question: PersonQuestion, signal: AbortSignal): Promise<PersonAnswer | null> {
    if (this.#closed || signal.aborted) return Promise.resolve(null);
    const id = `q_${crypto.randomUUID()}`;
    const { builder, append, onOpen } = this.seam;
    if (!append(builder.permissionRequested(requested(id, question)))) {
      return Promise.resolve({
        decision: "deny",
        message: "the question could not be recorded on the device",
        answers: [],
      });
    }
    return new Promise((resolve) => {
      const withdraw = () => settle(null, "withdrawn");
      const settle = (answer: PersonAnswer | null, outcome: Outcome) => {
        this.#open.delete(id);
        signal.removeEventListener("abort", withdraw);
        append(builder.permissionResolved({
          request_id: id,
          outcome,
          message: answer?.message.trim() || null,
          answers: (answer?.answers ?? []).map((list) => [...list]),
        }));
        onOpen(this.#open.size);
        resolve(answer);
      };
      this.#open.set(id, { kind: question.kind, settle });
      signal.addEventListener("abort", withdraw);
      onOpen(this.#open.size);
    });
  }

  /** Takes an answer; one to a question that is not open, or that does not fit it, changes nothing. */
  answer({ request_id, ...answer }: GivenAnswer): boolean {
    const question = this.#open.get(request_id);
    const { decision } = answer;
    const fits = decision === "deny" || (decision === "answer") === (question?.kind === "form");
    if (!question || !fits) return false;
    question.settle(answer, OUTCOME[decision]);
    return true;
  }

  /** The turn ends: whoever waits is told so. */
  close(): void {
    this.#closed = true;
    for (const question of [...this.#open.values()]) question.settle(null, "withdrawn");
  }
}

function requested(id: string, question: PersonQuestion): PermissionRequested {
  const { kind, tool, reason, rule, questions } = question;
  const { input, truncated } = bounded(tool.input);
  return {
    request_id: id,
    kind,
    tool_use_id: tool.id?.trim() ? tool.id.slice(0, 200) : id,
    tool_name: tool.name.slice(0, 200) || "tool",
    input: kind === "form" ? {} : input,
    truncated: kind === "form" ? false : truncated,
    reason: reason?.trim().slice(0, 2000) || null,
    rule,
    questions: [...questions],
  };
}

/** The input, or each of its members cut when the whole is too long to be read. */
function bounded(input: Readonly<Record<string, unknown>>) {
  if (JSON.stringify(input).length <= MAX_INPUT) return { input: { ...input }, truncated: false };
  const members = Object.entries(input).slice(0, MAX_MEMBERS).map(([name, value]) => [
    name.slice(0, 200),
    cutText(typeof value === "string" ? value : JSON.stringify(value) ?? "null", MAX_TEXT),
  ]);
  return { input: Object.fromEntries(members) as Record<string, unknown>, truncated: true };
}
