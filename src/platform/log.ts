/**
 * The program's log: one line an event, to a file that is rotated by size and, for a foreground
 * process, to standard error. Secrets registered with {@link Logger.mask} never appear in it.
 */
import { errorText } from "./errors.ts";
import { SecretMasker } from "./secret_mask.ts";
import { dirname } from "./std/path.ts";

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Longest line that is printed, and how much of a longer one is looked at, in UTF-16 units. */
const MAX_LINE = 8000;
const MAX_MASKED = 20_000;

/** Facts that go with a message; values are printed as JSON. */
export type LogFields = Readonly<Record<string, unknown>>;

export interface LoggerOptions {
  /** Path of the log file; none: no file. */
  file?: string;
  /** @default "info" */
  level?: LogLevel;
  /** Size at which the file is rotated, in bytes. @default 10 MiB */
  maxBytes?: number;
  /** Rotated files kept. @default 5 */
  backups?: number;
  /** Also write to standard error. @default false */
  stderr?: boolean;
}

/** Writes log lines; see the module comment. */
export class Logger {
  readonly #options: Required<Omit<LoggerOptions, "file">> & {
    file: string | undefined;
  };
  /** What is masked here, for others that are to mask the same. */
  readonly masker = new SecretMasker();
  #file: Deno.FsFile | null = null;
  #size = 0;
  #broken = false;

  constructor(options: LoggerOptions = {}) {
    this.#options = {
      file: options.file,
      level: options.level ?? "info",
      maxBytes: options.maxBytes ?? 10 * 1024 * 1024,
      backups: options.backups ?? 5,
      stderr: options.stderr ?? false,
    };
  }

  /** From now on `secret` is printed as `***` in all its forms; short ones would hide ordinary words. */
  mask(secret: string | null | undefined): void {
    if (secret) this.masker.add([secret]);
  }

  debug(message: string, fields?: LogFields): void {
    this.write("debug", message, fields);
  }
  info(message: string, fields?: LogFields): void {
    this.write("info", message, fields);
  }
  warn(message: string, fields?: LogFields): void {
    this.write("warn", message, fields);
  }
  error(message: string, fields?: LogFields): void {
    this.write("error", message, fields);
  }

  write(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(this.#options.level)) {
      return;
    }
    const facts = Object.entries(fields).map(([k, v]) =>
      ` ${k}=${v instanceof Error ? JSON.stringify(errorText(v)) : JSON.stringify(v) ?? "-"}`
    ).join("");
    const text = `${new Date().toISOString()} ${level.toUpperCase().padEnd(5)} ${message}${facts}`;
    // Masked before it is cut and joined, so that no secret is only partly there.
    const line = this.masker.mask(text.slice(0, MAX_MASKED)).replaceAll(/[\r\n]+/g, "⏎")
      .slice(0, MAX_LINE);
    const bytes = new TextEncoder().encode(line + "\n");
    if (this.#options.stderr) Deno.stderr.writeSync(bytes);
    this.#toFile(bytes);
  }

  close(): void {
    this.#file?.close();
    this.#file = null;
  }

  #toFile(bytes: Uint8Array): void {
    const path = this.#options.file;
    if (!path || this.#broken) return;
    try {
      if (this.#size + bytes.length > this.#options.maxBytes) {
        this.#rotate(path);
      }
      if (!this.#file) {
        Deno.mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
        this.#file = Deno.openSync(path, {
          append: true,
          create: true,
          mode: 0o600,
        });
        this.#size = this.#file.statSync().size;
      }
      this.#size += this.#file.writeSync(bytes);
    } catch (error) {
      // A full disk must not stop the work; say so once where a person may see it.
      this.#broken = true;
      const text = `log file ${path} cannot be written: ${errorText(error)}\n`;
      Deno.stderr.writeSync(new TextEncoder().encode(text));
    }
  }

  #rotate(path: string): void {
    this.close();
    for (let i = this.#options.backups; i >= 1; i--) {
      const from = i === 1 ? path : `${path}.${i - 1}`;
      try {
        Deno.renameSync(from, `${path}.${i}`);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
    this.#size = 0;
  }
}
