/** What all routes share: who asks, and bodies in their typed form. */
import type { Hono } from "hono";
import type * as z from "zod";
import { AppError } from "../../platform/mod.ts";
import type { UserRow } from "../store/mod.ts";
import { errorResponse, validationResponse } from "./errors.ts";

/** What the handlers of a request know. */
export interface Env {
  Variables: { user: UserRow };
}

/** The interface under construction. */
export type App = Hono<Env>;

/** The token of a request. @throws {AppError} `not_authenticated` without one. */
export function bearerOf(request: Request): string {
  const token = /^bearer +(\S+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
  if (!token) throw new AppError("not_authenticated", "Not authenticated");
  return token;
}

/** The request's JSON body in its typed form, or the answer that refuses it. */
export async function parsed<S extends z.ZodType>(
  request: Request,
  schema: S,
): Promise<z.output<S> | Response> {
  // A form of another site can send text, but not this type without asking first.
  if (!/^application\/json\b/i.test(request.headers.get("content-type") ?? "")) {
    return errorResponse(415, "The body must be application/json");
  }
  let body: unknown;
  try {
    body = await request.json();
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    body = undefined;
  }
  const result = schema.safeParse(body);
  return result.success ? result.data : validationResponse(result.error);
}

/** A path's id; what is no id finds nothing. */
export function idOf(text: string): number {
  return /^\d{1,15}$/.test(text) ? Number(text) : 0;
}
