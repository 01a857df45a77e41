/**
 * Errors as data: every failure a person or a server may see is an {@link AppError} with a stable
 * code, a sentence, a remedy and (optionally) the error that caused it. Only `src/cli` prints them.
 */

/** Exit codes of the program (the names of BSD's sysexits, understood by service managers). */
export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  /** A passing fault: try again later. */
  tempfail: 75,
  /** The server refused the credential. */
  noperm: 77,
  /** The configuration is missing or wrong. */
  config: 78,
} as const;

/** What an {@link AppError} is made of. */
export interface AppErrorOptions {
  /** What the reader can do about it: an imperative sentence without a full stop. */
  remedy?: string;
  /** Exit status of the process when this error ends it. @default 1 */
  exitCode?: number;
  /** The error underneath. */
  cause?: unknown;
}

/** An error with a stable code; see the module comment. */
export class AppError extends Error {
  override readonly name = "AppError";
  readonly remedy: string | undefined;
  readonly exitCode: number;

  /**
   * @param code Stable identifier in lower snake case, such as `config_invalid`.
   * @param message Upper-case first letter, no full stop: what was wanted and what came.
   */
  constructor(
    readonly code: string,
    message: string,
    options: AppErrorOptions = {},
  ) {
    super(
      message,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.remedy = options.remedy;
    this.exitCode = options.exitCode ?? EXIT.failure;
  }

  /** The parts that may cross a process boundary. */
  toJSON(): ErrorShape {
    return {
      code: this.code,
      message: this.message,
      ...(this.remedy && { remedy: this.remedy }),
    };
  }
}

/** An {@link AppError} as it travels between our own processes. */
export interface ErrorShape {
  code: string;
  message: string;
  remedy?: string;
}

/** Turns anything thrown into an {@link AppError}; one that already is one is returned as it is. */
export function toAppError(error: unknown, code = "internal_error"): AppError {
  if (error instanceof AppError) return error;
  return new AppError(code, errorText(error), { cause: error });
}

/** The message of anything thrown, never empty. */
export function errorText(error: unknown): string {
  if (error instanceof Error) return error.message || error.name;
  return String(error) || "Unknown error";
}
