/** The edge: bytes and JSON from outside become typed values here or are refused with a reason. */
import type * as z from "zod";
import { AppError } from "../platform/mod.ts";

/**
 * Parses `value` with `schema`.
 *
 * @param what The message's name as the reader knows it, such as `task:execute`.
 * @throws {AppError} `invalid_payload`, naming the first field that is wrong. The offending value is
 * not repeated: it may be large or secret.
 */
export function parsePayload<S extends z.ZodType>(
  schema: S,
  value: unknown,
  what: string,
): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const where = issue?.path.length ? ` at "${issue.path.join(".").slice(0, 80)}"` : "";
  throw new AppError(
    "invalid_payload",
    `Invalid payload for ${what}${where}: ${(issue?.message ?? "unreadable").slice(0, 200)}`,
  );
}
