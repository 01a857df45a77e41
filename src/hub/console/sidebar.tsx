/** Conversations and devices. */
import { useState } from "preact/hooks";
import type { DeviceInfo, TaskView } from "../../protocol/mod.ts";
import { Logo } from "./app.tsx";
import { deleteDevice, deleteTask, renameDevice, toggleDefault } from "./client.ts";
import { openTask, showNew } from "./connection.ts";
import { deviceStatusText } from "./device_text.ts";
import { AgentTag } from "./agent_view.tsx";
import { Lamp } from "./lamp.tsx";
import { signOut } from "./session.ts";
import { setState, useSelect } from "./state.ts";

export function Sidebar() {
  const user = useSelect((s) => s.user);
  return (
    <aside class="sidebar" aria-label="Conversations and devices">
      <header>
        <Logo />
        <button
          type="button"
          class="icon drawer-close"
          aria-label="Close menu"
          onClick={() => setState({ sidebar: false })}
        >
          ✕
        </button>
      </header>
      <button type="button" class="new" data-testid="new-conversation" onClick={showNew}>
        <span aria-hidden="true">+</span> New conversation
      </button>
      <TaskList />
      <DeviceList />
      <footer>
        <button
          type="button"
          class="quiet"
          data-testid="settings-open"
          onClick={() => setState({ settingsOpen: true, sidebar: false })}
        >
          Settings
        </button>
        <button type="button" class="quiet" data-testid="sign-out" onClick={() => signOut()}>
          Sign out <span class="muted">({user})</span>
        </button>
      </footer>
    </aside>
  );
}

function TaskList() {
  const tasks = useSelect((s) => s.tasks);
  return (
    <nav class="tasks" aria-label="Conversations" data-testid="task-list">
      {tasks.length === 0 && <p class="empty">No conversations yet.</p>}
      <ul>{tasks.map((task) => <TaskItem key={task.task_id} task={task} />)}</ul>
    </nav>
  );
}

const TASK_STATUS: Readonly<Record<TaskView["status"], string>> = {
  PENDING: "waiting",
  RUNNING: "running",
  COMPLETED: "completed",
  FAILED: "failed",
  CANCELLED: "cancelled",
};

function TaskItem({ task }: { task: TaskView }) {
  const current = useSelect((s) => s.taskId) === task.task_id;
  const status = task.waiting ? "waiting for you" : TASK_STATUS[task.status];
  const remove = () => {
    if (confirm(`Delete the conversation “${task.title}”?`)) void deleteTask(task.task_id);
  };
  return (
    <li class={current ? "task current" : "task"}>
      <button
        type="button"
        class="open"
        data-testid={`task-${task.task_id}`}
        aria-current={current ? "page" : undefined}
        onClick={() => void openTask(task.task_id)}
      >
        <span
          class={`dot ${task.waiting ? "waiting" : task.status.toLowerCase()}`}
          role="img"
          aria-label={status}
          title={status}
        />
        <span class="title">{task.title}</span>
        {!task.waiting && <AgentTag agent={task.agent} />}
        {task.waiting && <span class="tag" data-testid="task-waiting">Waiting for you</span>}
      </button>
      <button
        type="button"
        class="icon remove"
        aria-label={`Delete ${task.title}`}
        title="Delete"
        onClick={remove}
      >
        ✕
      </button>
    </li>
  );
}

function DeviceList() {
  const devices = useSelect((s) => s.devices);
  return (
    <section class="devices" aria-label="Devices" data-testid="device-list">
      <h2>Devices</h2>
      {devices.length === 0 && (
        <p class="empty" data-testid="no-devices">
          No device yet. Start <code>wegent-executor</code>{" "}
          on the computer that should do the work; Settings has the key for it.
        </p>
      )}
      <ul>{devices.map((device) => <DeviceItem key={device.device_id} device={device} />)}</ul>
    </section>
  );
}

function DeviceItem({ device }: { device: DeviceInfo }) {
  const [editing, setEditing] = useState(false);
  const offline = device.status === "offline";
  const remove = () => {
    if (confirm(`Remove the device “${device.name}”? It comes back when it connects again.`)) {
      void deleteDevice(device);
    }
  };
  const save = (name: string) => {
    setEditing(false);
    if (name.trim() && name.trim() !== device.name) void renameDevice(device, name.trim());
  };
  return (
    <li
      class={offline ? "device offline" : "device"}
      data-testid={`device-${device.device_id}`}
      data-status={device.status}
    >
      <Lamp device={device} />
      <div class="about">
        {editing
          ? (
            <input
              aria-label="Device name"
              defaultValue={device.name}
              maxLength={100}
              autofocus
              onBlur={(e) => save(e.currentTarget.value)}
              onKeyDown={(e) => {
                if (e.key === "Enter") save(e.currentTarget.value);
                if (e.key === "Escape") setEditing(false);
              }}
            />
          )
          : (
            <button
              type="button"
              class="name"
              title={`${device.name}${
                device.executor_version ? ` · version ${device.executor_version}` : ""
              }${device.sandbox ? ` · ${device.sandbox}` : ""} · click to rename`}
              onClick={() => setEditing(true)}
            >
              {device.name}
            </button>
          )}
        <span class="muted" data-testid={`slots-${device.device_id}`}>
          {deviceStatusText(device)}
        </span>
      </div>
      {offline && !device.reconnecting && (
        <button
          type="button"
          class="icon"
          aria-label={`Remove ${device.name}`}
          title="Remove"
          onClick={remove}
        >
          ✕
        </button>
      )}
      <button
        type="button"
        class={device.is_default ? "star on" : "star"}
        data-testid={`device-star-${device.device_id}`}
        aria-pressed={device.is_default}
        aria-label={device.is_default ? "Default device; remove as default" : "Set as default"}
        title={device.is_default ? "Default device" : "Set as default"}
        onClick={() => void toggleDefault(device)}
      >
        <span class="sign">{device.is_default ? "⭐" : "☆"}</span>
        <svg viewBox="0 0 24 24" width="18" height="18" aria-hidden="true">
          <path d="M12 3.5l2.6 5.4 5.900.8-4.300 4.100 1 5.900L12 16.900l-5.200 2.800 1-5.900-4.300-4.100 5.900-.8z" />
        </svg>
      </button>
    </li>
  );
}
