/** Files for the next message: checked, uploaded a few at a time, shown with their progress, sent. */
import type { AttachmentView, ErrorBody } from "../../protocol/mod.ts";
import { api, storedToken } from "./api.ts";
import { errorText, notify } from "./data.ts";
import { isPicture, sizeText } from "./file_text.ts";
import { getState, setState } from "./state.ts";

/** The hub's own bounds; the schemas that hold them stay out of the page. */
const MAX_BYTES = 100 * 1024 * 1024;
const MAX_FILES = 20;
/** Uploads at the same time. */
const AT_ONCE = 3;

/** A file on its way to the hub. */
export interface Upload {
  readonly key: string;
  readonly name: string;
  readonly size: number;
  /** Address of its picture in this page; null: it is none. */
  readonly preview: string | null;
  readonly state: "waiting" | "sending" | "done" | "failed";
  /** Part that has gone, from 0 to 1. */
  readonly progress: number;
  /** The hub's id, once it is there. */
  readonly id: number | null;
  readonly error: string | null;
}

const files = new Map<string, File>();
const requests = new Map<string, XMLHttpRequest>();

/** Adds files to the next message; says so when one cannot be added. */
export function addFiles(added: Iterable<File>): void {
  const { uploads } = getState();
  const fresh: Upload[] = [];
  const refused: string[] = [];
  for (const file of added) {
    if (file.size > MAX_BYTES) {
      refused.push(`“${file.name}” is larger than ${sizeText(MAX_BYTES)}`);
    } else if (uploads.length + fresh.length >= MAX_FILES) {
      refused.push(`A message can have ${MAX_FILES} files`);
      break;
    } else {
      const key = crypto.randomUUID();
      files.set(key, file);
      fresh.push({
        key,
        name: file.name || "file",
        size: file.size,
        preview: isPicture(file.type) ? URL.createObjectURL(file) : null,
        state: "waiting",
        progress: 0,
        id: null,
        error: null,
      });
    }
  }
  setState({ uploads: [...uploads, ...fresh] });
  if (refused.length > 0) notify(`${refused.join(". ")}.`);
  startNext();
}

/** Takes a file out again, wherever it is. */
export function removeUpload(key: string): void {
  const upload = getState().uploads.find((one) => one.key === key);
  if (!upload) return;
  forget(upload);
  // Nobody waits for it: what the hub keeps unsent goes by itself.
  if (upload.id !== null) void api.removeAttachment(upload.id).catch(() => {});
  startNext();
}

export function retryUpload(key: string): void {
  change(key, { state: "waiting", progress: 0, error: null });
  startNext();
}

/** They are part of a message now, or nobody wants them any more. */
export function clearUploads(gone: readonly Upload[] = getState().uploads): void {
  for (const upload of gone) forget(upload);
}

function forget({ key, preview }: Upload): void {
  requests.get(key)?.abort();
  requests.delete(key);
  files.delete(key);
  if (preview) URL.revokeObjectURL(preview);
  setState({ uploads: getState().uploads.filter((one) => one.key !== key) });
}

function change(key: string, changes: Partial<Upload>): void {
  setState({
    uploads: getState().uploads.map((one) => one.key === key ? { ...one, ...changes } : one),
  });
}

function startNext(): void {
  const { uploads } = getState();
  const free = AT_ONCE - uploads.filter(({ state }) => state === "sending").length;
  for (const { key } of uploads.filter(({ state }) => state === "waiting").slice(0, free)) {
    start(key);
  }
}

/** By the older interface: the newer one does not tell how far an upload has come. */
function start(key: string): void {
  const file = files.get(key);
  if (!file) return;
  const request = new XMLHttpRequest();
  requests.set(key, request);
  request.open("POST", `/api/attachments?filename=${encodeURIComponent(file.name || "file")}`);
  request.setRequestHeader("authorization", `Bearer ${storedToken() ?? ""}`);
  request.setRequestHeader("content-type", file.type || "application/octet-stream");
  request.upload.onprogress = (event) => {
    if (event.lengthComputable) change(key, { progress: event.loaded / event.total });
  };
  const end = (changes: Partial<Upload>) => {
    requests.delete(key);
    change(key, changes);
    startNext();
  };
  const fail = (error: string) => end({ state: "failed", error });
  request.onload = () => {
    try {
      const answer: AttachmentView | ErrorBody = JSON.parse(request.responseText);
      if ("id" in answer) end({ state: "done", progress: 1, id: answer.id });
      else fail(answer.detail);
    } catch (error) {
      // A proxy in between may answer in words of its own.
      fail(error instanceof SyntaxError ? `Status ${request.status}` : errorText(error));
    }
  };
  request.onerror = () => fail("The upload broke off");
  request.send(file);
  change(key, { state: "sending", progress: 0, error: null });
}
