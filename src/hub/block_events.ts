/** Changes of a transcript as events for the browser. */
import { type BlockUpdate, type ChatChunk, TO_CHAT } from "../protocol/mod.ts";
import type { DispatchRow } from "./store/mod.ts";
import type { BlockChange, Transcript } from "./transcript.ts";

/** The events, in order, that bring a browser from the state before `changes` to the one after. */
export function blockEvents(
  dispatch: DispatchRow,
  transcript: Transcript,
  changes: readonly BlockChange[],
): [name: string, payload: object][] {
  const ids = { task_id: dispatch.task_id, subtask_id: dispatch.subtask_id };
  const events: [string, object][] = [];
  for (const change of changes) {
    const { block, created, appended, appendedAt, changed } = change;
    const { view } = block;
    // Said at once, and never longer.
    const whole = view.type === "input";
    if (created) {
      events.push([TO_CHAT.blockCreated, {
        ...ids,
        block: view.type === "tool" ? { ...view } : { ...view, content: whole ? appended : "" },
      }]);
    }
    if (appended && !whole) {
      const chunk: ChatChunk = {
        ...ids,
        content: view.type === "text" ? appended : "",
        offset: view.type === "text" ? block.textStart + appendedAt : transcript.textUnits,
        block_id: view.id,
        block_offset: appendedAt,
        ...(view.type === "thinking" && {
          result: { reasoning_chunk: appended },
        }),
      };
      events.push([TO_CHAT.chunk, chunk]);
    }
    if (!created && changed.size > 0) {
      const update: BlockUpdate = { ...ids, block_id: view.id };
      for (const key of changed) {
        if (
          key === "status" || key === "tool_name" || key === "tool_input" ||
          key === "tool_output" || key === "question"
        ) Object.assign(update, { [key]: view[key] });
      }
      events.push([TO_CHAT.blockUpdated, update]);
    }
  }
  return events;
}
