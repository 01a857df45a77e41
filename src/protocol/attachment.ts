/** Files that go along with a message, as the page sends and sees them. */
import * as z from "zod";

/** Largest file, in bytes, and most files of one message. */
export const MAX_ATTACHMENT_BYTES = 100 * 1024 * 1024;
export const MAX_ATTACHMENTS = 20;

/** Query of `POST /api/attachments`; the body is the file itself. */
export const uploadQuery = z.looseObject({
  filename: z.string().max(2000).transform((path) => path.split(/[\\/]/).at(-1)?.trim() ?? "")
    .refine((name) => name !== "" && name.length <= 255, "must have 1 to 255 characters")
    .refine(
      (name) => !/\p{Cc}/u.test(name) && name.isWellFormed(),
      "must not hold control or broken characters",
    ),
});

/** A file of a message, or one that waits to be sent. */
export interface AttachmentView {
  id: number;
  filename: string;
  /** As the browser named it; `application/octet-stream` where it did not. */
  mime_type: string;
  /** Bytes. */
  size: number;
}
