/** Members of a device's events, checked one by one: what has the wrong shape refuses the event. */
import type * as z from "zod";
import { AppError } from "../platform/mod.ts";

/** Begins the ids of blocks the hub makes itself; a device may not use it. */
export const OWN = "~";

type Data = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function object(value: unknown): Data {
  if (isObject(value)) return value;
  throw invalid("an object is missing");
}

/** A string; null and absence count as empty. */
export function text(value: unknown, name: string): string {
  if (typeof value === "string") return value;
  if (value === null || value === undefined) return "";
  throw invalid(`"${name}" is not text`);
}

/** A tool's output; structured output becomes JSON text. */
export function output(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value) ?? "";
}

/** An id that is not blank. */
export function id(value: unknown): string {
  if (
    typeof value === "string" && value.trim() && value.length <= 200 &&
    !value.startsWith(OWN)
  ) return value;
  throw invalid("the id of the call is missing");
}

/** Arguments as JSON text; text that was cut short is shown as it is. */
export function parsedArguments(value: unknown): unknown {
  if (isObject(value)) return value;
  if (typeof value !== "string" || value === "") return undefined;
  try {
    return JSON.parse(value);
  } catch (error) {
    if (error instanceof SyntaxError) return value;
    throw error;
  }
}

export function payload<S extends z.ZodType>(schema: S, data: Data): z.output<S> {
  const parsed = schema.safeParse(data);
  if (parsed.success) return parsed.data;
  throw invalid(`the question is unreadable at "${parsed.error.issues[0]?.path.join(".")}"`);
}

export function invalid(what: string): AppError {
  return new AppError(
    "invalid_event",
    `Invalid event data format: ${what}`,
  );
}
