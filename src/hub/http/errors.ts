/** Errors as the REST interface shows them. */
import { AppError } from "../../platform/mod.ts";
import type { ErrorBody } from "../../protocol/mod.ts";
import type { z } from "zod";

const STATUS: Readonly<Record<string, number>> = {
  not_authenticated: 401,
  token_invalid: 401,
  login_failed: 400,
  link_invalid: 400,
  login_limited: 429,
  user_inactive: 400,
  user_exists: 400,
  forbidden: 403,
  not_found: 404,
  wrong_state: 400,
  task_running: 400,
  device_offline: 400,
  no_device: 400,
  bad_settings: 400,
  name_taken: 409,
  too_many: 409,
  too_large: 413,
  disk_full: 507,
  upload_broken: 400,
  not_offered: 404,
  device_refused: 409,
  device_silent: 502,
};

/** An error answer in the envelope every client knows. */
export function errorResponse(
  status: number,
  detail: string,
  errors?: ErrorBody["errors"],
): Response {
  const body: ErrorBody = {
    error_code: status,
    detail,
    ...(errors && { errors }),
  };
  return Response.json(body, {
    status,
    ...(status === 401 && { headers: { "www-authenticate": "Bearer" } }),
  });
}

/** The answer for anything thrown; null when it is a fault of ours that must be logged. */
export function knownErrorResponse(error: unknown): Response | null {
  if (!(error instanceof AppError)) return null;
  const status = STATUS[error.code];
  return status === undefined ? null : errorResponse(status, error.message);
}

/** The answer to a body, or a query, of the wrong shape. */
export function validationResponse(error: z.ZodError, where: "body" | "query" = "body"): Response {
  return errorResponse(
    422,
    "Request parameter validation failed",
    error.issues.slice(0, 20).map((issue) => ({
      loc: [where, ...issue.path.map((p) => typeof p === "number" ? p : String(p).slice(0, 100))],
      msg: issue.message.slice(0, 300),
      type: issue.code,
    })),
  );
}
