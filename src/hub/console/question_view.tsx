/** What the agent asks the person, beside the tool call that waits: cards, forms, and what came of them. */
import { useState } from "preact/hooks";
import type { BlockView, FormQuestion, QuestionView } from "../../protocol/mod.ts";
import { answer, type GivenAnswer } from "./client.ts";
import { Markdown } from "./markdown_view.tsx";
import { inputParts, outcomeText, PLAN, questionTitle, ruleText, SAYS } from "./question_text.ts";

interface Asked {
  readonly question: QuestionView;
  readonly tool: string;
  /** Hands the answer over; false when that failed. */
  readonly give: (answer: GivenAnswer) => Promise<boolean>;
}

/** The question of a tool call. */
export function Question({ block, subtaskId }: { block: BlockView; subtaskId: number }) {
  const { question } = block;
  if (!question) return null;
  if (question.outcome !== "open") {
    return (
      <p class={`answered ${question.outcome}`} data-testid="question-outcome">
        {outcomeText(question)}
      </p>
    );
  }
  const asked: Asked = {
    question,
    tool: block.tool_name ?? "tool",
    give: (given) => answer(subtaskId, question.request_id, given),
  };
  return question.kind === "form" ? <Form {...asked} /> : <Permission {...asked} />;
}

/** Hands over one answer at a time. */
function useAnswer(give: Asked["give"]): [boolean, (answer: GivenAnswer) => void] {
  const [sending, setSending] = useState(false);
  const send = async (given: GivenAnswer) => {
    setSending(true);
    // The card goes with the event that tells what came of the question.
    if (!await give(given)) setSending(false);
  };
  return [sending, (given) => void send(given)];
}

function Permission({ question, tool, give }: Asked) {
  const { request_id, rule, reason, truncated, input } = question;
  const [sending, send] = useAnswer(give);
  const [why, setWhy] = useState("");
  const title = `question-${request_id}`;
  return (
    <form
      class="question"
      aria-labelledby={title}
      data-testid="permission-card"
      onSubmit={(event) => {
        event.preventDefault();
        send({ decision: "deny", message: why });
      }}
    >
      <h3 id={title} tabIndex={-1} data-testid="question-title">{questionTitle(tool)}</h3>
      {inputParts(input).map(({ label, text }) => (
        <div key={label} class="part">
          <h4>{label}</h4>
          {tool === "ExitPlanMode" && label === PLAN
            ? <Markdown text={text} />
            : label === SAYS
            ? <p>{text}</p>
            : <pre tabIndex={0}>{text}</pre>}
        </div>
      ))}
      {truncated && (
        <p class="hint">This is shortened; the arguments of the tool call above are longer.</p>
      )}
      {reason && <p class="muted">{reason}</p>}
      <div class="answers">
        <button
          type="button"
          class="primary"
          data-testid="allow-once"
          disabled={sending}
          onClick={() => send({ decision: "allow" })}
        >
          Allow once
        </button>
        {rule && (
          <button
            type="button"
            data-testid="allow-always"
            disabled={sending}
            aria-describedby={`${title}-rule`}
            onClick={() => send({ decision: "allow_always" })}
          >
            Allow for this conversation
          </button>
        )}
        <button type="submit" class="stop" data-testid="deny" disabled={sending}>Deny</button>
      </div>
      {rule && (
        <p class="muted" id={`${title}-rule`} data-testid="rule">
          “For this conversation” covers {ruleText(rule)}.
        </p>
      )}
      <input
        data-testid="deny-reason"
        aria-label="Reason for a denial, told to the agent"
        placeholder="If you deny: why, or what to do instead (optional)"
        maxLength={4000}
        value={why}
        onInput={(event) => setWhy(event.currentTarget.value)}
      />
    </form>
  );
}

/** What was chosen and written for one question. */
interface Draft {
  readonly chosen: readonly string[];
  readonly text: string;
}

function Form({ question, give }: Asked) {
  const { request_id, questions } = question;
  const [sending, send] = useAnswer(give);
  const [drafts, setDrafts] = useState<readonly Draft[]>(
    questions.map(() => ({ chosen: [], text: "" })),
  );
  const answers = drafts.map(({ chosen, text }) =>
    text.trim() === "" ? [...chosen] : [...chosen, text.trim()]
  );
  const complete = answers.every((list) => list.length > 0);
  const title = `question-${request_id}`;
  return (
    <form
      class="question"
      aria-labelledby={title}
      data-testid="question-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (complete) send({ decision: "answer", answers });
      }}
    >
      <h3 id={title} tabIndex={-1} data-testid="question-title">
        {questions.length === 1 ? "The agent has a question" : "The agent has questions"}
      </h3>
      {questions.map((asked, i) => (
        <FormField
          key={i}
          name={`${request_id}-${i}`}
          asked={asked}
          draft={drafts[i] ?? { chosen: [], text: "" }}
          onChange={(draft) => setDrafts(drafts.with(i, draft))}
        />
      ))}
      <div class="answers">
        <button
          type="submit"
          class="primary"
          data-testid="answer-send"
          disabled={sending || !complete}
        >
          Send answer
        </button>
        <button
          type="button"
          data-testid="answer-skip"
          disabled={sending}
          onClick={() => send({ decision: "deny" })}
        >
          Let the agent decide
        </button>
      </div>
    </form>
  );
}

function FormField({ name, asked, draft, onChange }: {
  name: string;
  asked: FormQuestion;
  draft: Draft;
  onChange: (draft: Draft) => void;
}) {
  const { question, header, multiple, options } = asked;
  const choose = (label: string, on: boolean) => {
    if (!multiple) return onChange({ chosen: [label], text: "" });
    const rest = draft.chosen.filter((other) => other !== label);
    onChange({ ...draft, chosen: on ? [...rest, label] : rest });
  };
  return (
    <fieldset data-testid="question-field">
      <legend>
        {header && <small>{header}</small>}
        <span>{question}</span>
      </legend>
      {options.map(({ label, description }) => (
        <label key={label} class="choice">
          <input
            type={multiple ? "checkbox" : "radio"}
            name={name}
            checked={draft.chosen.includes(label)}
            onChange={(event) => choose(label, event.currentTarget.checked)}
          />
          <span>
            {label}
            {description && <small>{description}</small>}
          </span>
        </label>
      ))}
      <input
        data-testid="question-text"
        aria-label={options.length > 0 ? `Something else: ${question}` : question}
        placeholder={options.length > 0 ? "Something else…" : "Your answer"}
        maxLength={10_000}
        value={draft.text}
        onInput={(event) => {
          const text = event.currentTarget.value;
          // One answer only: what is written takes the place of what was chosen.
          onChange({ chosen: multiple || text === "" ? draft.chosen : [], text });
        }}
      />
    </fieldset>
  );
}
