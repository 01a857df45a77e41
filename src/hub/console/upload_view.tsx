/** Files of the message that is being written: the button, the chips, and dropping them on the page. */
import { useEffect, useRef, useState } from "preact/hooks";
import { Sign } from "./directory_view.tsx";
import { notify } from "./data.ts";
import { sizeText } from "./file_text.ts";
import { useSelect } from "./state.ts";
import { addFiles, removeUpload, retryUpload, type Upload } from "./uploads.ts";

export function AttachButton() {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button
        type="button"
        class="icon attach"
        data-testid="attach"
        aria-label="Attach files"
        title="Attach files; they can be pasted or dropped here as well"
        onClick={() => input.current?.click()}
      >
        <Sign d="M13 7.200L7.800 12.400a3.100 3.100 0 0 1-4.400-4.400L8.900 2.500a2.100 2.100 0 0 1 3 3L6.500 10.900a1 1 0 0 1-1.500-1.500L9.900 4.600" />
      </button>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        data-testid="attach-input"
        onChange={(event) => {
          addFiles(event.currentTarget.files ?? []);
          // The same file can be chosen again after it was removed.
          event.currentTarget.value = "";
        }}
      />
    </>
  );
}

/** Takes files out of the clipboard; text, also with a picture of itself, is pasted as text. */
export function onPaste(event: ClipboardEvent): void {
  const data = event.clipboardData;
  if (!data || data.files.length === 0 || data.types.includes("text/html")) return;
  event.preventDefault();
  addFiles(data.files);
}

export function UploadChips() {
  const uploads = useSelect((s) => s.uploads);
  if (uploads.length === 0) return null;
  return (
    <ul class="uploads" aria-label="Files" data-testid="uploads">
      {uploads.map((upload) => <Chip key={upload.key} upload={upload} />)}
    </ul>
  );
}

function Chip({ upload }: { upload: Upload }) {
  const { key, name, size, preview, state, progress, error } = upload;
  return (
    <li class={`upload ${state}`} data-testid="upload" data-state={state}>
      {preview ? <img src={preview} alt="" /> : <FileSign />}
      <div class="about">
        <span class="name" title={name}>{name}</span>
        {state === "failed"
          ? (
            <span class="form-error" role="alert" title={error ?? ""}>
              {error}{" "}
              <button type="button" class="link" onClick={() => retryUpload(key)}>Try again</button>
            </span>
          )
          : state === "done"
          ? <span class="muted">{sizeText(size)}</span>
          : <progress value={progress} max={1} aria-label={`Upload of ${name}`} />}
      </div>
      <button
        type="button"
        class="icon"
        data-testid="upload-remove"
        aria-label={`Remove ${name}`}
        title="Remove"
        onClick={() => removeUpload(key)}
      >
        ✕
      </button>
    </li>
  );
}

export function FileSign() {
  return (
    <span class="file-sign">
      <Sign d="M4 1.500h5l3.500 3.500v9.500H4zM9 1.500V5h3.500" />
    </span>
  );
}

/** While files are dragged over the page: where they may be dropped. */
export function DropZone() {
  const [over, setOver] = useState(false);
  useEffect(() => {
    // Entering a part is told before leaving the one around it.
    let depth = 0;
    const withFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
    const enter = (event: DragEvent) => {
      if (withFiles(event) && ++depth === 1) setOver(true);
    };
    const leave = (event: DragEvent) => {
      if (withFiles(event) && --depth <= 0) reset();
    };
    const reset = () => {
      depth = 0;
      setOver(false);
    };
    const hold = (event: DragEvent) => {
      if (withFiles(event)) event.preventDefault();
    };
    const drop = (event: DragEvent) => {
      if (!withFiles(event)) return;
      event.preventDefault();
      reset();
      // A dialog is about something else.
      if (!document.querySelector("dialog[open]")) takeDropped(event.dataTransfer);
    };
    const handlers = { dragenter: enter, dragleave: leave, dragover: hold, drop } as const;
    const list = Object.entries(handlers) as [keyof typeof handlers, (e: DragEvent) => void][];
    for (const [name, handler] of list) addEventListener(name, handler);
    return () => {
      for (const [name, handler] of list) removeEventListener(name, handler);
    };
  }, []);
  if (!over) return null;
  return <div class="drop-zone" data-testid="drop-zone">Drop files to attach them</div>;
}

function takeDropped(data: DataTransfer | null): void {
  const items = [...data?.items ?? []].filter(({ kind }) => kind === "file");
  const folders = items.filter((item) => item.webkitGetAsEntry()?.isDirectory);
  addFiles(
    items.filter((item) => !folders.includes(item)).map((item) => item.getAsFile())
      .filter((file) => file !== null),
  );
  if (folders.length > 0) notify("A folder cannot be attached; choose files, or pack it first.");
}
