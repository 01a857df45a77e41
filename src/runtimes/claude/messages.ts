/**
 * What Claude Code says on standard output, so far as this program reads it. The CLI changes weekly:
 * every schema is loose, and a message of an unknown type is skipped, not refused.
 */
import * as z from "zod";

const text = z.string().nullish();
const record = z.record(z.string(), z.unknown());

/** A block of an `assistant` or `user` message. */
const contentBlock = z.looseObject({
  type: z.string(),
  text,
  id: text,
  name: text,
  input: z.unknown().optional(),
  tool_use_id: text,
  content: z.unknown().optional(),
  is_error: z.boolean().nullish(),
});
export type ContentBlock = z.infer<typeof contentBlock>;

const content = z.union([
  z.string().transform((value): ContentBlock[] => [
    { type: "text", text: value },
  ]),
  z.array(contentBlock),
]);

const streamEvent = z.looseObject({
  type: z.literal("stream_event"),
  parent_tool_use_id: text,
  event: z.looseObject({
    type: z.string(),
    index: z.number().nullish(),
    content_block: z.looseObject({
      type: z.string(),
      id: text,
      name: text,
      input: record.nullish().catch(null),
    }).nullish(),
    delta: z.looseObject({
      type: text,
      text,
      thinking: text,
      partial_json: text,
    }).nullish(),
  }),
});

const assistantMessage = z.looseObject({
  type: z.literal("assistant"),
  parent_tool_use_id: text,
  message: z.looseObject({ model: text, content }),
  error: z.unknown().optional(),
});

const userMessage = z.looseObject({
  type: z.literal("user"),
  parent_tool_use_id: text,
  message: z.looseObject({ content }),
  /** The CLI repeats what it was sent, when it has taken it up; `uuid` is then the sender's. */
  isReplay: z.boolean().nullish(),
  uuid: text,
});

const systemMessage = z.looseObject({
  type: z.literal("system"),
  subtype: z.string(),
  session_id: text,
  model: text,
  claude_code_version: text,
  slash_commands: z.array(z.string()).nullish().catch(null),
  status: text.catch(null),
  attempt: z.number().nullish().catch(null),
  max_retries: z.number().nullish().catch(null),
  retry_delay_ms: z.number().nullish().catch(null),
  error_status: z.number().nullish().catch(null),
  error: z.unknown().optional(),
});

/** End of a turn. */
export const resultMessage = z.looseObject({
  type: z.literal("result"),
  subtype: z.string(),
  is_error: z.boolean().nullish(),
  result: text.catch(null),
  errors: z.array(z.unknown()).nullish().catch(null),
  api_error_status: z.number().nullish().catch(null),
  terminal_reason: text.catch(null),
  stop_reason: text.catch(null),
  deferred_tool_use: z.looseObject({ id: z.string(), name: z.string(), input: record })
    .nullish().catch(null),
  session_id: text,
  num_turns: z.number().nullish().catch(null),
  usage: z.unknown().optional(),
  origin: z.looseObject({ kind: text }).nullish().catch(null),
});
export type ResultMessage = z.infer<typeof resultMessage>;

const controlRequest = z.looseObject({
  type: z.literal("control_request"),
  request_id: z.string(),
  request: z.looseObject({
    subtype: z.string(),
    tool_name: text,
    input: record.nullish().catch(null),
    callback_id: text.catch(null),
    tool_use_id: text,
    decision_reason: text.catch(null),
    decision_reason_type: text.catch(null),
  }),
});
export type ControlRequest = z.infer<typeof controlRequest>;

/** The CLI does not wait for the answer to one of its requests any more. */
const controlCancel = z.looseObject({
  type: z.literal("control_cancel_request"),
  request_id: z.string(),
});

const controlResponse = z.looseObject({
  type: z.literal("control_response"),
  response: z.looseObject({
    subtype: z.string(),
    request_id: z.string(),
    error: z.unknown().optional(),
    /** Of `initialize`. */
    response: z.looseObject({
      commands: z.array(z.looseObject({ name: z.string() })).nullish().catch(null),
    }).nullish().catch(null),
  }),
});

/** One line of the CLI's output. */
export const cliMessage = z.discriminatedUnion("type", [
  streamEvent,
  assistantMessage,
  userMessage,
  systemMessage,
  resultMessage,
  controlRequest,
  controlResponse,
  controlCancel,
]);
export type CliMessage = z.infer<typeof cliMessage>;
export type StreamEvent = z.infer<typeof streamEvent>;
export type AssistantMessage = z.infer<typeof assistantMessage>;
export type UserMessage = z.infer<typeof userMessage>;
export type SystemMessage = z.infer<typeof systemMessage>;
