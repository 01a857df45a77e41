/** A conversation as the page holds it, and what each event of the hub does to it. Pure. */
import type {
  BlockUpdate,
  BlockView,
  ChatChunk,
  ChatInputEvent,
  JoinAck,
  SubtaskView,
  TaskModelEvent,
  TaskPermissionEvent,
  TaskView,
  TaskWorkdirEvent,
} from "../../protocol/mod.ts";

export interface Conversation {
  task: TaskView;
  messages: SubtaskView[];
  /** Older messages exist that are not here. */
  truncated: boolean;
}

/** An event that cannot be applied: something was missed, and the whole state must be asked for. */
export const GAP = Symbol("gap");
export type Applied = Conversation | typeof GAP;

export function fromJoin(ack: JoinAck): Conversation {
  return { task: ack.task, messages: ack.subtasks, truncated: ack.truncated };
}

/**
 * `piece` put into `text` at `offset`; what is there already is not added twice.
 *
 * @returns GAP when something between is missing.
 */
export function mergeText(text: string, piece: string, offset: number): string | typeof GAP {
  if (offset > text.length) return GAP;
  const known = text.length - offset;
  return known >= piece.length ? text : text + piece.slice(known);
}

export function applyChunk(conversation: Conversation, chunk: ChatChunk): Applied {
  const piece = chunk.result?.reasoning_chunk ?? chunk.content;
  return changeBlock(conversation, chunk.subtask_id, chunk.block_id, (block) => {
    const content = mergeText(block.content ?? "", piece, chunk.block_offset);
    return content === GAP ? GAP : content === block.content ? block : { ...block, content };
  });
}

export function applyBlockCreated(
  conversation: Conversation,
  event: { subtask_id: number; block: BlockView },
): Applied {
  return changeMessage(
    conversation,
    event.subtask_id,
    (message) =>
      message.blocks.some((b) => b.id === event.block.id) ? message : {
        ...message,
        status: message.status === "PENDING" ? "RUNNING" : message.status,
        blocks: [...message.blocks, event.block],
      },
  );
}

export function applyBlockUpdated(conversation: Conversation, update: BlockUpdate): Applied {
  const { task_id: _task, subtask_id, block_id, ...changes } = update;
  return changeBlock(conversation, subtask_id, block_id, (block) => ({ ...block, ...changes }));
}

/** `chat:start`: a new attempt begins, with nothing of the one before. */
export function applyStart(
  conversation: Conversation,
  event: { subtask_id: number; attempt: number; device_id: string },
): Applied {
  return changeMessage(
    conversation,
    event.subtask_id,
    (message) =>
      message.attempt === event.attempt ? message : {
        ...message,
        status: "PENDING",
        attempt: event.attempt,
        device_id: event.device_id,
        blocks: [],
        content: "",
        error: null,
        error_code: null,
        cancelling: false,
      },
  );
}

/** The end of a turn. */
export function applyEnd(
  conversation: Conversation,
  subtaskId: number,
  end: Partial<Pick<SubtaskView, "content" | "error" | "error_code">> & {
    status: "COMPLETED" | "FAILED" | "CANCELLED";
  },
): Applied {
  const changed = changeMessage(conversation, subtaskId, (message) => ({
    ...message,
    ...end,
    cancelling: false,
    blocks: message.blocks.map((block) =>
      block.status === "streaming" ? { ...block, status: "done" } : block
    ),
  }));
  return changed === GAP ? GAP : { ...changed, task: { ...changed.task, status: end.status } };
}

export function applyStatus(
  conversation: Conversation,
  event: { subtask_id?: number; status: SubtaskView["status"]; cancelling?: boolean },
): Applied {
  if (event.subtask_id === undefined) return conversation;
  return changeMessage(conversation, event.subtask_id, (message) =>
    isFinal(message) ? message : {
      ...message,
      status: event.status,
      cancelling: event.cancelling ?? message.cancelling,
    });
}

/** `task:workdir`: the conversation works on that device, in that directory. */
export function applyWorkdir(
  conversation: Conversation,
  { device_id, workdir }: TaskWorkdirEvent,
): Conversation {
  return { ...conversation, task: { ...conversation.task, device_id, workdir } };
}

/** `task:permission_mode`: whether the agent asks from now on. */
export function applyPermission(
  conversation: Conversation,
  { permission_mode }: TaskPermissionEvent,
): Conversation {
  return { ...conversation, task: { ...conversation.task, permission_mode } };
}

/** `chat:input`: what the turn was told and has not read. */
export function applyInputs(
  conversation: Conversation,
  { subtask_id, inputs }: ChatInputEvent,
): Applied {
  return changeMessage(conversation, subtask_id, (message) => ({ ...message, inputs }));
}

/** `task:model`: what answers from now on. */
export function applyModel(
  conversation: Conversation,
  { model, effort }: TaskModelEvent,
): Conversation {
  return { ...conversation, task: { ...conversation.task, model, effort } };
}

export function isFinal(message: SubtaskView): boolean {
  return message.status !== "PENDING" && message.status !== "RUNNING";
}

/** The turn that is still going on. */
export function openTurn(conversation: Conversation | null): SubtaskView | null {
  return conversation?.messages.findLast((m) => m.role === "assistant" && !isFinal(m)) ?? null;
}

function changeMessage(
  conversation: Conversation,
  subtaskId: number,
  change: (message: SubtaskView) => SubtaskView | typeof GAP,
): Applied {
  const index = conversation.messages.findLastIndex((m) => m.subtask_id === subtaskId);
  const message = conversation.messages[index];
  if (!message) return GAP;
  const changed = change(message);
  if (changed === GAP || changed === message) return changed === GAP ? GAP : conversation;
  return { ...conversation, messages: conversation.messages.with(index, changed) };
}

function changeBlock(
  conversation: Conversation,
  subtaskId: number,
  blockId: string,
  change: (block: BlockView) => BlockView | typeof GAP,
): Applied {
  return changeMessage(conversation, subtaskId, (message) => {
    const index = message.blocks.findLastIndex((b) => b.id === blockId);
    const block = message.blocks[index];
    if (!block) return GAP;
    const changed = change(block);
    if (changed === GAP || changed === block) return changed === GAP ? GAP : message;
    return { ...message, blocks: message.blocks.with(index, changed) };
  });
}
