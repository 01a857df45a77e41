/** Where a person writes, chooses who answers and where, sends, speaks to a running turn and cancels. */
import { useEffect, useRef, useState } from "preact/hooks";
import { AgentPicker } from "./agent_view.tsx";
import type { SubtaskView } from "../../protocol/mod.ts";
import { cancel, send, steer } from "./client.ts";
import { openTurn } from "./conversation.ts";
import { deviceOption } from "./device_text.ts";
import { DirectoryControl } from "./directory_view.tsx";
import { Lamp } from "./lamp.tsx";
import { ModelControl } from "./model_view.tsx";
import { NewPermission } from "./permission_view.tsx";
import { chosenDevice, setState, type State, useSelect } from "./state.ts";
import { AttachButton, onPaste, UploadChips } from "./upload_view.tsx";

/** Why nothing can be said now, or null. */
function obstacle(s: State): string | null {
  const turn = openTurn(s.conversation);
  if (!turn) {
    const device = chosenDevice(s);
    return device && device.status === "offline" && !device.reconnecting
      ? `“${device.name}” is offline. Choose another device or start it again.`
      : null;
  }
  const device = s.devices.find((d) => d.device_id === turn.device_id);
  if (!device || turn.cancelling) return null;
  if (device.status !== "offline" && !device.features.includes("steer")) {
    return `“${device.name}” takes no messages while a turn runs. Send yours when it has ended.`;
  }
  return s.uploads.length > 0 ? "Files can be sent when the turn has ended." : null;
}

/** True when what is written can go: as a message, or to the turn that runs. */
function isReady(s: State): boolean {
  const turn = openTurn(s.conversation);
  const written = s.draft.trim() !== "";
  if (s.connection !== "online" || obstacle(s) !== null) return false;
  if (turn) return written && !turn.cancelling;
  const uploaded = s.uploads.every(({ state }) => state === "done");
  return chosenDevice(s) !== null && uploaded && (written || s.uploads.length > 0);
}

export function Composer() {
  const taskId = useSelect((s) => s.taskId);
  const turn = useSelect((s) => openTurn(s.conversation));
  const device = useSelect(chosenDevice);
  const text = useSelect((s) => s.draft);
  const why = useSelect(obstacle);
  const open = useSelect(isReady);
  const [sending, setSending] = useState(false);
  const input = useRef<HTMLTextAreaElement>(null);
  useEffect(() => input.current?.focus(), [taskId]);
  useEffect(() => grow(input.current), [text]);
  const ready = open && !sending;
  const submit = async () => {
    if (!ready) return;
    setSending(true);
    await (turn ? steer(turn.subtask_id, text) : send(text));
    setSending(false);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    // Enter also ends the composition of a character; that is not meant as sending.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    void submit();
  };
  return (
    <div class="composer-row">
      <form
        class="composer"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <UploadChips />
        <textarea
          ref={input}
          rows={1}
          data-testid="composer-input"
          aria-label="Message"
          aria-describedby={why ? "composer-why" : undefined}
          placeholder={taskId === null
            ? "Describe a task…"
            : turn
            ? "Say something while it works…"
            : "Follow up…"}
          maxLength={200_000}
          value={text}
          onInput={(event) => setState({ draft: event.currentTarget.value })}
          onKeyDown={onKeyDown}
          onPaste={onPaste}
        />
        <div class="tools">
          <AttachButton />
          <div class="chips">
            <AgentPicker />
            <ModelControl />
            {device && <Lamp device={device} />}
            <DevicePicker />
            <DirectoryControl />
            <NewPermission />
          </div>
          {turn && <CancelButton turn={turn} />}
          <button
            type="submit"
            class="primary"
            data-testid="send"
            disabled={!ready}
            title={turn
              ? "The agent reads it at its next step"
              : "Enter sends, Shift+Enter starts a new line"}
          >
            Send
          </button>
        </div>
      </form>
      {why && <p class="below" id="composer-why" role="status" data-testid="composer-why">{why}</p>}
    </div>
  );
}

function CancelButton({ turn }: { turn: SubtaskView }) {
  return (
    <button
      type="button"
      class="stop"
      data-testid="cancel"
      disabled={turn.cancelling}
      onClick={() => void cancel(turn.subtask_id)}
    >
      {turn.cancelling ? "Cancelling…" : "Cancel"}
    </button>
  );
}

function DevicePicker() {
  const devices = useSelect((s) => s.devices);
  const device = useSelect(chosenDevice);
  return (
    <select
      class="picker"
      data-testid="device-picker"
      aria-label="Device"
      title="Device the next message runs on"
      value={device?.device_id ?? ""}
      disabled={devices.length === 0}
      onChange={(event) => setState({ deviceId: event.currentTarget.value })}
    >
      {devices.length === 0 && <option value="">No device</option>}
      {devices.map((d) => (
        <option
          key={d.device_id}
          value={d.device_id}
          disabled={d.status === "offline" && !d.reconnecting && d !== device}
        >
          {deviceOption(d)}
        </option>
      ))}
    </select>
  );
}

function grow(element: HTMLTextAreaElement | null): void {
  if (!element) return;
  element.style.height = "auto";
  element.style.height = `${Math.min(element.scrollHeight, 220)}px`;
}
