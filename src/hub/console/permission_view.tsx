/** Whether the agent asks: chosen for a new conversation beside the message, changed in its header. */
import type { PermissionMode } from "../../protocol/mod.ts";
import { setPermissionMode } from "./client.ts";
import { rememberPermission, useSelect } from "./state.ts";

const MODES: readonly { mode: PermissionMode; text: string }[] = [
  { mode: "bypass", text: "Works unasked" },
  { mode: "ask", text: "Asks first" },
];
const HINT =
  "“Asks first”: commands, the network and files outside the directory wait for you. Either way the " +
  "agent works in its sandbox";

/** In the composer, for a conversation that is still to begin. */
export function NewPermission() {
  const isNew = useSelect((s) => s.taskId === null);
  const mode = useSelect((s) => s.permission);
  return isNew ? <Picker mode={mode} onChange={rememberPermission} hint={HINT} /> : null;
}

/** In the header of a conversation. */
export function TaskPermission() {
  const taskId = useSelect((s) => s.taskId);
  const mode = useSelect((s) => s.conversation?.task.permission_mode ?? null);
  if (taskId === null || mode === null) return null;
  return (
    <Picker
      mode={mode}
      onChange={(wanted) => void setPermissionMode(taskId, wanted)}
      hint={`${HINT}. A change holds from the next message on`}
    />
  );
}

function Picker({ mode, onChange, hint }: {
  mode: PermissionMode;
  onChange: (mode: PermissionMode) => void;
  hint: string;
}) {
  return (
    <select
      class="picker permission"
      data-testid="permission-mode"
      aria-label="Permissions"
      title={hint}
      value={mode}
      onChange={(event) => {
        const wanted = MODES.find((m) => m.mode === event.currentTarget.value);
        if (wanted) onChange(wanted.mode);
      }}
    >
      {MODES.map(({ mode, text }) => <option key={mode} value={mode}>{text}</option>)}
    </select>
  );
}
