/**
 * A person's message to a turn that runs. Ours, towards our own hub only: a Wegent backend never sends
 * one, and a request without a permission mode (that is: not of our hub) does not take any.
 *
 * The page sends `chat:steer`, the hub hands it to the device as `task:steer`; an acknowledgement says that
 * the device passed it on. Once the agent has taken it up the run says so with `response.input.added`,
 * between the events before and after it. A message whose turn ends without that was not read.
 */
import * as z from "zod";
import { wireId } from "./device.ts";

/** Longest message to a running turn, in UTF-16 units. */
export const MAX_STEER_UNITS = 50_000;
/** Messages one turn takes beside its prompt. */
export const MAX_STEERS = 100;

/** Announced at registration by a device that takes `task:steer`. */
export const STEER_FEATURE = "steer";

const text = z.string().max(MAX_STEER_UNITS).refine(
  (value) => value.trim() !== "" && value.isWellFormed() && !value.includes("\0"),
  "must not be blank, nor hold NUL or broken characters",
);

/** `chat:steer`, from page to hub. */
export const chatSteer = z.looseObject({ subtask_id: wireId, text });
export type ChatSteer = z.infer<typeof chatSteer>;

/** A message that was not read yet, or never will be. */
export interface InputView {
  readonly input_id: string;
  readonly text: string;
  /** `unread`: its turn has ended without it. */
  readonly state: "pending" | "unread";
  readonly created_at: string;
}

/** `chat:input`, from hub to pages: the messages of a turn that are not part of its answer. */
export interface ChatInputEvent {
  task_id: number;
  subtask_id: number;
  inputs: InputView[];
}

/** `chat:take_back`, from page to hub: an unread message goes back to its writer. */
export const chatTakeBack = z.looseObject({
  subtask_id: wireId,
  input_id: z.string().min(1).max(100),
});

/** `task:steer`, from hub to device; answered by `eventAck`. */
export const taskSteer = z.looseObject({
  task_id: wireId,
  subtask_id: wireId,
  /** Unique within the run; a second message with the same one is ignored. */
  input_id: z.string().min(1).max(100),
  text,
});
export type TaskSteer = z.infer<typeof taskSteer>;

/** Data of `response.input.added`. */
export const inputAdded = z.looseObject({ input_id: z.string().min(1).max(100), text });
export type InputAdded = z.infer<typeof inputAdded>;
