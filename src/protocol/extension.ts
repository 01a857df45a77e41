/**
 * `device:run_extension`: a skill's script that its server has run in a task's directory. Source: the
 * Wegent device protocol. The acknowledgement is what the script prints, one JSON object, or
 * {@link ExtensionFailure}.
 */
import * as z from "zod";
import { wireId } from "./device.ts";

export const RUN_EXTENSION_EVENT = "device:run_extension";

/** A name that is no path: never `.` or `..`. */
const name = z.string().max(200).regex(/^(?!\.{1,2}$)[A-Za-z0-9._-]+$/, "must be a plain name");

/** Longest payload, as JSON in UTF-16 units: it travels in one variable. */
export const MAX_EXTENSION_PAYLOAD = 60_000;

/** Payload of the event. */
export const runExtension = z.looseObject({
  extension_name: name,
  action: name,
  task_id: wireId,
  script_path: z.string().max(500).regex(/^[A-Za-z0-9._/-]+$/, "must be a plain relative path")
    .refine(
      (path) => !path.startsWith("/") && !path.split("/").includes(".."),
      "must be relative and without `..`",
    ),
  payload: z.record(z.string(), z.unknown()).nullish().transform((value) => value ?? {}).refine(
    (value) => JSON.stringify(value).length <= MAX_EXTENSION_PAYLOAD,
    `must have at most ${MAX_EXTENSION_PAYLOAD} characters`,
  ),
});
export type RunExtension = z.infer<typeof runExtension>;

/** The acknowledgement when the script was not run or did not answer. */
export interface ExtensionFailure {
  readonly success: false;
  readonly message: string;
}
