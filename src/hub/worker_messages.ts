/** What the hub's main thread and its worker say to each other. */
import * as z from "zod";
import { LOG_LEVELS } from "../platform/mod.ts";
import { AGENT_KINDS, PROVIDERS } from "../protocol/mod.ts";

const timings = z.object({
  reconnectWindowMs: z.number().positive().optional(),
  onlineExpiryMs: z.number().positive().optional(),
  reconcileGraceMs: z.number().positive().optional(),
  cancelConfirmMs: z.number().positive().optional(),
  executeAckMs: z.number().positive().optional(),
  steerRetryMs: z.number().positive().optional(),
});

/** Main thread → worker. */
export const toWorker = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("start"),
    dataDir: z.string(),
    host: z.literal("127.0.0.1"),
    port: z.number().int(),
    providers: z.record(z.enum(AGENT_KINDS), z.enum(PROVIDERS)),
    timings,
  }),
  z.object({ type: z.literal("stop") }),
  z.object({
    type: z.literal("create_api_key"),
    id: z.number(),
    user: z.string(),
    name: z.string(),
  }),
  z.object({ type: z.literal("issue_login_link"), id: z.number() }),
]);
export type ToWorker = z.infer<typeof toWorker>;

const errorShape = z.object({
  code: z.string(),
  message: z.string(),
  remedy: z.string().optional(),
});

/** Worker → main thread. */
export const fromWorker = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("ready"),
    firstRun: z.object({
      userName: z.string(),
      password: z.string(),
      loginUrl: z.string(),
    }).nullable(),
  }),
  z.object({ type: z.literal("failed"), error: errorShape }),
  z.object({ type: z.literal("reply"), id: z.number(), value: z.string() }),
  z.object({ type: z.literal("refused"), id: z.number(), error: errorShape }),
  z.object({ type: z.literal("stopped") }),
  /** Somebody opened a socket that stays. */
  z.object({ type: z.literal("connected") }),
  z.object({
    type: z.literal("log"),
    level: z.enum(LOG_LEVELS),
    message: z.string(),
    fields: z.record(z.string(), z.unknown()).optional(),
  }),
]);
export type FromWorker = z.infer<typeof fromWorker>;
