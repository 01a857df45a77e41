/** Where a person writes, picks the device, sends and cancels. */
import { useEffect, useRef, useState } from "preact/hooks";
import { AgentPicker } from "./agent_view.tsx";
import { cancel, send } from "./client.ts";
import { openTurn } from "./conversation.ts";
import { deviceOption } from "./device_text.ts";
import { DirectoryControl } from "./directory_view.tsx";
import { Lamp } from "./lamp.tsx";
import { ModelControl } from "./model_view.tsx";
import { NewPermission } from "./permission_view.tsx";
import { chosenDevice, setState, useSelect } from "./state.ts";
import { AttachButton, onPaste, UploadChips } from "./upload_view.tsx";

export function Composer() {
  const taskId = useSelect((s) => s.taskId);
  const turn = useSelect((s) => openTurn(s.conversation));
  const device = useSelect(chosenDevice);
  const online = useSelect((s) => s.connection === "online");
  const text = useSelect((s) => s.draft);
  const uploads = useSelect((s) => s.uploads);
  const [sending, setSending] = useState(false);
  const input = useRef<HTMLTextAreaElement>(null);
  useEffect(() => input.current?.focus(), [taskId]);
  useEffect(() => grow(input.current), [text]);
  const reachable = device !== null && (device.status !== "offline" || device.reconnecting);
  const uploaded = uploads.every(({ state }) => state === "done");
  const ready = online && reachable && !turn && !sending && uploaded &&
    (text.trim() !== "" || uploads.length > 0);
  const submit = async () => {
    if (!ready) return;
    setSending(true);
    await send(text);
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
          placeholder={taskId === null ? "Describe a task…" : "Follow up…"}
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
          {turn
            ? (
              <button
                type="button"
                class="stop"
                data-testid="cancel"
                disabled={turn.cancelling}
                onClick={() => void cancel(turn.subtask_id)}
              >
                {turn.cancelling ? "Cancelling…" : "Cancel"}
              </button>
            )
            : (
              <button
                type="submit"
                class="primary"
                data-testid="send"
                disabled={!ready}
                title="Enter sends, Shift+Enter starts a new line"
              >
                Send
              </button>
            )}
        </div>
      </form>
      {device && !reachable && (
        <p class="below" role="status" data-testid="device-offline">
          “{device.name}” is offline. Choose another device or start it again.
        </p>
      )}
    </div>
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
