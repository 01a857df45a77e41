/** The conversation on display, or the start of a new one. */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { AgentLine } from "./agent_view.tsx";
import { Composer } from "./composer.tsx";
import { DirectoryDialog } from "./directory_dialog.tsx";
import { DirectoryLine, DirectoryNotice } from "./directory_view.tsx";
import { Message } from "./message.tsx";
import { ModelDialog } from "./model_view.tsx";
import { TaskPermission } from "./permission_view.tsx";
import { setState, useSelect } from "./state.ts";

/** Messages drawn at first; older ones are a click away. */
const PAGE = 40;
/** The view follows new text while its end is at most this far away, in pixels. */
const NEAR_END = 80;

export function ConversationView() {
  const taskId = useSelect((s) => s.taskId);
  const title = useSelect((s) =>
    s.conversation?.task.title ?? s.tasks.find((t) => t.task_id === s.taskId)?.title ?? null
  );
  return (
    <>
      <header class="top">
        <button
          type="button"
          class="icon menu"
          aria-label="Open menu"
          data-testid="menu"
          onClick={() => setState({ sidebar: true })}
        >
          ☰
        </button>
        <div class="heading">
          <div class="title-row">
            <h1 title={title ?? undefined}>{title ?? "New conversation"}</h1>
            <AgentLine />
          </div>
          <DirectoryLine />
        </div>
        <TaskPermission />
      </header>
      <DirectoryNotice />
      {taskId === null ? <Welcome /> : <Transcript key={taskId} />}
      <Composer />
      <DirectoryDialog />
      <ModelDialog />
    </>
  );
}

function Welcome() {
  return (
    <div class="scroll">
      <div class="welcome">
        <h2>What should be done?</h2>
        <p class="muted">
          An agent on the chosen device works in a directory of its own, or in the one you choose.
          You see every step it takes.
        </p>
      </div>
    </div>
  );
}

function Transcript() {
  const conversation = useSelect((s) => s.conversation);
  const [shown, setShown] = useState(PAGE);
  const [following, setFollowing] = useState(true);
  const scroller = useRef<HTMLDivElement>(null);
  const lastTop = useRef(0);
  const toEnd = () => {
    const element = scroller.current;
    if (element) element.scrollTop = element.scrollHeight;
  };
  useLayoutEffect(() => {
    if (following) toEnd();
  }, [conversation, following]);
  const loaded = conversation !== null;
  // Messages far away are measured only when they come near, so heights change without new text.
  useEffect(() => {
    const element = scroller.current;
    if (!following || !element) return;
    const observer = new ResizeObserver(toEnd);
    observer.observe(element);
    for (const child of element.children) observer.observe(child);
    return () => observer.disconnect();
  }, [following, loaded]);
  const onScroll = () => {
    const element = scroller.current;
    if (!element) return;
    const atEnd = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_END;
    // Only a person scrolls up; growing text merely moves the end away.
    if (atEnd) setFollowing(true);
    else if (element.scrollTop < lastTop.current) setFollowing(false);
    lastTop.current = element.scrollTop;
  };
  if (!conversation) {
    return (
      <div class="scroll">
        <p class="loading" role="status">Loading…</p>
      </div>
    );
  }
  const messages = conversation.messages;
  const visible = messages.slice(-shown);
  return (
    <div class="scroll" ref={scroller} onScroll={onScroll} tabIndex={0}>
      <div
        class="transcript"
        data-testid="transcript"
        role="log"
        aria-live="off"
        aria-label="Conversation"
      >
        {visible.length < messages.length && (
          <button
            type="button"
            class="earlier"
            onClick={() => setShown(shown + 100)}
          >
            Show earlier messages ({messages.length - visible.length})
          </button>
        )}
        {conversation.truncated && visible.length === messages.length && (
          <p class="muted centered">Older messages are not shown.</p>
        )}
        {visible.map((message, index) => (
          <Message
            key={message.subtask_id}
            message={message}
            last={index === visible.length - 1}
          />
        ))}
      </div>
      {!following && (
        <button type="button" class="to-end" onClick={() => setFollowing(true)}>
          ↓ Latest
        </button>
      )}
    </div>
  );
}
