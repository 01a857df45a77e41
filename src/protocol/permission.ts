/**
 * The agent asks the person: for permission to use a tool, or what it wants to know. Ours, towards our
 * own hub only: a Wegent backend sends no {@link PERMISSION_MODES} and is never asked anything.
 *
 * `response.permission.requested` opens a question, `response.permission.resolved` closes it; both are
 * ordinary events of the run. The answer comes as `task:answer`.
 */
import * as z from "zod";
import { wireId } from "./device.ts";

export const PERMISSION_MODES = ["bypass", "ask"] as const;
/**
 * `bypass`: tools run unasked inside the sandbox. `ask`: what leaves the working directory or may use the
 * network waits for the person.
 */
export type PermissionMode = (typeof PERMISSION_MODES)[number];

/** Longest text of a rule, in UTF-16 units: what is longer is asked for each time. */
const MAX_RULE = 4000;
/** Rules a conversation keeps; beyond it the oldest are forgotten, and their tools ask again. */
export const MAX_RULES = 200;

const shortText = (max: number) => z.string().max(max);

/** Something the person has allowed for the whole conversation. */
export const permissionRule = z.looseObject({
  /** The tool, or `Read` or `Edit` for all tools that read or change files. */
  tool: z.string().min(1).max(200),
  /** The command, host or directory it holds for; null: every use of the tool. */
  match: z.string().min(1).max(MAX_RULE).refine((text) =>
    !text.includes("\0") && text.isWellFormed()
  ).nullable(),
});
export type PermissionRule = z.infer<typeof permissionRule>;

/** The rule, or null where it would be longer than one may be or cannot be kept. */
export function ruleOf(tool: string, match: string | null): PermissionRule | null {
  const rule = permissionRule.safeParse({ tool, match });
  return rule.success ? rule.data : null;
}

/** One question of a form. */
export const formQuestion = z.looseObject({
  question: shortText(4000),
  /** A word or two above it; may be blank. */
  header: shortText(200),
  /** More than one option may be chosen. */
  multiple: z.boolean(),
  options: z.array(z.looseObject({ label: shortText(1000), description: shortText(4000) })).max(50),
});
export type FormQuestion = z.infer<typeof formQuestion>;

export const QUESTION_KINDS = ["permission", "form"] as const;

/** Data of `response.permission.requested`. */
export const permissionRequested = z.looseObject({
  /** Unique within the run. */
  request_id: z.string().min(1).max(100),
  kind: z.enum(QUESTION_KINDS),
  /** The tool call that waits, as its other events name it; the request's id where none is known. */
  tool_use_id: z.string().min(1).max(200),
  tool_name: z.string().min(1).max(200),
  /** What the tool was asked; long texts are cut, and `truncated` says so. */
  input: z.record(z.string(), z.unknown()),
  truncated: z.boolean(),
  /** Why it asks, in the agent's words. */
  reason: shortText(2000).nullable(),
  /** What "for this conversation" would allow; null: that cannot be offered. */
  rule: permissionRule.nullable(),
  /** Of a form. */
  questions: z.array(formQuestion).max(20),
});
export type PermissionRequested = z.infer<typeof permissionRequested>;

export const DECISIONS = ["allow", "allow_always", "deny", "answer"] as const;
/** `allow_always`: for the whole conversation; `answer`: to a form. */
export type Decision = (typeof DECISIONS)[number];

/** For each question of a form what was chosen or written. */
const formAnswers = z.array(z.array(shortText(10_000)).max(50)).max(20);

const answer = {
  subtask_id: wireId,
  request_id: z.string().min(1).max(100),
  decision: z.enum(DECISIONS),
  /** Why not; the agent is told. */
  message: shortText(4000).nullish().transform((v) => v ?? ""),
  answers: formAnswers.nullish().transform((v) => v ?? []),
};

/** `chat:answer`, from page to hub. */
export const chatAnswer = z.looseObject(answer);
export type ChatAnswer = z.infer<typeof chatAnswer>;

/** `task:answer`, from hub to device; answered by `eventAck`. */
export const taskAnswer = z.looseObject({ task_id: wireId, ...answer });
export type TaskAnswer = z.infer<typeof taskAnswer>;

export const OUTCOMES = [
  "allowed",
  "allowed_always",
  "denied",
  "answered",
  /** Nobody waits for the answer any more: the turn or the tool call was ended. */
  "withdrawn",
] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** Data of `response.permission.resolved`. */
export const permissionResolved = z.looseObject({
  request_id: z.string().min(1).max(100),
  outcome: z.enum(OUTCOMES),
  message: shortText(4000).nullable(),
  answers: formAnswers,
});
export type PermissionResolved = z.infer<typeof permissionResolved>;

/** A question as the page sees it, beside its tool call. */
export interface QuestionView {
  readonly request_id: string;
  readonly kind: (typeof QUESTION_KINDS)[number];
  readonly input: Readonly<Record<string, unknown>>;
  readonly truncated: boolean;
  readonly reason: string | null;
  readonly rule: PermissionRule | null;
  readonly questions: readonly FormQuestion[];
  readonly outcome: Outcome | "open";
  readonly message: string | null;
  readonly answers: readonly (readonly string[])[];
}

/** `task:set_permission_mode`, from page to hub: holds from the next message on. */
export const setPermissionMode = z.looseObject({
  task_id: wireId,
  permission_mode: z.enum(PERMISSION_MODES),
});

/** `task:permission_mode`, from hub to pages. */
export interface TaskPermissionEvent {
  task_id: number;
  permission_mode: PermissionMode;
}
