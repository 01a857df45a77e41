/** One message: a person's text, or a turn of the agent with its text, thoughts and tools. */
import { memo } from "preact/compat";
import { useState } from "preact/hooks";
import type { BlockView, InputView, SubtaskView } from "../../protocol/mod.ts";
import { Attachments } from "./attachment_view.tsx";
import { retry, takeBack } from "./client.ts";
import { isFinal } from "./conversation.ts";
import { Markdown } from "./markdown_view.tsx";
import { isOpen } from "./question_text.ts";
import { Question } from "./question_view.tsx";
import { useSelect } from "./state.ts";
import { ToolBlock } from "./tool_block.tsx";

export const Message = memo(
  ({ message, last }: { message: SubtaskView; last: boolean }) =>
    message.role === "user"
      ? <UserMessage message={message} />
      : <Turn message={message} last={last} />,
);

function UserMessage({ message }: { message: SubtaskView }) {
  return (
    <article class="message user" data-testid={`message-${message.subtask_id}`} data-role="user">
      <Attachments files={message.attachments} />
      {message.content.trim() !== "" && <div class="bubble">{message.content}</div>}
    </article>
  );
}

function Turn({ message, last }: { message: SubtaskView; last: boolean }) {
  const hasText = message.blocks.some((b) => b.type === "text");
  return (
    <article
      class="message assistant"
      data-testid={`message-${message.subtask_id}`}
      data-role="assistant"
      data-status={message.status}
      aria-busy={!isFinal(message)}
    >
      {message.blocks.map((block) => (
        <Block key={block.id} block={block} subtaskId={message.subtask_id} />
      ))}
      {message.inputs.map((input) => (
        <Unread key={input.input_id} input={input} subtaskId={message.subtask_id} />
      ))}
      {!hasText && isFinal(message) && message.content && <Markdown text={message.content} />}
      <TurnState message={message} last={last} />
    </article>
  );
}

const Block = memo(({ block, subtaskId }: { block: BlockView; subtaskId: number }) => {
  if (block.type === "tool") {
    return (
      <div class="call">
        <ToolBlock block={block} />
        <Question block={block} subtaskId={subtaskId} />
      </div>
    );
  }
  if (block.type === "input") {
    return (
      <div class="said" data-testid="block-input">
        <div class="bubble">{block.content}</div>
      </div>
    );
  }
  if (block.type === "thinking") return <Thinking block={block} />;
  return (
    <div class="text" data-testid="block-text">
      <Markdown text={block.content ?? ""} />
    </div>
  );
});

/** What the person said meanwhile and the agent has not read, or never will. */
function Unread({ input, subtaskId }: { input: InputView; subtaskId: number }) {
  const { input_id, text, state } = input;
  return (
    <div class={`said ${state}`} data-testid={`input-${state}`}>
      <div class="bubble">{text}</div>
      <p class="muted">
        {state === "pending"
          ? "The agent reads it at its next step"
          : "Not read before the turn ended"}
        {state === "unread" && (
          <button
            type="button"
            class="link"
            data-testid="input-take-back"
            onClick={() => void takeBack(subtaskId, input_id)}
          >
            Put it back into the message
          </button>
        )}
      </p>
    </div>
  );
}

function Thinking({ block }: { block: BlockView }) {
  const [open, setOpen] = useState(false);
  const text = block.content ?? "";
  const first = text.trim().split("\n", 1)[0] ?? "";
  return (
    <details
      class="thinking"
      data-testid="block-thinking"
      open={open}
      onToggle={(event) => setOpen(event.currentTarget.open)}
    >
      <summary>
        <span class="label">{block.status === "streaming" ? "Thinking…" : "Thinking"}</span>
        {!open && <span class="preview">{first.slice(0, 140)}</span>}
      </summary>
      {open && <div class="body">{text}</div>}
    </details>
  );
}

/** Brings keyboard and screen reader to what waits for the person. */
function goToQuestion(): void {
  document.querySelector<HTMLElement>('[data-testid="question-title"]')?.focus();
}

function TurnState({ message, last }: { message: SubtaskView; last: boolean }) {
  const queued = useSelect((s) =>
    s.devices.find((d) => d.device_id === message.device_id)
      ?.queued_task_ids.includes(message.task_id) ?? false
  );
  const waiting = message.blocks.some(isOpen);
  if (message.status === "COMPLETED") return null;
  if (!isFinal(message)) {
    const text = message.cancelling
      ? "Cancelling…"
      : waiting
      ? "Waiting for your answer"
      : queued
      ? "Queued: waiting for a free slot on the device"
      : message.blocks.length === 0
      ? "Starting…"
      : "Working…";
    return (
      <p
        class="state running"
        role="status"
        data-testid={`state-${message.subtask_id}`}
        data-queued={queued}
      >
        <span class={waiting ? "dot waiting" : "spinner"} aria-hidden="true" /> {text}
        {waiting && (
          <button type="button" class="link" data-testid="question-go" onClick={goToQuestion}>
            Go to the question
          </button>
        )}
      </p>
    );
  }
  const failed = message.status === "FAILED";
  return (
    <div
      class={failed ? "state failed" : "state cancelled"}
      data-testid={`state-${message.subtask_id}`}
    >
      <p role={failed ? "alert" : "status"}>
        {failed ? message.error ?? "The turn failed" : "Cancelled"}
      </p>
      {last && (
        <button
          type="button"
          data-testid={`retry-${message.subtask_id}`}
          onClick={() => void retry(message)}
        >
          Retry
        </button>
      )}
    </div>
  );
}
