/** The runs of a device in words and figures, for `status`. */
import type { WorkerStatus } from "./messages.ts";
import type { Run } from "./run.ts";
import type { Slots } from "./slots.ts";

export type RunsStatus = Pick<WorkerStatus, "slots" | "tasks" | "outbox">;

/** Most runs that are listed. */
const MAX_LISTED = 1000;

/** What the device is doing; `runs` are all it knows. */
export function runsStatus(runs: readonly Run[], slots: Slots<Run>): RunsStatus {
  const live = runs.filter((run) => run.state !== "ended");
  return {
    slots: { used: slots.running.length, max: slots.max, queued: slots.queued.length },
    tasks: live.slice(0, MAX_LISTED).map((run) => ({
      task_id: run.taskId,
      subtask_id: run.subtaskId,
      state: run.state === "running" && run.asking > 0 ? "waiting for you" : run.state,
      workdir: run.where?.path ?? null,
      notice: run.where?.notice ?? null,
      host: run.hostId,
    })),
    outbox: {
      runs: runs.length,
      undelivered: runs.reduce((sum, run) => sum + run.delivery.undelivered, 0),
    },
  };
}
