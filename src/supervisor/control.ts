/**
 * The daemon's control socket: one JSON line in, one JSON line out. The first field of a request is
 * the secret of the owner-only file beside the socket.
 */
import * as z from "zod";
import {
  AppError,
  ensurePrivateDir,
  errorText,
  readTextIfExists,
  removeIfExists,
  sameSecret,
  toAppError,
} from "../platform/mod.ts";
import { dirname, join } from "../platform/std/path.ts";
import { newSecret, readLine, socketPath, writeAll } from "./sockets.ts";

const MAX_LINE = 1024 * 1024;

export const CONTROL_COMMANDS = [
  "status",
  "stop",
  "restart",
  /** Reads the configuration again; what runs goes on. */
  "reload",
  "selfcheck",
] as const;
export type ControlCommand = (typeof CONTROL_COMMANDS)[number];

const controlRequest = z.looseObject({
  secret: z.string(),
  cmd: z.enum(CONTROL_COMMANDS),
});

const controlReply = z.union([
  z.looseObject({ ok: z.literal(true), result: z.unknown().optional() }),
  z.looseObject({
    ok: z.literal(false),
    error: z.looseObject({
      code: z.string(),
      message: z.string(),
      remedy: z.string().optional(),
    }),
  }),
]);

/** Serves control requests until it is closed. */
export class ControlServer {
  #listener: Deno.UnixListener;
  readonly #secret = newSecret();

  private constructor(
    listener: Deno.UnixListener,
    private readonly files: { socket: string; secret: string },
    private readonly handle: (cmd: ControlCommand) => Promise<unknown>,
    private readonly onFault: (message: string) => void,
  ) {
    this.#listener = listener;
    Deno.writeTextFileSync(files.secret, this.#secret, { mode: 0o600 });
  }

  /** Opens the socket below `runDir`; the caller holds the daemon's lock, so an old one is stale. */
  static async open(
    runDir: string,
    handle: (cmd: ControlCommand) => Promise<unknown>,
    onFault: (message: string) => void,
  ): Promise<ControlServer> {
    ensurePrivateDir(runDir);
    const files = await controlFiles(runDir);
    ensurePrivateDir(dirname(files.socket));
    removeIfExists(files.socket);
    removeIfExists(files.secret);
    const listener = Deno.listen({ transport: "unix", path: files.socket });
    const server = new ControlServer(listener, files, handle, onFault);
    server.#accept();
    return server;
  }

  close(): void {
    try {
      this.#listener.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
    removeIfExists(this.files.socket);
    removeIfExists(this.files.secret);
    const dir = dirname(this.files.socket);
    if (dir !== dirname(this.files.secret)) removeIfExists(dir, { recursive: true });
  }

  async #accept(): Promise<void> {
    for await (const conn of this.#listener) {
      this.#serve(conn).catch((error) => this.onFault(errorText(error)));
    }
  }

  async #serve(conn: Deno.Conn): Promise<void> {
    try {
      const first = await readLine(conn, MAX_LINE, 5000);
      if (!first) return;
      const reply = await this.#answer(first.line);
      await writeAll(
        conn,
        new TextEncoder().encode(JSON.stringify(reply) + "\n"),
      );
    } finally {
      closeQuietly(conn);
    }
  }

  async #answer(line: string): Promise<z.infer<typeof controlReply>> {
    try {
      const request = controlRequest.parse(JSON.parse(line));
      if (!sameSecret(request.secret, this.#secret)) {
        throw new AppError("forbidden", "The control secret is wrong");
      }
      return { ok: true, result: await this.handle(request.cmd) };
    } catch (error) {
      return { ok: false, error: toAppError(error).toJSON() as AppErrorJson };
    }
  }
}

type AppErrorJson = { code: string; message: string; remedy?: string };

/**
 * Asks the daemon of this home.
 *
 * @throws {AppError} `not_running` when there is none, or the daemon's own error.
 */
export async function askDaemon(
  runDir: string,
  cmd: ControlCommand,
  ms = 15_000,
): Promise<unknown> {
  const files = await controlFiles(runDir);
  const secret = readTextIfExists(files.secret);
  if (secret === null) throw notRunning();
  let conn: Deno.UnixConn;
  try {
    conn = await Deno.connect({ transport: "unix", path: files.socket });
  } catch (error) {
    throw notRunning(error);
  }
  try {
    await writeAll(
      conn,
      new TextEncoder().encode(JSON.stringify({ secret, cmd }) + "\n"),
    );
    const answer = await readLine(conn, 16 * MAX_LINE, ms);
    if (!answer) {
      throw new AppError(
        "no_answer",
        "The daemon closed the connection without an answer",
      );
    }
    const reply = controlReply.parse(JSON.parse(answer.line));
    if (reply.ok) return reply.result;
    throw new AppError(reply.error.code, reply.error.message, {
      ...(reply.error.remedy && { remedy: reply.error.remedy }),
    });
  } finally {
    closeQuietly(conn);
  }
}

function notRunning(cause?: unknown): AppError {
  return new AppError("not_running", "No executor is running with this home", {
    remedy: "Start it with `wegent-executor`",
    ...(cause !== undefined && { cause }),
  });
}

async function controlFiles(
  runDir: string,
): Promise<{ socket: string; secret: string }> {
  return {
    socket: await socketPath(runDir, "control.sock"),
    secret: join(runDir, "control.secret"),
  };
}

function closeQuietly(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch (error) {
    // The peer or a time limit closed it first.
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
