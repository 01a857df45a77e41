/** Files of a message: pictures to look at, others to download. Both are fetched with the sign-in. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { AttachmentView } from "../../protocol/mod.ts";
import { api } from "./api.ts";
import { act, errorText } from "./data.ts";
import { isPicture, sizeText } from "./file_text.ts";
import { FileSign } from "./upload_view.tsx";

/** A larger picture is shown on demand only. */
const MAX_THUMBNAIL_BYTES = 12 * 1024 * 1024;
/** Begins to load when it is so near, in pixels. */
const NEAR = "600px";

export function Attachments({ files }: { files: readonly AttachmentView[] }) {
  if (files.length === 0) return null;
  return (
    <ul class="attachments" aria-label="Files" data-testid="attachments">
      {files.map((file) => (
        <li key={file.id}>
          {isPicture(file.mime_type) ? <Picture file={file} /> : <Card file={file} />}
        </li>
      ))}
    </ul>
  );
}

function Card({ file }: { file: AttachmentView }) {
  const { filename, size } = file;
  return (
    <button
      type="button"
      class="file-card"
      data-testid="attachment-file"
      title={`Download ${filename}`}
      onClick={() => void act(() => save(file))}
    >
      <FileSign />
      <span class="about">
        <span class="name">{filename}</span>
        <span class="muted">{sizeText(size)}</span>
      </span>
    </button>
  );
}

/** A picture's address in this page, once it is wanted; it is given back with the component. */
function usePicture(file: AttachmentView, wanted: boolean) {
  const [url, setUrl] = useState<string | null>(null);
  const [error, setError] = useState<string | null>(null);
  useEffect(() => {
    if (!wanted) return;
    const gone = new AbortController();
    let made: string | null = null;
    api.attachment(file.id, gone.signal).then((blob) => {
      if (gone.signal.aborted) return;
      made = URL.createObjectURL(blob);
      setUrl(made);
    }).catch((failure) => {
      if (!gone.signal.aborted) setError(errorText(failure));
    });
    return () => {
      gone.abort();
      if (made) URL.revokeObjectURL(made);
    };
  }, [file.id, wanted]);
  return { url, error };
}

function Picture({ file }: { file: AttachmentView }) {
  const small = file.size <= MAX_THUMBNAIL_BYTES;
  const button = useRef<HTMLButtonElement>(null);
  const [wanted, setWanted] = useState(false);
  const [open, setOpen] = useState(false);
  const { url, error } = usePicture(file, wanted);
  useEffect(() => {
    const element = button.current;
    if (!element || !small) return;
    const observer = new IntersectionObserver((seen) => {
      if (!seen.some(({ isIntersecting }) => isIntersecting)) return;
      setWanted(true);
      observer.disconnect();
    }, { rootMargin: NEAR });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return (
    <>
      <button
        ref={button}
        type="button"
        class="thumbnail"
        data-testid="attachment-picture"
        aria-haspopup="dialog"
        aria-label={`Show ${file.filename}`}
        title={file.filename}
        onClick={() => {
          setWanted(true);
          setOpen(true);
        }}
      >
        {url
          ? <img src={url} alt={file.filename} />
          : <span class="muted">{error ?? file.filename}</span>}
      </button>
      {open && <Lightbox file={file} url={url} error={error} close={() => setOpen(false)} />}
    </>
  );
}

function Lightbox({ file, url, error, close }: {
  file: AttachmentView;
  url: string | null;
  error: string | null;
  close: () => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog
      ref={dialog}
      class="lightbox"
      data-testid="lightbox"
      aria-label={file.filename}
      onClose={close}
      onClick={(event) => {
        if (event.target === dialog.current) dialog.current?.close();
      }}
    >
      <header>
        <span class="name" title={file.filename}>{file.filename}</span>
        <span class="muted">{sizeText(file.size)}</span>
        <span class="grow" />
        <button
          type="button"
          class="link"
          data-testid="lightbox-download"
          onClick={() => void act(() => save(file))}
        >
          Download
        </button>
        <button
          type="button"
          class="icon"
          aria-label="Close"
          autofocus
          onClick={() => dialog.current?.close()}
        >
          ✕
        </button>
      </header>
      {url
        ? <img src={url} alt={file.filename} />
        : <p class={error ? "form-error" : "muted"} role="status">{error ?? "Loading…"}</p>}
    </dialog>
  );
}

/** Saves a file where the browser keeps downloads. */
async function save(file: AttachmentView): Promise<void> {
  const url = URL.createObjectURL(await api.attachment(file.id));
  const link = document.createElement("a");
  link.href = url;
  link.download = file.filename;
  link.click();
  // The browser has taken hold of it by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
