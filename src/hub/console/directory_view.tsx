/** The directory of a conversation: the composer's control, the header's line, and the notice. */
import { useEffect, useState } from "preact/hooks";
import type { DeviceInfo, TaskWorkdir } from "../../protocol/mod.ts";
import { copy, openDirectory } from "./client.ts";
import { choiceText, MANAGED, workdirText } from "./directory.ts";
import { chosenDevice, nextDirectory, setState, type State, useSelect } from "./state.ts";

/** How long the copy button says that it has copied, in milliseconds. */
const COPIED_MS = 1500;

/** Beside the device picker: the directory of a new conversation, or a change that waits to be sent. */
export function DirectoryControl() {
  const device = useSelect(chosenDevice);
  const next = useSelect(nextDirectory);
  const isNew = useSelect((s) => s.taskId === null);
  if (!device?.workdirs || (!isNew && !next)) return null;
  const text = choiceText(next ?? MANAGED, device.workdirs);
  return (
    <span class="chip-control" data-testid={isNew ? undefined : "directory-pending"}>
      <button
        type="button"
        class="quiet"
        data-testid="directory-choose"
        aria-haspopup="dialog"
        aria-label={`${isNew ? "Directory" : "New directory"}: ${text}`}
        title={isNew ? "Where the agent works" : "From the next message on, in a new agent session"}
        onClick={() => setState({ directoryOpen: true })}
      >
        <FolderIcon />
        {!isNew && <span class="next">Next:</span>}
        <PathText path={text} />
        <span class="caret" aria-hidden="true" />
      </button>
      {!isNew && (
        <button
          type="button"
          class="icon"
          aria-label="Keep the directory as it is"
          title="Keep the directory as it is"
          onClick={() => setState({ directory: null })}
        >
          ✕
        </button>
      )}
    </span>
  );
}

/** Below the title: where the conversation works, and what can be done with that. */
export function DirectoryLine() {
  const task = useSelect((s) => s.conversation?.task ?? null);
  const device = useSelect(taskDevice);
  const target = useSelect(chosenDevice);
  const facts = device?.workdirs ?? null;
  if (!task || !(task.workdir || facts)) return null;
  const { workdir } = task;
  const path = workdir?.path ?? null;
  const text = workdirText(workdir, facts);
  return (
    <div class="directory" data-testid="directory" role="group" aria-label="Directory">
      <FolderIcon />
      {workdir?.origin === "managed" && path !== null && <span class="kind">Managed</span>}
      <span class="where" data-testid="directory-path" title={path ?? text}>
        <PathText path={text} />
      </span>
      {workdir?.notice && <Mark workdir={workdir} />}
      {path !== null && <CopyButton path={path} />}
      {path !== null && facts?.open_directory && device?.status !== "offline" && (
        <button
          type="button"
          class="icon"
          data-testid="directory-open"
          aria-label="Open the directory on the device"
          title={`Open on “${device?.name}”`}
          onClick={() => device && void openDirectory(device, path)}
        >
          <Sign d="M6.500 3.500h-3v9h9v-3M9 3.500h3.500V7M12.500 3.500L7.500 8.500" />
        </button>
      )}
      {target?.workdirs && (
        <button
          type="button"
          class="link"
          data-testid="directory-change"
          aria-haspopup="dialog"
          aria-label="Change the directory"
          onClick={() => setState({ directoryOpen: true })}
        >
          Change…
        </button>
      )}
    </div>
  );
}

function taskDevice(s: State): DeviceInfo | null {
  const id = s.conversation?.task.device_id;
  return s.devices.find((d) => d.device_id === id) ?? null;
}

/** The sign that there is something to say of the directory; it brings the notice back. */
function Mark({ workdir }: { workdir: TaskWorkdir }) {
  // Without a reason the directory is the one asked for, and merely another one than before.
  const asAsked = workdir.code === null || workdir.code === "workdir_changed";
  const text = asAsked ? "Changed" : "Fallback";
  return (
    <button
      type="button"
      class="mark"
      data-testid="directory-mark"
      aria-label={`${text}: show why`}
      title={workdir.notice ?? undefined}
      onClick={() => setState({ dismissed: null })}
    >
      {text}
    </button>
  );
}

/** Why the conversation does not work where it was asked to, in the device's words. */
export function DirectoryNotice() {
  const notice = useSelect((s) => s.conversation?.task.workdir?.notice ?? null);
  const dismissed = useSelect((s) => s.dismissed);
  const shown = notice !== null && notice !== dismissed;
  return (
    <div
      class={shown ? "banner fallback" : "banner hidden"}
      role="status"
      data-testid="directory-notice"
    >
      {shown && (
        <>
          <span>{notice}</span>
          <button
            type="button"
            class="icon"
            aria-label="Dismiss"
            onClick={() => setState({ dismissed: notice })}
          >
            ✕
          </button>
        </>
      )}
    </div>
  );
}

function CopyButton({ path }: { path: string }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), COPIED_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  return (
    <button
      type="button"
      class="icon"
      data-testid="directory-copy"
      title={copied ? "Copied" : "Copy the path"}
      aria-label={copied ? "Copied" : "Copy the path"}
      onClick={async () => setCopied(await copy(path))}
    >
      <Sign
        d={copied ? "M3 8.500l3.500 3.500L13 4.500" : "M5.500 5.500h7v7h-7zM3.500 10.500v-7h7"}
      />
    </button>
  );
}

/** A path on one line: when there is no room its beginning gives way, its last part stays readable. */
export function PathText({ path }: { path: string }) {
  const at = path.replace(/[\\/]+$/, "").search(/[\\/][^\\/]*$/);
  return (
    <span class="path">
      {at > 0 && <span class="head">{path.slice(0, at)}</span>}
      <span class="tail">{at > 0 ? path.slice(at) : path}</span>
    </span>
  );
}

export function FolderIcon() {
  return (
    <Sign d="M1.500 4.200c0-.7.5-1.200 1.200-1.200h3.200l1.600 1.800h5.800c.7 0 1.200.5 1.200 1.200v6c0 .7-.5 1.200-1.200 1.200H2.700c-.7 0-1.200-.5-1.200-1.200z" />
  );
}

/** A small drawing in one line, beside words or a label that say what it means. */
export function Sign({ d }: { d: string }) {
  return (
    <svg class="sign" viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
      <path d={d} fill="none" stroke="currentColor" stroke-width="1.300" stroke-linejoin="round" />
    </svg>
  );
}
