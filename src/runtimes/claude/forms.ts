/**
 * Questions a Wegent server puts to the person for the agent: the model calls an MCP tool, the CLI defers
 * the call, this program makes it, and the turn ends. The answer comes with the next request and becomes
 * the result of that same call.
 *
 * Source: the Wegent device protocol, "interactive form"; measured with Claude Code 2.1.197.
 */
import * as z from "zod";
import { errorText } from "../../platform/mod.ts";
import type { ExecuteRequest, ResponseBuilder, ResponseEvent } from "../../protocol/mod.ts";
import type { Failure } from "../runtime.ts";
import { namedServers } from "../shared/mcp_servers.ts";
import { callMcpTool, type McpEndpoint, type McpResult } from "./mcp_call.ts";

/** A tool with this in its name is such a question. */
export const FORM_MARK = "interactive_form_question";
/** How the CLI says that it has deferred a call. */
export const DEFERRED: ReadonlySet<string> = new Set([
  "tool_deferred",
  "tool_deferred_unavailable",
]);

/** How often the model may correct a form. */
const MAX_RETRIES = 2;
const CALL_MS = 300_000;

/** A call the CLI has deferred. */
export interface DeferredTool {
  readonly id: string;
  /** `mcp__<server>__<tool>`. */
  readonly name: string;
  readonly input: Readonly<Record<string, unknown>>;
}

/** What became of a question. */
export type FormOutcome =
  /** The person has it; the turn ends. */
  | { readonly kind: "asked" }
  /** The model is told to correct it, by this text as the call's result. */
  | { readonly kind: "correct"; readonly text: string }
  | { readonly kind: "failed"; readonly failure: Failure };

/** What forms need of their turn. */
export interface FormSeam {
  readonly request: ExecuteRequest;
  readonly builder: ResponseBuilder;
  append(events: readonly ResponseEvent[]): void;
  /** Names proxy and certificates. */
  readonly env: Readonly<Record<string, string>>;
}

/** See the module comment. One for each turn. */
export class FormQuestions {
  #retries = 0;

  constructor(private readonly seam: FormSeam) {}

  /** Puts the question a deferred call stands for; never rejects. */
  async put(tool: DeferredTool, signal: AbortSignal): Promise<FormOutcome> {
    const { builder, append } = this.seam;
    const { server, name } = partsOf(tool.name);
    const call = { id: tool.id, name: tool.name, server, args: tool.input };
    append(builder.mcpStarted(call));
    let result: McpResult;
    try {
      result = await this.#call(server, name, tool.input, signal);
    } catch (error) {
      const message = `The question could not be put to the person: ${errorText(error)}`;
      append(builder.mcpEnded(call, { failure: message }));
      return failed(message);
    }
    const output = result.texts.join("\n");
    if (!result.isError && result.texts.some(isWaiting)) {
      append(builder.mcpEnded(call, { output }));
      return { kind: "asked" };
    }
    const last = this.#retries >= MAX_RETRIES;
    append(builder.mcpEnded(call, {
      failure: last
        ? "The form was malformed again; the agent could not ask its question"
        : "The form was malformed; the agent is asked to write it again",
    }));
    if (last) {
      return failed(
        `The agent wanted to ask a question, but its form was malformed ${MAX_RETRIES + 1} times`,
      );
    }
    return { kind: "correct", text: correction(++this.#retries, output) };
  }

  async #call(
    server: string,
    tool: string,
    input: DeferredTool["input"],
    signal: AbortSignal,
  ): Promise<McpResult> {
    const { request, env } = this.seam;
    const found = formServer(request, server);
    const limit = AbortSignal.any([signal, AbortSignal.timeout(found.timeoutMs)]);
    return await callMcpTool(found, tool, input, env, limit);
  }
}

/** The answer a request brings to a question of an earlier turn, as the result of its call. */
export interface FormAnswer {
  readonly toolUseId: string;
  readonly text: string;
}

const givenAnswer = z.looseObject({
  type: z.literal(FORM_MARK),
  tool_use_id: z.string().trim().min(1),
});
/** Members of an answer that mean something to the model. */
const TOLD = "type tool_use_id task_id subtask_id answers success status message".split(" ");

/** The answer in a request; null: it brings none. */
export function formAnswer(request: ExecuteRequest): FormAnswer | null {
  const parsed = givenAnswer.safeParse(request["interactive_form_answer"]);
  if (!parsed.success) return null;
  const told = TOLD.filter((name) => name in parsed.data).map((name) => [name, parsed.data[name]]);
  return { toolUseId: parsed.data.tool_use_id, text: JSON.stringify(Object.fromEntries(told)) };
}

/** The result of a call as the CLI takes it in place of a prompt. */
export function toolResult(id: string, text: string, isError: boolean): Record<string, unknown>[] {
  const content = [{ type: "text", text }];
  return [{ type: "tool_result", tool_use_id: id, is_error: isError, content }];
}

/** True when a request has a server whose questions could be put. */
export function canAsk(request: ExecuteRequest): boolean {
  return namedServers(request).some(([, server]) => urlOf(server) !== "");
}

function partsOf(name: string): { server: string; name: string } {
  const [, server = "", tool = ""] = /^mcp__(.+?)__(.+)$/.exec(name) ?? [];
  return { server, name: tool };
}

/** @throws {Error} When there is no server of that name with an address. */
function formServer(
  request: ExecuteRequest,
  name: string,
): McpEndpoint & { readonly timeoutMs: number } {
  const alike = (other: string) => other.replaceAll("-", "_");
  const servers = namedServers(request);
  const [, server] = servers.findLast(([key]) => key === name) ??
    servers.findLast(([key]) => alike(key) === alike(name)) ?? [];
  const url = server ? urlOf(server) : "";
  if (!server || !/^https?:/i.test(url)) {
    throw new Error(`The MCP server "${name}" has no address`);
  }
  const { timeout } = server;
  return {
    url,
    headers: { ...texts(server["headers"]), ...texts(server["auth"]) },
    timeoutMs: typeof timeout === "number" && timeout > 0
      ? Math.min(timeout * 1000, CALL_MS)
      : CALL_MS,
  };
}

function urlOf(server: Readonly<Record<string, unknown>>): string {
  const url = server["url"] ?? server["base_url"];
  return typeof url === "string" ? url.trim() : "";
}

function texts(value: unknown): Record<string, string> {
  const entries = typeof value === "object" && value !== null ? Object.entries(value) : [];
  return Object.fromEntries(entries.filter((e): e is [string, string] => typeof e[1] === "string"));
}

const waiting = z.looseObject({
  __deferred_user_input__: z.literal(true),
  success: z.literal(true),
  status: z.literal("waiting_for_user_response"),
});

function isWaiting(text: string): boolean {
  try {
    return waiting.safeParse(JSON.parse(text)).success;
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

function correction(attempt: number, output: string): string {
  return JSON.stringify({
    success: false,
    error: "The arguments of the form are invalid, so the person has not seen it",
    instruction:
      "Call the same tool again with corrected arguments. Do not answer the person in the meantime",
    attempt,
    max_attempts: MAX_RETRIES,
    last_output: output.slice(0, 4000),
    required: {
      questions: [{
        id: "unique within the form",
        question: "text of the question",
        input_type: "choice or text",
        options: [{ label: "shown to the person", value: "given back as the answer" }],
        multi_select: "true or false, of a choice",
      }],
    },
    notes: [
      "questions is a list with at least one item, not a text",
      "a choice has at least one option; a text has none",
    ],
  });
}

function failed(message: string): FormOutcome {
  return { kind: "failed", failure: { message, code: "execution_error" } };
}
