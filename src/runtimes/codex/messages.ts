/**
 * What the app-server says, so far as this program reads it. Written from the types that
 * `codex app-server generate-ts` prints; loose, for the CLI changes weekly.
 */
import * as z from "zod";

const text = z.string().nullish().catch(null);
const number = z.number().nullish().catch(null);

/** One step of a turn: a message, a piece of reasoning, a tool call. Which members count says `type`. */
export const threadItem = z.looseObject({
  type: z.string(),
  id: z.string(),
  text,
  phase: text,
  summary: z.array(z.string()).nullish().catch(null),
  command: text,
  cwd: text,
  processId: text,
  status: text,
  aggregatedOutput: text,
  exitCode: number,
  changes: z.array(z.looseObject({
    path: z.string(),
    kind: z.looseObject({ type: z.string(), move_path: text }),
    diff: text,
  })).nullish().catch(null),
  server: text,
  tool: text,
  arguments: z.unknown().optional(),
  result: z.looseObject({ content: z.unknown().optional() }).nullish().catch(null),
  error: z.looseObject({ message: text }).nullish().catch(null),
  query: text,
  path: text,
  prompt: text,
});
export type ThreadItem = z.infer<typeof threadItem>;

/** Why a turn, or one attempt of it, failed. */
export const turnError = z.looseObject({
  message: z.string(),
  /** A word, or an object with one member that is the word. */
  codexErrorInfo: z.union([z.string(), z.record(z.string(), z.unknown())]).nullish().catch(null),
  additionalDetails: text,
});
export type TurnError = z.infer<typeof turnError>;

const ofTurn = { threadId: z.string(), turnId: text };
const item = z.looseObject({ ...ofTurn, item: threadItem });
const delta = z.looseObject({ ...ofTurn, itemId: z.string(), delta: z.string() });

const NOTIFICATIONS = {
  "turn/started": z.looseObject({
    threadId: z.string(),
    turn: z.looseObject({ id: z.string() }),
  }),
  "turn/completed": z.looseObject({
    threadId: z.string(),
    turn: z.looseObject({
      id: z.string(),
      status: z.string(),
      error: turnError.nullish().catch(null),
    }),
  }),
  "item/started": item,
  "item/completed": item,
  "item/agentMessage/delta": delta,
  "item/reasoning/summaryTextDelta": delta.extend({ summaryIndex: number }),
  "item/reasoning/textDelta": delta.extend({ contentIndex: number }),
  "thread/tokenUsage/updated": z.looseObject({
    ...ofTurn,
    tokenUsage: z.record(z.string(), z.unknown()),
  }),
  "mcpServer/startupStatus/updated": z.looseObject({
    threadId: text,
    name: z.string(),
    status: z.string(),
    error: text,
  }),
  error: z.looseObject({ ...ofTurn, error: turnError, willRetry: z.boolean().nullish() }),
} as const;

type Notifications = typeof NOTIFICATIONS;

/** A notification of one of the kinds this program reads. */
export type CodexMessage = {
  [M in keyof Notifications]: {
    readonly method: M;
    readonly params: z.infer<Notifications[M]>;
  };
}[keyof Notifications];

/** Notifications nobody here reads and that come often or are long: the server is asked not to send them. */
export const UNWANTED_NOTIFICATIONS = [
  "item/commandExecution/outputDelta",
  "item/commandExecution/terminalInteraction",
  "item/fileChange/outputDelta",
  "item/fileChange/patchUpdated",
  "item/mcpToolCall/progress",
  "item/plan/delta",
  "turn/diff/updated",
  "turn/plan/updated",
  "account/rateLimits/updated",
  "thread/readState/changed",
  "thread/settings/updated",
  "thread/started",
  "thread/name/updated",
  "skills/changed",
  "remoteControl/status/changed",
] as const;

/** Reads a notification; `unknown` is of a kind nobody here reads, `malformed` one that is not understood. */
export function readNotification(
  method: string,
  params: unknown,
): CodexMessage | "unknown" | "malformed" {
  if (!Object.hasOwn(NOTIFICATIONS, method)) return "unknown";
  const parsed = NOTIFICATIONS[method as keyof Notifications].safeParse(params);
  // The schema is the one of this method.
  return parsed.success ? { method, params: parsed.data } as CodexMessage : "malformed";
}

/** Answers of the server. */
export const threadAnswer = z.looseObject({
  thread: z.looseObject({ id: z.string() }),
  model: text,
});
export const turnAnswer = z.looseObject({ turn: z.looseObject({ id: z.string() }) });
