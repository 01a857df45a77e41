/** What the device itself says to the reader of a turn. */
import { type AppError, errorText } from "../platform/mod.ts";

/** Ends of turns that no agent could tell. */
export const TEXT = {
  hostGone: "The process that ran the agent ended unexpectedly; send the message again to retry",
  lostInRestart:
    "The agent stopped while the device was restarting; send the message again to retry",
  stopping: "The device is shutting down; the task was not started",
  stoppedWaiting: "The device was stopped before the task started",
  stoppedStarting: "The device was stopped while the task was starting",
  stoppedRunning: "The device was stopped while the task was running",
} as const;

/** Why a turn did not start, with what to do about it. */
export function startError(error: unknown): string {
  const { remedy } = error as Partial<AppError>;
  return remedy ? `${errorText(error)}. ${remedy}` : errorText(error);
}
