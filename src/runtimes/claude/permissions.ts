/**
 * Answers to the CLI's question whether a tool may run, and to the agent's questions to the person.
 *
 * What an agent may touch at all is decided by the sandbox around it. On top of that, in a conversation
 * with the mode `ask`, the person is asked: for everything the CLI itself does not judge harmless, but not
 * for edits inside the working directory.
 */
import * as z from "zod";
import { dirname } from "../../platform/std/path.ts";
import {
  cutText,
  type FormQuestion,
  formQuestion,
  type PermissionRule,
  ruleOf,
} from "../../protocol/mod.ts";
import type { AskingTool, PersonAnswer, TurnRequest } from "../runtime.ts";
import { placeInside } from "./inside.ts";

/** Body of a `control_response` to `can_use_tool`. */
export type PermissionAnswer =
  | { readonly behavior: "allow"; readonly updatedInput: Readonly<Record<string, unknown>> }
  | { readonly behavior: "deny"; readonly message: string };

/** A tool that waits for the CLI to be told. */
export interface Asked extends AskingTool {
  /** Why the CLI asks, in its words. */
  readonly reason: string | null;
  /** The CLI holds the place for one that must never be written unasked, such as its own settings. */
  readonly sensitive: boolean;
}

/** What permissions need of a turn. */
export type PermissionSeam = Pick<TurnRequest, "request" | "workdir" | "ask" | "beforeTool">;

const FORM = "AskUserQuestion";
/** The member that names the file, by tool. */
const READS = new Map([["Read", "file_path"], ["NotebookRead", "notebook_path"], ["Glob", "path"], [
  "Grep",
  "path",
], ["LS", "path"]]);
const EDITS = new Map([["Write", "file_path"], ["Edit", "file_path"], ["MultiEdit", "file_path"], [
  "NotebookEdit",
  "notebook_path",
]]);
/** Tools of the agent's own bookkeeping; what they lead to asks for itself. */
const INTERNAL = new Set(
  "Agent Task TaskCreate TaskGet TaskList TaskOutput TaskStop TaskUpdate TodoWrite TodoRead ToolSearch Skill EnterPlanMode"
    .split(" "),
);
/** Below the working directory, and yet not to be changed unasked: it decides what runs later. */
const PROTECTED = new Set([
  ".claude",
  ".git",
  ".wegent",
  ".mcp.json",
  ".husky",
  ".vscode",
  ".idea",
]);

const DENIED = "The person did not allow this";
const UNASKED =
  "Nobody can answer questions while this turn runs. Choose the most sensible option yourself and say in your answer what you assumed.";

/** See the module comment. One for each turn. */
export class Permissions {
  readonly #rules: PermissionRule[];

  constructor(private readonly seam: PermissionSeam) {
    this.#rules = [...seam.request.permission_rules];
  }

  /**
   * The answer for the CLI; null: none is due any more.
   *
   * @param signal The CLI does not wait for it any more.
   */
  async answer(tool: Asked, signal: AbortSignal): Promise<PermissionAnswer | null> {
    if (tool.name === FORM) return await this.#form(tool, signal);
    const { ask, request, workdir } = this.seam;
    if (ask && request.permission_mode === "ask" && !isUnasked(tool, workdir)) {
      const rule = ruleFor(tool, workdir);
      if (!this.#rules.some((known) => sameRule(known, rule))) {
        const answer = await ask({
          kind: "permission",
          tool,
          reason: tool.reason,
          rule,
          questions: [],
        }, signal);
        if (answer === null) return null;
        if (answer.decision === "allow_always" && rule) this.#rules.push(rule);
        if (!isYes(answer)) return { behavior: "deny", message: denial(answer) };
      }
    }
    await this.seam.beforeTool?.(tool);
    return { behavior: "allow", updatedInput: tool.input };
  }

  async #form(tool: Asked, signal: AbortSignal): Promise<PermissionAnswer | null> {
    const { ask } = this.seam;
    const questions = formOf(tool.input);
    if (!ask || questions.length === 0) return { behavior: "deny", message: UNASKED };
    const answer = await ask({ kind: "form", tool, reason: null, rule: null, questions }, signal);
    if (answer === null) return null;
    if (answer.decision !== "answer") return { behavior: "deny", message: noAnswer(answer) };
    return {
      behavior: "allow",
      updatedInput: { ...tool.input, answers: chosen(tool.input, answer) },
    };
  }
}

/** Between two turns nobody watches: the agent waits for the person. */
export function denyOutsideTurn(): PermissionAnswer {
  return {
    behavior: "deny",
    message: "No turn is running. Stop here and wait for the person's next message.",
  };
}

function isYes({ decision }: PersonAnswer): boolean {
  return decision === "allow" || decision === "allow_always";
}

function denial({ message }: PersonAnswer): string {
  const why = message.trim();
  return why
    ? `${DENIED}, and says: ${why}`
    : `${DENIED}. Do not try the same in another way; go on without it, or say what you need it for.`;
}

function noAnswer({ message }: PersonAnswer): string {
  const why = message.trim();
  return `The person did not answer${
    why ? `, and says: ${why}` : ""
  }. Decide yourself and say what you assumed.`;
}

/** True for what needs no question: edits inside the working directory and the agent's bookkeeping. */
function isUnasked(tool: Asked, workdir: string): boolean {
  if (tool.sensitive) return false;
  if (INTERNAL.has(tool.name)) return true;
  const path = pathOf(tool);
  const place = path === null ? null : placeInside(path, workdir);
  if (place === null) return false;
  const names = place.toLowerCase().split(/[\\/]/);
  return READS.has(tool.name) || !names.some((name) => PROTECTED.has(name));
}

/** The file or directory a file tool names; null: it names none, or it is another tool. */
function pathOf({ name, input }: AskingTool): string | null {
  const member = READS.get(name) ?? EDITS.get(name);
  const path = member === undefined ? undefined : input[member];
  return typeof path === "string" && path !== "" ? path : null;
}

/** What "for this conversation" would cover. */
function ruleFor(tool: Asked, workdir: string): PermissionRule | null {
  const { name, input } = tool;
  // A place that decides what runs later is asked about each time.
  if (tool.sensitive) return null;
  if (READS.has(name) || EDITS.has(name)) {
    const path = pathOf(tool);
    if (path === null || placeInside(path, workdir) !== null) return null;
    return ruleOf(READS.has(name) ? "Read" : "Edit", input["path"] === path ? path : dirname(path));
  }
  const { command } = input;
  // A command that begins alike can do anything: only the same one again is allowed.
  if (command !== undefined) return typeof command === "string" ? ruleOf(name, command) : null;
  if (name === "WebFetch") return ruleOf(name, URL.parse(String(input["url"]))?.host ?? "");
  // The plan is another one each time.
  return name === "ExitPlanMode" ? null : ruleOf(name, null);
}

function sameRule(known: PermissionRule, rule: PermissionRule | null): boolean {
  return rule !== null && known.tool === rule.tool && known.match === rule.match;
}

const askedForm = z.looseObject({
  questions: z.array(z.looseObject({
    question: z.string(),
    header: z.string().nullish().catch(null),
    multiSelect: z.boolean().nullish().catch(null),
    options: z.array(z.looseObject({
      label: z.string(),
      description: z.string().nullish().catch(null),
    })).nullish().catch(null),
  })),
});

/** The questions of an `AskUserQuestion`, within the bounds of the wire. */
function formOf(input: Readonly<Record<string, unknown>>): FormQuestion[] {
  const parsed = askedForm.safeParse(input);
  if (!parsed.success) return [];
  return parsed.data.questions.slice(0, 20).map((q) =>
    formQuestion.parse({
      question: cutText(q.question, 1900),
      header: (q.header ?? "").slice(0, 200),
      multiple: q.multiSelect === true,
      options: (q.options ?? []).slice(0, 50).map(({ label, description }) => ({
        label: label.slice(0, 1000),
        description: cutText(description ?? "", 1900),
      })),
    })
  );
}

/** Answers by the text of their question, as the CLI wants them. */
function chosen(
  input: Readonly<Record<string, unknown>>,
  { answers }: PersonAnswer,
): Record<string, string> {
  const { questions } = askedForm.parse(input);
  const given = questions.map(({ question }, i) =>
    [question, (answers[i] ?? []).join(", ")] as const
  );
  return Object.fromEntries(given.filter(([, text]) => text.trim() !== ""));
}
