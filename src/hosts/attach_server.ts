/** The host's end of the attach protocol: one daemon at a time, a new one displaces the old. */
import { errorText, type Logger, parseJson, sameSecret } from "../platform/mod.ts";
import {
  ATTACH_MAX_LINE,
  ATTACH_PROTOCOL,
  ATTACH_VERSION,
  attachHello,
  type HostCommand,
  hostCommand,
  type HostHello,
  type HostNotice,
} from "./attach_protocol.ts";
import { LineSplitter } from "../runtimes/shared/mod.ts";

/** A caller that has not proved itself by then is sent away. */
const HELLO_MS = 5000;
const HELLO_MAX_LINE = 1024 * 1024;

/** Who answers. */
export interface AttachEvents {
  /** Facts for the first line. */
  facts(): Pick<HostHello, "host" | "pid" | "agent_pid" | "runs">;
  onCommand(command: HostCommand): void;
  /** A `turn` that cannot be read; its run is to be refused. */
  onBadTurn(run: string, message: string): void;
}

/** See the module comment. */
export class AttachServer {
  #listener: Deno.UnixListener | null = null;
  #attached: Attachment | null = null;

  constructor(
    private readonly path: string,
    private readonly secret: string,
    private readonly events: AttachEvents,
    private readonly log: Logger,
  ) {}

  /** Binds the socket; connections are accepted from now on. */
  listen(): void {
    this.#listener = Deno.listen({ transport: "unix", path: this.path });
    if (Deno.build.os !== "windows") Deno.chmodSync(this.path, 0o600);
    this.#accept(this.#listener);
  }

  /** Tells the attached daemon, if there is one. */
  send(notice: HostNotice): void {
    this.#attached?.send(notice);
  }

  /** Waits until everything sent has left this process, at most `ms` milliseconds. */
  async flush(ms: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const limit = new Promise<void>((resolve) => timer = setTimeout(resolve, ms));
    await Promise.race([this.#attached?.flushed(), limit]);
    clearTimeout(timer);
  }

  close(): void {
    this.#listener?.close();
    this.#listener = null;
    this.#attached?.close();
    this.#attached = null;
  }

  async #accept(listener: Deno.UnixListener): Promise<void> {
    for (;;) {
      let conn: Deno.UnixConn;
      try {
        conn = await listener.accept();
      } catch (error) {
        if (this.#listener !== listener) return;
        // Out of descriptors, perhaps; the socket stays usable.
        this.log.warn("Cannot accept a connection", { error });
        await new Promise((resolve) => setTimeout(resolve, 100));
        continue;
      }
      this.#serve(conn).catch((error) => {
        this.log.debug("A daemon's connection broke", { error: errorText(error) });
      });
    }
  }

  async #serve(conn: Deno.UnixConn): Promise<void> {
    const timer = setTimeout(() => closeQuietly(conn), HELLO_MS);
    let mine: Attachment | null = null;
    const lines = new LineSplitter(HELLO_MAX_LINE);
    try {
      const buffer = new Uint8Array(64 * 1024);
      for (let n = await conn.read(buffer); n !== null; n = await conn.read(buffer)) {
        for (const line of lines.push(buffer.subarray(0, n))) {
          if (mine) this.#command(line);
          else {
            mine = this.#attach(conn, line);
            if (!mine) return;
            clearTimeout(timer);
            lines.limit(ATTACH_MAX_LINE);
          }
        }
      }
    } finally {
      clearTimeout(timer);
      if (this.#attached === mine) this.#attached = null;
      closeQuietly(conn);
    }
  }

  #attach(conn: Deno.UnixConn, line: string): Attachment | null {
    const hello = attachHello.safeParse(parseJson(line));
    if (!hello.success || !sameSecret(hello.data.secret, this.secret)) {
      this.log.warn("Refused a connection without the right first line");
      return null;
    }
    this.#attached?.close();
    const attachment = new Attachment(conn, this.log);
    this.#attached = attachment;
    const facts = this.events.facts();
    attachment.sendLine({ protocol: ATTACH_PROTOCOL, version: ATTACH_VERSION, ...facts });
    for (const { id, seq, bytes, ended } of facts.runs) {
      if (seq > (hello.data.last_seq[id] ?? 0)) {
        attachment.send({ notice: "tail", run: id, seq, bytes, ended });
      }
    }
    return attachment;
  }

  #command(line: string): void {
    const value = parseJson(line);
    const parsed = hostCommand.safeParse(value);
    if (parsed.success) return this.events.onCommand(parsed.data);
    const { cmd, run } = (value ?? {}) as { cmd?: unknown; run?: { id?: unknown } };
    const id = run?.id;
    this.log.warn("Skipped a command this version does not know", { cmd });
    if (cmd === "turn" && typeof id === "string") {
      const issue = parsed.error.issues[0];
      this.events.onBadTurn(
        id,
        `Invalid turn at "${issue?.path.join(".").slice(0, 80)}": ${issue?.message.slice(0, 200)}`,
      );
    }
  }
}

/** The connection of the attached daemon; what it does not read in time is kept short. */
class Attachment {
  readonly #encoder = new TextEncoder();
  readonly #lines: string[] = [];
  /** Only the newest tail of a run matters. */
  readonly #tails = new Map<string, HostNotice>();
  #pump: Promise<void> | null = null;
  #closed = false;

  constructor(private readonly conn: Deno.UnixConn, private readonly log: Logger) {}

  send(notice: HostNotice): void {
    if (notice.notice !== "tail") return this.sendLine(notice);
    this.#tails.set(notice.run, notice);
    this.#start();
  }

  sendLine(value: unknown): void {
    this.#lines.push(JSON.stringify(value) + "\n");
    this.#start();
  }

  async flushed(): Promise<void> {
    while (this.#pump) await this.#pump;
  }

  close(): void {
    this.#closed = true;
    closeQuietly(this.conn);
  }

  #start(): void {
    if (this.#closed) return;
    this.#pump ??= this.#run().catch((error) => {
      // The daemon is gone; the journal has everything, and the reading side ends the connection.
      this.#closed = true;
      this.log.debug("Cannot write to the daemon", { error: errorText(error) });
    }).finally(() => this.#pump = null);
  }

  async #run(): Promise<void> {
    while (this.#lines.length > 0 || this.#tails.size > 0) {
      const tails = [...this.#tails.values()].map((t) => JSON.stringify(t) + "\n");
      const text = this.#lines.join("") + tails.join("");
      this.#lines.length = 0;
      this.#tails.clear();
      const bytes = this.#encoder.encode(text);
      for (let n = 0; n < bytes.length;) n += await this.conn.write(bytes.subarray(n));
    }
  }
}

function closeQuietly(conn: Deno.UnixConn): void {
  try {
    conn.close();
  } catch (error) {
    // Closed by the other side of this module already.
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
