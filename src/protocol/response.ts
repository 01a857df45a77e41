/**
 * Response events of one run: names, shapes, and a builder that guarantees their order.
 *
 * A run's events are `response.in_progress` once, then text, reasoning and tool events in any
 * order, then exactly one terminal event (`response.completed`, `response.incomplete` or `error`)
 * and nothing after it.
 */
import * as z from "zod";
import { parseJson } from "../platform/mod.ts";
import { boundedJson, boundedSummary, cutText, splitText } from "./frame_text.ts";
import { MAX_DELTA_UNITS, MAX_EVENT_UNITS } from "./limits.ts";
import { type OpenTool, OpenTools } from "./open_tools.ts";
import type { PermissionRequested, PermissionResolved } from "./permission.ts";
import type { InputAdded } from "./steer.ts";

/** Events that end a run. */
export const TERMINAL_EVENTS: ReadonlySet<string> = new Set([
  "response.completed",
  "response.incomplete",
  "error",
]);

/** One event before it has an envelope: the name on the wire and its data. */
export interface ResponseEvent {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Codes a server's pages know how to explain. */
export type ErrorCode =
  | "content_filter"
  | "context_length_exceeded"
  | "execution_error"
  | "forbidden"
  | "init_error"
  | "internal_error"
  | "model_unavailable"
  | "network_error"
  | "payload_too_large"
  | "pre_execute_error"
  | "provider_error"
  | "quota_exceeded"
  | "rate_limit"
  | "timeout_error";

/** What is known of a run before it starts. */
export interface RunIdentity {
  readonly task_id: number;
  readonly subtask_id: number;
  /** `resp_` and 24 hex digits, constant for the run. */
  readonly response_id: string;
  /** Unix seconds. */
  readonly created_at: number;
}

/** Where a builder stands, so that another process can go on with the same run. */
export interface BuilderState {
  /** UTF-16 units of text sent so far. */
  text_offset: number;
  /** Index the next tool gets. */
  tool_index: number;
  terminal: boolean;
  /** Tools that have begun and not ended. @default none */
  open_tools?: OpenTool[] | undefined;
}

/** Facts of a successful end. */
export interface Completion {
  text: string;
  usage?: unknown;
  stop_reason?: string;
  /** Members added to `response`, such as `executor_session`. */
  extra?: Readonly<Record<string, unknown>>;
}

/** Where a session works: `response.workdir`, ours. A Wegent backend acknowledges and ignores it. */
export const workdirEvent = z.looseObject({
  /** Absolute, links resolved. */
  path: z.string().max(4096),
  /** What decided: `session`, `project`, `bot`, `chat`, `clone` or `managed`. */
  origin: z.string().max(50),
  /** Why it is not the directory that was asked for: a code and a sentence for people; null: it is. */
  code: z.string().max(100).nullable(),
  notice: z.string().max(4000).nullable(),
});
export type WorkdirEvent = z.infer<typeof workdirEvent>;

/** A call of a tool of an MCP server. */
export interface McpCall {
  /** The model's own id of the call. */
  readonly id: string;
  /** `mcp__<server>__<tool>`. */
  readonly name: string;
  readonly server: string;
  readonly args: Readonly<Record<string, unknown>>;
}

/** A fresh response id. */
export function newResponseId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return "resp_" +
    Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

/**
 * Builds the response events of one run in the exact shapes of the wire.
 *
 * Methods return the events to emit (several where a text is too long for one frame). After the
 * terminal event every method returns an empty list: a late answer can never follow it. A run that does not
 * complete first ends the tools it has open: nobody would show them as anything but running.
 */
export class ResponseBuilder {
  #state: Omit<BuilderState, "open_tools">;
  readonly #tools: OpenTools;

  constructor(readonly run: RunIdentity, state?: BuilderState) {
    const { open_tools, ...rest } = state ?? { text_offset: 0, tool_index: 1, terminal: false };
    this.#state = rest;
    this.#tools = new OpenTools(open_tools);
  }

  /** A copy of the builder's place in the run. */
  get state(): BuilderState {
    const { list } = this.#tools;
    return { ...this.#state, ...(list.length > 0 && { open_tools: list }) };
  }

  get ended(): boolean {
    return this.#state.terminal;
  }

  get #itemId(): string {
    return `msg_${this.run.subtask_id}`;
  }

  /** First sign of life, and a progress tick. */
  inProgress(): ResponseEvent[] {
    return this.#open("response.in_progress", {
      response: { ...this.#response("in_progress"), output: [] },
    });
  }

  /** Text of the answer; `delta` may be of any length. */
  text(delta: string): ResponseEvent[] {
    return splitText(delta, MAX_DELTA_UNITS).flatMap((part) => {
      const events = this.#open("response.output_text.delta", {
        item_id: this.#itemId,
        output_index: 0,
        content_index: 0,
        delta: part,
        offset: this.#state.text_offset,
      });
      if (events.length) this.#state.text_offset += part.length;
      return events;
    });
  }

  /** The model's reasoning, or a notice from the device to the reader. */
  reasoning(delta: string): ResponseEvent[] {
    return splitText(delta, MAX_DELTA_UNITS).flatMap((part) =>
      this.#open("response.reasoning_summary_text.delta", {
        item_id: this.#itemId,
        output_index: 0,
        content_index: 0,
        delta: part,
      })
    );
  }

  /** Where the session works; a notice is also said as reasoning, which every server shows. */
  workdir(where: WorkdirEvent): ResponseEvent[] {
    return [
      ...this.#open("response.workdir", { ...where }),
      ...(where.notice ? this.reasoning(`${where.notice}\n`) : []),
    ];
  }

  /** A question to the person is open; its input is bounded by the caller. */
  permissionRequested(request: PermissionRequested): ResponseEvent[] {
    return this.#open("response.permission.requested", { ...request });
  }

  /** A question was answered, or nobody waits for the answer any more. */
  permissionResolved(resolved: PermissionResolved): ResponseEvent[] {
    return this.#open("response.permission.resolved", { ...resolved });
  }

  /** The agent has taken up a message that came while the turn ran. */
  inputAdded(input: InputAdded): ResponseEvent[] {
    return this.#open("response.input.added", { input_id: input.input_id, text: input.text });
  }

  /** A tool call begins; its arguments follow in pieces. `id` must not be blank. */
  toolStarted(id: string, name: string): ResponseEvent[] {
    return this.#toolAdded(id, name, { argument_status: "streaming", arguments_summary: {} });
  }

  /**
   * A tool call begins whose arguments are known as a whole. `id` must not be blank.
   *
   * @param displayName What people are shown instead of `name`.
   */
  toolCalled(
    id: string,
    name: string,
    args: Record<string, unknown>,
    displayName?: string,
  ): ResponseEvent[] {
    return [
      ...this.#toolAdded(id, name, displayName === undefined ? {} : { display_name: displayName }),
      ...this.toolArgumentsDelta(id, JSON.stringify(args), args),
      // Until it is said that they are complete, a page shows a tool that is still being written.
      ...this.toolArguments(id, args),
    ];
  }

  #toolAdded(id: string, name: string, more: Record<string, unknown>): ResponseEvent[] {
    return this.#open("response.output_item.added", {
      response_id: this.run.response_id,
      output_index: this.#state.tool_index,
      item: { type: "function_call", id, call_id: id, name, arguments: "" },
      ...more,
    });
  }

  /**
   * A block of text beside the answer begins, such as what the agent says while it works.
   *
   * @param at Milliseconds since the epoch.
   */
  blockStarted(id: string, at: number): ResponseEvent[] {
    return this.#open("response.block.created", {
      response_id: this.run.response_id,
      item_id: this.#itemId,
      block: { id, type: "text", content: "", status: "streaming", timestamp: at },
    });
  }

  /** The whole text of a block so far; one beyond the frame limit is cut and says so. */
  blockUpdated(id: string, content: string, done: boolean): ResponseEvent[] {
    return this.#open("response.block.updated", {
      response_id: this.run.response_id,
      item_id: this.#itemId,
      block_id: id,
      updates: {
        content: cutText(content, MAX_DELTA_UNITS),
        status: done ? "done" : "streaming",
      },
    });
  }

  /**
   * A piece of a tool's arguments.
   *
   * @param summary The arguments so far, once they parse as a JSON object.
   */
  toolArgumentsDelta(
    id: string,
    delta: string,
    summary?: Record<string, unknown>,
  ): ResponseEvent[] {
    return splitText(delta, MAX_DELTA_UNITS).flatMap((part, index, parts) =>
      this.#open("response.function_call_arguments.delta", {
        response_id: this.run.response_id,
        item_id: id,
        output_index: this.#state.tool_index,
        delta: part,
        ...(summary && index === parts.length - 1 && {
          arguments_summary: boundedSummary(summary),
        }),
      })
    );
  }

  /** A tool's arguments are complete. */
  toolArguments(id: string, args: Record<string, unknown>): ResponseEvent[] {
    const json = boundedJson(args);
    return this.#open("response.function_call_arguments.done", {
      response_id: this.run.response_id,
      item_id: id,
      output_index: this.#state.tool_index,
      arguments: json,
      arguments_summary: boundedSummary(args),
    });
  }

  /** A tool has ended; `output` beyond the frame limit is cut and says so. */
  toolEnded(
    id: string,
    name: string,
    args: Record<string, unknown>,
    output: string,
    failed: boolean,
  ): ResponseEvent[] {
    const json = boundedJson(args);
    const index = this.#state.tool_index;
    const events = [
      ...this.#open("response.function_call_arguments.done", {
        response_id: this.run.response_id,
        item_id: id,
        output_index: index,
        arguments: json,
      }),
      ...this.#open("response.output_item.done", {
        response_id: this.run.response_id,
        output_index: index,
        item: {
          type: "function_call",
          id,
          call_id: id,
          name,
          arguments: json,
          status: failed ? "failed" : "completed",
          output: cutText(output, MAX_DELTA_UNITS),
        },
      }),
    ];
    if (events.length) this.#state.tool_index++;
    return events;
  }

  /** A call of an MCP server that this program makes itself begins; a server renders a form from it. */
  mcpStarted(call: McpCall): ResponseEvent[] {
    const place = this.#mcpPlace(call);
    return [
      ...this.#open("response.output_item.added", {
        response_id: place.response_id,
        output_index: place.output_index,
        item: { ...mcpItem(call), arguments: "" },
      }),
      ...this.#open("response.mcp_call_arguments.done", {
        ...place,
        arguments: boundedJson(call.args),
      }),
      ...this.#open("response.mcp_call.in_progress", place),
    ];
  }

  /** A call of an MCP server has ended. */
  mcpEnded(call: McpCall, end: { output: string } | { failure: string }): ResponseEvent[] {
    const place = this.#mcpPlace(call);
    const { response_id, output_index } = place;
    const item = { ...mcpItem(call), arguments: boundedJson(call.args) };
    const ended = "output" in end
      ? { status: "completed", output: cutText(end.output, MAX_DELTA_UNITS) }
      : { status: "failed", error: cutText(end.failure, 4000) };
    const events = [
      ..."output" in ended
        ? this.#open("response.mcp_call.completed", { ...place, output: ended.output })
        : this.#open("response.mcp_call.failed", { ...place, failure_reason: ended.error }),
      ...this.#open("response.output_item.done", {
        response_id,
        output_index,
        item: { ...item, ...ended },
      }),
    ];
    if (events.length) this.#state.tool_index++;
    return events;
  }

  #mcpPlace({ id }: McpCall) {
    const { response_id } = this.run;
    return { response_id, item_id: id, output_index: this.#state.tool_index };
  }

  /** Terminal: the run succeeded. */
  completed(completion: Completion): ResponseEvent[] {
    return this.#close("response.completed", {
      response: {
        ...this.#response("completed"),
        output: [{
          type: "message",
          id: this.#itemId,
          status: "completed",
          role: "assistant",
          content: [{
            type: "output_text",
            text: cutText(completion.text, MAX_EVENT_UNITS / 2),
            annotations: [],
          }],
        }],
        usage: completion.usage ?? null,
        stop_reason: completion.stop_reason ?? "end_turn",
        ...completion.extra,
      },
    });
  }

  /** Terminal: the run was cancelled or its session closed. */
  incomplete(reason = "cancelled"): ResponseEvent[] {
    return this.#break("response.incomplete", {
      response: {
        id: this.run.response_id,
        object: "response",
        status: "incomplete",
        incomplete_details: { reason },
        output: [],
      },
    });
  }

  /** Terminal: the run failed; `message` is shown to the reader as it is. */
  error(message: string, code: ErrorCode = "execution_error"): ResponseEvent[] {
    return this.#break("error", { code, message: cutText(message, 4000) });
  }

  #response(status: string): Record<string, unknown> {
    return {
      id: this.run.response_id,
      object: "response",
      created_at: this.run.created_at,
      model: "",
      status,
    };
  }

  #open(event: string, data: Record<string, unknown>): ResponseEvent[] {
    if (this.#state.terminal) return [];
    this.#tools.note(event, data);
    return [{ event, data: { type: event, ...data } }];
  }

  #break(event: string, data: Record<string, unknown>): ResponseEvent[] {
    const ends = this.#tools.list.flatMap(({ id, name, arguments: text }) => {
      const args = parseJson(text);
      return this.toolEnded(id, name, isObject(args) ? args : {}, "The turn was ended first", true);
    });
    return [...ends, ...this.#close(event, data)];
  }

  #close(event: string, data: Record<string, unknown>): ResponseEvent[] {
    const events = this.#open(event, data);
    this.#state.terminal = true;
    return events;
  }
}

function mcpItem({ id, name, server }: McpCall) {
  return { type: "mcp_call", id, name, server_label: server };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
