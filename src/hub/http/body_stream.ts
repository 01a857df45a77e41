/** The body of a node request as a web stream: at the reader's pace, and never waited for without end. */
import type { IncomingMessage } from "node:http";

/** Nothing has come for so long, in milliseconds: the sender is gone. */
const STALL_MS = 60_000;
/** Read ahead of the reader, in bytes. */
const AHEAD = 1024 * 1024;
/** So long, in milliseconds, and so much, in bytes, of a body nobody wants is still taken. */
const DISCARD_MS = 5000;
const DISCARD_BYTES = 128 * 1024 * 1024;

type Controller = ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;

/** See the module comment. */
export class RequestBody {
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;
  #state: "open" | "ended" | "broken" = "open";
  /** What is left is thrown away. */
  #discarded: number | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #over = Promise.withResolvers<void>();

  constructor(private readonly req: IncomingMessage) {
    this.stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start: (controller) => this.#listen(controller),
      pull: () => {
        if (this.#state === "open") this.#expect();
        req.resume();
      },
      cancel: () => {
        this.#discarded ??= 0;
        clearTimeout(this.#timer);
      },
    }, new ByteLengthQueuingStrategy({ highWaterMark: AHEAD }));
  }

  /**
   * Takes what is left and throws it away: a sender reads the answer only once it has sent everything.
   *
   * @returns False when that would take too long, or the sender is gone.
   */
  async discard(): Promise<boolean> {
    this.#discarded ??= 0;
    if (this.#state === "open") {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#end("broken"), DISCARD_MS);
      this.req.resume();
      await this.#over.promise;
    }
    return this.#state === "ended";
  }

  #listen(controller: Controller): void {
    const { req } = this;
    const gone = () => this.#fail(controller, "The sender is gone");
    req.on("data", (chunk: Uint8Array) => this.#take(controller, chunk));
    req.on("end", () => {
      if (this.#state !== "open") return;
      this.#end("ended");
      if (this.#discarded === null) controller.close();
    });
    req.on("error", gone);
    req.on("close", gone);
    this.#expect = () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(
        () => this.#fail(controller, "The sender is silent"),
        STALL_MS,
      );
    };
    this.#expect();
  }

  /** Something must come within a time from now. */
  #expect: () => void = () => {};

  #take(controller: Controller, chunk: Uint8Array): void {
    if (this.#state !== "open") return;
    if (this.#discarded !== null) {
      this.#discarded += chunk.length;
      if (this.#discarded > DISCARD_BYTES) this.#end("broken");
      return;
    }
    controller.enqueue(new Uint8Array(chunk));
    if ((controller.desiredSize ?? 0) > 0) return this.#expect();
    // Now the reader takes its time.
    clearTimeout(this.#timer);
    this.req.pause();
  }

  #fail(controller: Controller, reason: string): void {
    if (this.#state !== "open") return;
    this.#end("broken");
    if (this.#discarded === null) controller.error(new Error(reason));
  }

  #end(state: "ended" | "broken"): void {
    this.#state = state;
    clearTimeout(this.#timer);
    this.#over.resolve();
  }
}
