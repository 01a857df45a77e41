/** Answers to what the app-server asks of its client: may this run, what does the person say. */
import * as z from "zod";
import { type ExecuteRequest, type FormQuestion, ruleOf } from "../../protocol/mod.ts";
import type { AskingTool, PersonQuestion, TurnRequest } from "../runtime.ts";
import { RpcError } from "./rpc.ts";

const text = z.string().nullish().catch(null);

const approval = z.looseObject({ itemId: text, reason: text, command: text, cwd: text });
const userInput = z.looseObject({
  itemId: text,
  questions: z.array(z.looseObject({
    id: z.string(),
    header: text,
    question: z.string(),
    options: z.array(z.looseObject({ label: z.string(), description: text })).nullish().catch(null),
  })),
});

/** Whom to ask; null outside of a turn. */
export type Asked = Pick<TurnRequest, "beforeTool" | "ask"> & {
  readonly request: ExecuteRequest;
  /** Ends with the turn. */
  readonly signal: AbortSignal;
};

/** True when the person wants to be asked and can be. */
export function asksPerson({ request, ask }: Pick<Asked, "request" | "ask">): boolean {
  return request.permission_mode === "ask" && ask !== undefined;
}

/**
 * The answer to a request of the server. Inside our own sandbox everything is allowed unless the person
 * wants to be asked; outside of a turn nothing is.
 *
 * @throws {RpcError} For a request nobody here knows; the server takes that as a refusal.
 */
export async function answerServer(
  method: string,
  params: unknown,
  asked: Asked | null,
): Promise<unknown> {
  switch (method) {
    case "item/commandExecution/requestApproval":
      return { decision: await decide("bash", params, asked) };
    case "item/fileChange/requestApproval":
      return { decision: await decide("apply_patch", params, asked) };
    case "item/tool/requestUserInput":
      return await answerForm(params, asked);
    case "item/permissions/requestApproval":
      return { permissions: {}, scope: "turn" };
    case "mcpServer/elicitation/request":
      return { action: "decline", content: null, _meta: null };
    case "currentTime/read":
      return { currentTimeAt: Math.floor(Date.now() / 1000) };
    default:
      throw new RpcError(-32601, `Not supported: ${method}`);
  }
}

async function decide(name: string, params: unknown, asked: Asked | null): Promise<string> {
  const facts = approval.safeParse(params).data;
  if (!asked || !facts || asked.signal.aborted) return "decline";
  const input = {
    ...(facts.command && { command: facts.command }),
    ...(facts.cwd && { cwd: facts.cwd }),
  };
  const tool: AskingTool = { id: facts.itemId ?? null, name, input };
  if (asksPerson(asked)) {
    const match = facts.command ?? null;
    const known = asked.request.permission_rules.some((rule) =>
      rule.tool === name && (rule.match === null || rule.match === match)
    );
    if (!known) {
      const answer = await asked.ask?.({
        kind: "permission",
        tool,
        reason: facts.reason ?? null,
        rule: ruleOf(name, match),
        questions: [],
      }, asked.signal);
      // Withdrawn: the turn ends, and the model must not be asked what to do instead.
      if (!answer) return "cancel";
      if (answer.decision === "deny") return "decline";
      await asked.beforeTool?.(tool);
      return answer.decision === "allow_always" ? "acceptForSession" : "accept";
    }
  }
  await asked.beforeTool?.(tool);
  return "accept";
}

async function answerForm(params: unknown, asked: Asked | null): Promise<unknown> {
  const form = userInput.safeParse(params).data;
  if (!form || !asked?.ask || !asked.request.permission_mode) return { answers: {} };
  const questions = form.questions.map((question): FormQuestion => ({
    question: question.question,
    header: question.header ?? "",
    multiple: false,
    options: (question.options ?? []).map(({ label, description }) => ({
      label,
      description: description ?? "",
    })),
  }));
  const question: PersonQuestion = {
    kind: "form",
    tool: { id: form.itemId ?? null, name: "request_user_input", input: {} },
    reason: null,
    rule: null,
    questions,
  };
  const answer = await asked.ask(question, asked.signal);
  const given = form.questions.map(({ id }, n) => [id, { answers: answer?.answers[n] ?? [] }]);
  return { answers: answer ? Object.fromEntries(given) : {} };
}
