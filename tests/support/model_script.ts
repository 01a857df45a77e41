/**
 * What the loopback model is told to do: a list of steps as JSON between `%%` marks in the user's text,
 * `%%[{"text":"go","tools":[…]},{"text":"done"}]%%`. The n-th step answers the n-th request of the turn.
 * The marks mean nothing to an agent: `@` would have it look for a file.
 */
import { z } from "zod";

const toolCall = z.strictObject({
  name: z.string().min(1),
  input: z.record(z.string(), z.unknown()).default({}),
  /** @default a fresh `toolu_…` */
  id: z.string().min(1).optional(),
});

const stepFields = {
  /** Visible text of the answer. @default "" (no text block) */
  text: z.string().optional(),
  /** Number of chunks the text is cut into. @default 1 */
  chunks: z.int().positive().optional(),
  /** UTF-16 units in a chunk, instead of `chunks`. */
  chunkSize: z.int().positive().optional(),
  /** Pause before every chunk but the first, in milliseconds. @default 0 */
  gapMs: z.number().nonnegative().optional(),
  /** Reasoning before the text. */
  thinking: z.string().optional(),
  /** Tool calls after the text. */
  tools: z.array(toolCall).optional(),
  /** HTTP status; other than 200 refuses the request. @default 200 */
  status: z.int().min(200).max(599).optional(),
  /** Error type of a refusal or error event. @default the API's type for the status */
  error: z.string().optional(),
  /** Message of a refusal or error event. */
  message: z.string().optional(),
  /** Headers of the response, such as `retry-after`. */
  headers: z.record(z.string(), z.string()).optional(),
  /** Pause before the response's headers, in milliseconds. @default 0 */
  delayMs: z.number().nonnegative().optional(),
  /** Reset the connection after this many text chunks; 0 resets before the headers. */
  cutAfter: z.int().nonnegative().optional(),
  /** Send nothing more after this many text chunks and keep the connection open. */
  stallAfter: z.int().nonnegative().optional(),
  /** Send an SSE `error` event after this many text chunks and end the response. */
  errorAfter: z.int().nonnegative().optional(),
  /** @default "tool_use" with tools, else "end_turn" */
  stopReason: z.string().optional(),
  usage: z.strictObject({
    input_tokens: z.int().nonnegative(),
    output_tokens: z.int().nonnegative(),
  }).optional(),
};

const plainStep = z.strictObject(stepFields);
const step = z.strictObject({
  ...stepFields,
  /**
   * What the first, second, … attempt at this step gets instead (a client retries); the last one
   * stays. Attempts are counted by session.
   */
  attempts: z.array(plainStep).min(1).optional(),
});
const scriptSchema = z.array(step).min(1);

/** One answer; see the fields of the schema above. */
export type PlainStep = z.input<typeof plainStep>;
/** One answer, possibly different from attempt to attempt. */
export type Step = z.input<typeof step>;

const SCRIPT = /%%(\[[\s\S]*?\])%%/g;

/**
 * Text for a prompt that makes the loopback model answer with these steps.
 *
 * @throws {Error} If a step has an unknown field or its JSON would hold the end mark.
 */
export function script(...steps: Step[]): string {
  const json = JSON.stringify(scriptSchema.parse(steps))
    .replaceAll("%%", "%\\u0025");
  return `%%${json}%%`;
}

/** A step that says `text`. */
export function say(
  text: string,
  options: Omit<Step, "text"> = {},
): Step {
  return { text, ...options };
}

/** A step that calls one tool, with text before it when given. */
export function callTool(
  name: string,
  input: Record<string, unknown>,
  options: Omit<Step, "tools"> = {},
): Step {
  return { ...options, tools: [{ name, input }] };
}

/** Whether `text` carries a script. */
export function hasScript(text: string): boolean {
  return text.search(SCRIPT) >= 0;
}

/**
 * The last script in `text`.
 *
 * @throws {Error} If there is none or it cannot be read; the model answers 400 with the message.
 */
export function readScript(text: string): Step[] {
  const found = [...text.matchAll(SCRIPT)].at(-1)?.[1];
  if (found === undefined) throw new Error("No script in the text");
  return scriptSchema.parse(JSON.parse(found));
}

/** The step of attempt number `attempt` (from 0). */
export function stepFor(step: Step, attempt: number): PlainStep {
  const { attempts, ...plain } = step;
  if (attempts === undefined) return plain;
  return { ...plain, ...attempts[Math.min(attempt, attempts.length - 1)] };
}

/** The text with each `⟦name⟧` replaced by what `words` holds under that name, as it stands in JSON. */
export function withWords(text: string, words: Readonly<Record<string, string>>): string {
  return text.replace(
    /⟦(\w+)⟧/g,
    (whole, name: string) => JSON.stringify(words[name] ?? whole).slice(1, -1),
  );
}
