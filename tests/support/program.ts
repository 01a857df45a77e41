/** One run of our program in a world: its output line by line, its end, signals. */
import { sendSignal } from "./processes.ts";
import { Pulse } from "./waiting.ts";

/** Lines kept of each program; older ones are forgotten. */
const MAX_LINES = 5000;
const MAX_LINE_UNITS = 10_000;

/** A line of output. */
export interface OutputLine {
  readonly stream: "stdout" | "stderr";
  readonly text: string;
  /** Milliseconds since the program's start. */
  readonly at: number;
}

/** A started program. */
export class Program {
  /** The last lines of both streams, in the order in which they came. */
  readonly lines: OutputLine[] = [];
  readonly pid: number;
  readonly startedAt = performance.now();
  /** Exit status once the program has ended. */
  status: Deno.CommandStatus | undefined;
  /** Milliseconds from start to end, once it has ended. */
  endedAfter: number | undefined;
  #pulse = new Pulse();
  #readers: ReadableStreamDefaultReader<Uint8Array>[] = [];
  #reading: Promise<void>[];
  #waiting: Promise<void>;

  constructor(readonly child: Deno.ChildProcess, readonly argv: readonly string[]) {
    this.pid = child.pid;
    this.#reading = [
      this.#read("stdout", child.stdout),
      this.#read("stderr", child.stderr),
    ];
    this.#waiting = child.status.then((status) => {
      this.status = status;
      this.endedAfter = performance.now() - this.startedAt;
      this.#pulse.beat();
    });
  }

  /** Text of one stream so far. */
  output(stream: "stdout" | "stderr"): string {
    return this.lines.filter((line) => line.stream === stream)
      .map(({ text }) => `${text}\n`).join("");
  }

  /**
   * Waits for a line that contains a string or matches an expression, also among the lines that are
   * there already.
   *
   * @throws {Error} When time is up or the program ends without it; the error shows the output.
   */
  waitForLine(wanted: string | RegExp, ms: number): Promise<OutputLine> {
    const fits = ({ text }: OutputLine) =>
      typeof wanted === "string" ? text.includes(wanted) : wanted.test(text);
    return this.#pulse.until(
      () => {
        const line = this.lines.find(fits);
        if (line === undefined && this.status !== undefined && this.#drained) {
          throw new Error(`The program ended without a line ${wanted}: ${this.#tail()}`);
        }
        return line;
      },
      ms,
      () => `a line ${wanted}; the program said: ${this.#tail()}`,
    );
  }

  /**
   * Waits for the program's end.
   *
   * @throws {Error} When it does not end in time; the error shows the output.
   */
  async exited(ms: number): Promise<Deno.CommandStatus> {
    const status = await this.#pulse.until(
      () => this.status,
      ms,
      () => `the end of ${this.argv.join(" ")}; it said: ${this.#tail()}`,
    );
    // Hosts that live on may hold the pipes, so the rest of the output gets a moment only.
    await this.#pulse.until(() => this.#drained, 300, "").catch(() => {});
    return status;
  }

  /** Sends a signal. @returns False when the program is gone already. */
  signal(name: Deno.Signal): boolean {
    return this.status === undefined && sendSignal(this.pid, name);
  }

  /** Stops reading and waits for the end of a program that has been ended. */
  async release(): Promise<void> {
    for (const reader of this.#readers) {
      await reader.cancel().catch(() => {}); // It has failed already, and nobody reads any more.
    }
    await Promise.all([...this.#reading, this.#waiting]);
  }

  #drainedStreams = 0;
  get #drained(): boolean {
    return this.#drainedStreams === 2;
  }

  async #read(stream: "stdout" | "stderr", source: ReadableStream<Uint8Array>): Promise<void> {
    const reader = source.getReader();
    this.#readers.push(reader);
    const decoder = new TextDecoder();
    let rest = "";
    try {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
        rest = (lines.pop() ?? "").slice(0, MAX_LINE_UNITS);
        for (const text of lines) this.#keep(stream, text);
      }
    } finally {
      if (rest !== "") this.#keep(stream, rest);
      this.#drainedStreams++;
      this.#pulse.beat();
    }
  }

  #keep(stream: "stdout" | "stderr", text: string): void {
    const at = performance.now() - this.startedAt;
    this.lines.push({ stream, text: text.slice(0, MAX_LINE_UNITS), at });
    if (this.lines.length > MAX_LINES) this.lines.shift();
    this.#pulse.beat();
  }

  #tail(): string {
    const last = this.lines.slice(-40).map(({ stream, text }) => `[${stream}] ${text}`);
    return last.length === 0 ? "(nothing)" : `\n${last.join("\n")}\n`;
  }
}
