/**
 * A program that speaks the app-server's protocol and misbehaves as the text of a turn tells it: a JSON
 * list of {@link FakeAction}. Run by itself; imports nothing.
 */

/** What the fake does, one after the other, once it has answered `turn/start`. */
export type FakeAction =
  /** Sends a message; `pad` adds a member with so many letters. */
  | { readonly send: Record<string, unknown>; readonly pad?: number }
  /** Prints a line as it is. */
  | { readonly print: string }
  | { readonly stderr: string }
  | { readonly waitMs: number }
  /** Waits for an answer to a request of its own, and tells it as text of the agent. */
  | { readonly tellAnswer: number }
  /** The next `turn/steer` is refused after the turn has ended. */
  | { readonly refuseSteer: true }
  | { readonly exit: number }
  /** Hears neither the end of its input nor SIGTERM. */
  | { readonly deaf: true };

/** Program and arguments of the fake. */
export function fakeAppServer(): string[] {
  const path = new URL(import.meta.url).pathname;
  return [Deno.execPath(), "run", "--no-config", "--no-lock", "--quiet", path];
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly input?: { readonly text?: string }[] };
  readonly result?: unknown;
  readonly error?: unknown;
}

class Fake {
  readonly #encoder = new TextEncoder();
  readonly #answers = new Map<number, (message: Message) => void>();
  #writing: Promise<unknown> = Promise.resolve();
  #turns = 0;
  #refuseSteer = false;

  async run(): Promise<void> {
    let rest = "";
    for await (const part of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + part).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines.filter(Boolean)) this.#take(JSON.parse(line) as Message);
    }
    await this.#writing;
  }

  #take(message: Message): void {
    const { id = 0, method, params } = message;
    switch (method) {
      case undefined:
        return this.#answers.get(id)?.(message);
      case "initialized":
        return;
      case "thread/start":
        return this.#send({ id, result: { thread: { id: "t1" }, model: "m" } });
      case "turn/start": {
        const turn = { id: `u${++this.#turns}` };
        this.#send({ id, result: { turn } });
        void this.#act(params?.input?.[0]?.text ?? "[]");
        return;
      }
      case "turn/steer":
        if (!this.#refuseSteer) return this.#send({ id, result: {} });
        this.#refuseSteer = false;
        this.#end();
        return this.#send({ id, error: { code: -32600, message: "no active turn" } });
      default:
        return this.#send({ id, result: {} });
    }
  }

  async #act(text: string): Promise<void> {
    if (!text.startsWith("[")) {
      this.#say(text);
      return this.#end();
    }
    for (const action of JSON.parse(text) as FakeAction[]) {
      if ("send" in action) {
        const { params, ...rest } = action.send;
        const pad = action.pad ? { pad: "x".repeat(action.pad) } : {};
        this.#send({
          ...rest,
          params: { threadId: "t1", turnId: this.#turn, ...pad, ...params as object },
        });
      } else if ("print" in action) this.#print(action.print);
      else if ("stderr" in action) await Deno.stderr.write(this.#encoder.encode(action.stderr));
      else if ("waitMs" in action) await new Promise((go) => setTimeout(go, action.waitMs));
      else if ("refuseSteer" in action) return void (this.#refuseSteer = true);
      else if ("tellAnswer" in action) {
        const { result, error } = await new Promise<Message>((resolve) =>
          this.#answers.set(action.tellAnswer, resolve)
        );
        this.#say(JSON.stringify(result ?? error));
      } else if ("deaf" in action) {
        Deno.addSignalListener("SIGTERM", () => {});
        setInterval(() => {}, 1000);
      } else {
        await this.#writing;
        Deno.exit(action.exit);
      }
    }
    this.#end();
  }

  get #turn(): string {
    return `u${this.#turns}`;
  }

  #say(delta: string): void {
    const place = { threadId: "t1", turnId: this.#turn };
    this.#send({
      method: "item/agentMessage/delta",
      params: { ...place, itemId: this.#turn, delta },
    });
  }

  #end(): void {
    const turn = { id: this.#turn, status: "completed", error: null };
    this.#send({ method: "turn/completed", params: { threadId: "t1", turn } });
  }

  #send(message: unknown): void {
    this.#print(JSON.stringify(message));
  }

  #print(line: string): void {
    const bytes = this.#encoder.encode(line + "\n");
    this.#writing = this.#writing.then(async () => {
      for (let at = 0; at < bytes.length;) at += await Deno.stdout.write(bytes.subarray(at));
    });
  }
}

if (import.meta.main) await new Fake().run();
