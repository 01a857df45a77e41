/**
 * What the loopback Responses model is told to do: a list of steps as JSON between `%%` marks in the
 * user's text. The n-th step answers the n-th request of the turn; see `responses_model.ts`.
 */
import * as z from "zod";

const toolCall = z.strictObject({
  name: z.string().min(1),
  /** The group of an MCP server's tools: `mcp__<server>`. */
  namespace: z.string().optional(),
  input: z.record(z.string(), z.unknown()).default({}),
  /** @default `call_<step>_<index>` */
  id: z.string().min(1).optional(),
});

const message = z.strictObject({
  text: z.string(),
  phase: z.enum(["commentary", "partial_answer", "final_answer"]).optional(),
});

const stepFields = {
  /** Visible text of the answer. */
  text: z.string().optional(),
  /** So many letters instead of `text`. */
  units: z.int().positive().optional(),
  /** Phase of the text. @default none */
  phase: message.shape.phase,
  /** Several messages instead of `text`. */
  messages: z.array(message).optional(),
  /** UTF-16 units in a delta. @default all in one */
  chunkSize: z.int().positive().optional(),
  /** Pause before every delta but the first, in milliseconds. @default 0 */
  gapMs: z.number().nonnegative().optional(),
  /** Summary of the reasoning before the text; several parts when it is a list. */
  thinking: z.union([z.string(), z.array(z.string())]).optional(),
  tools: z.array(toolCall).optional(),
  /** HTTP status; other than 200 refuses the request. @default 200 */
  status: z.int().min(200).max(599).optional(),
  /** Error code of a refusal, or of `failed`. */
  error: z.string().optional(),
  message: z.string().optional(),
  headers: z.record(z.string(), z.string()).optional(),
  /** Pause before the response's headers, in milliseconds. @default 0 */
  delayMs: z.number().nonnegative().optional(),
  /** Reset the connection after this many text deltas; 0 resets before the headers. */
  cutAfter: z.int().nonnegative().optional(),
  /** Send nothing more after this many text deltas and keep the connection open. */
  stallAfter: z.int().nonnegative().optional(),
  /** End with `response.failed` after this many text deltas. */
  failAfter: z.int().nonnegative().optional(),
  /** Words of a refusal, as the content of a message. */
  refusal: z.string().optional(),
  /** End with `response.incomplete` for this reason instead of `response.completed`. */
  incomplete: z.enum(["max_output_tokens", "content_filter"]).optional(),
  usage: z.strictObject({
    input_tokens: z.int().nonnegative(),
    output_tokens: z.int().nonnegative(),
  }).optional(),
};

const plainStep = z.strictObject(stepFields);
const step = z.strictObject({
  ...stepFields,
  /** What the first, second, … attempt at this step gets instead; the last one stays. */
  attempts: z.array(plainStep).min(1).optional(),
});
const scriptSchema = z.array(step).min(1);

/** One answer. */
export type PlainStep = z.input<typeof plainStep>;
/** One answer, possibly different from attempt to attempt. */
export type Step = z.input<typeof step>;

const SCRIPT = /%%(\[[\s\S]*?\])%%/g;

/**
 * Text for a prompt that makes the model answer with these steps.
 *
 * @throws {Error} If a step has an unknown field.
 */
export function script(...steps: Step[]): string {
  return `%%${JSON.stringify(scriptSchema.parse(steps)).replaceAll("%%", "%\\u0025")}%%`;
}

/** Whether `text` carries a script. */
export function hasScript(text: string): boolean {
  return text.search(SCRIPT) >= 0;
}

/**
 * The last script in `text`.
 *
 * @throws {Error} If there is none or it cannot be read.
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

/** The messages of a step. */
export function messagesOf(step: PlainStep): z.infer<typeof message>[] {
  const { messages, units, phase } = step;
  const text = units ? "x".repeat(units) : step.text;
  return messages ?? (text ? [{ text, ...(phase && { phase }) }] : []);
}

/**
 * Which step of a script answers, told by the items that follow the message with the script: a step
 * with tools is over when each has its output, another one when its messages are there.
 */
export function stepNumber(steps: readonly Step[], items: readonly { type: string }[]): number {
  let number = 0;
  let count = 0;
  for (const { type } of items) {
    const step = steps[number];
    if (step === undefined) break;
    const tools = step.tools?.length ?? 0;
    const wanted = tools > 0 ? /_call_output$/.test(type) : type === "message";
    if (wanted && ++count >= (tools || messagesOf(step).length)) {
      number++;
      count = 0;
    }
  }
  return number;
}
