/** Answers that keep within a frame: the newest first, and what is left out is said. */
import { type LocalTask, MAX_EVENT_UNITS, type TaskMessage } from "../../protocol/mod.ts";

/** Room for the members around the list. */
const BUDGET = MAX_EVENT_UNITS - 20_000;

/** The first tasks that fit; they come newest first. */
export function fitTasks(tasks: readonly LocalTask[], budget = BUDGET): LocalTask[] {
  let units = 0;
  // A task alone in its directory repeats the path.
  const fits = (task: LocalTask) => {
    units += JSON.stringify(task).length + JSON.stringify(task.workspacePath).length + 50;
    return units <= budget;
  };
  const cut = tasks.findIndex((task) => !fits(task));
  return cut < 0 ? [...tasks] : tasks.slice(0, cut);
}

/**
 * The last messages that fit, oldest first. Where one is left out a message of the system says so; one
 * that fits only without its blocks loses them.
 */
export function fitMessages(
  localId: string,
  messages: readonly TaskMessage[],
  budget = BUDGET,
): TaskMessage[] {
  const kept: TaskMessage[] = [];
  let left = budget - 500;
  for (const message of messages.toReversed()) {
    const { blocks, ...bare } = message;
    const whole = JSON.stringify(message).length + 1;
    const short = JSON.stringify(bare).length + 1;
    if (short > left) break;
    const fits = !blocks || whole <= left;
    kept.push(fits ? message : bare);
    left -= fits ? whole : short;
  }
  const missing = messages.length - kept.length;
  if (missing > 0) {
    kept.push({
      id: `${localId}:system:left-out`,
      role: "system",
      content: `${missing} earlier messages are too much for one answer and left out`,
    });
  }
  return kept.reverse();
}
