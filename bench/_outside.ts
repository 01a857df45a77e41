/**
 * The world outside the device: the stub backend in a process of its own, with a fine clock. This is
 * the side that drives it; the process is `_outside_main.ts`.
 */
import { join } from "../src/platform/std/path.ts";
import type { ExecutionRequest } from "../tests/support/execution_request.ts";
import { PROJECT, sourceFlags } from "../tests/support/world.ts";
import type { Order, TurnTimes } from "./_outside_main.ts";

export type { TurnTimes };

/** A longer answer than that is a failure. */
const ANSWER_MS = 180_000;

/** See the module comment. */
export class Outside implements AsyncDisposable {
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  #rest = "";
  url = "";

  private constructor(private readonly child: Deno.ChildProcess) {
    this.#lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.#input = child.stdin.getWriter();
  }

  /** @param seq Whether the backend numbers events, as our hub does. */
  static async start(seq = false): Promise<Outside> {
    const child = new Deno.Command(Deno.execPath(), {
      args: [...sourceFlags(), join(PROJECT, "bench/_outside_main.ts"), ...(seq ? ["--seq"] : [])],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const outside = new Outside(child);
    const { url } = JSON.parse(await outside.#line()) as { url: string };
    outside.url = url;
    return outside;
  }

  /** Waits for registration `count`. @returns When it came, by `now()`. */
  async registration(count = 1): Promise<number> {
    return await this.#ask({ cmd: "registration", count }) as number;
  }

  /** Sends `task:execute`. */
  async execute(request: ExecutionRequest): Promise<void> {
    await this.#ask({ cmd: "execute", request });
  }

  /** Waits for the first text of a turn. */
  async text(subtaskId: number): Promise<void> {
    await this.#ask({ cmd: "text", subtask_id: subtaskId });
  }

  /** Waits for a turn's end. @throws {Error} When it ends otherwise than completed. */
  async end(subtaskId: number): Promise<TurnTimes> {
    return await this.#ask({ cmd: "end", subtask_id: subtaskId }) as TurnTimes;
  }

  /** A whole turn. */
  async turn(request: ExecutionRequest): Promise<TurnTimes> {
    await this.execute(request);
    return await this.end(request.subtask_id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close();
    const killer = setTimeout(() => this.child.kill("SIGKILL"), 5000);
    await this.child.status;
    clearTimeout(killer);
    await this.#lines.cancel();
  }

  async #ask(order: Order): Promise<unknown> {
    await this.#input.write(new TextEncoder().encode(JSON.stringify(order) + "\n"));
    const answer = JSON.parse(await this.#line()) as { error?: string; value?: unknown };
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer.value;
  }

  async #line(): Promise<string> {
    const limit = setTimeout(() => this.child.kill("SIGKILL"), ANSWER_MS);
    try {
      for (;;) {
        const end = this.#rest.indexOf("\n");
        if (end >= 0) {
          const line = this.#rest.slice(0, end);
          this.#rest = this.#rest.slice(end + 1);
          return line;
        }
        const { value, done } = await this.#lines.read();
        if (done) throw new Error("The stub backend's process ended");
        this.#rest += value;
      }
    } finally {
      clearTimeout(limit);
    }
  }
}
