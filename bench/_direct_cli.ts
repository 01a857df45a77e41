/** The agent's CLI without us: the same command line and environment, spoken to over its pipes. */
import { executeRequest } from "../src/protocol/mod.ts";
import { buildPlan, planArguments } from "../src/runtimes/claude/mod.ts";
import { claudeBinary } from "../tests/support/claude_cli.ts";
import { createWorld, type World } from "../tests/support/world.ts";
import { requestTo } from "./_device.ts";

const WAIT_MS = 60_000;

/** When text and end of an answer came, in milliseconds after the prompt (or the start). */
export interface AnswerTimes {
  firstText: number;
  lastText: number;
}

/** See the module comment. */
export class DirectCli implements AsyncDisposable {
  readonly #reader: ReadableStreamDefaultReader<string>;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  #rest = "";

  private constructor(
    private readonly world: World,
    private readonly child: Deno.ChildProcess,
    private readonly startedAt: number,
  ) {
    this.#reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.#input = child.stdin.getWriter();
  }

  /** Starts a CLI that asks the model at `modelUrl`. */
  static async start(modelUrl: string): Promise<DirectCli> {
    const world = await createWorld();
    const facts = {
      configDir: `${world.home}/.claude`,
      tempDir: world.tmp,
      workdir: world.home,
      stateDir: world.tmp,
      variables: {},
      mark: world.id,
    };
    const request = executeRequest.parse(requestTo(modelUrl, "x"));
    const plan = await buildPlan(request, facts, world.env());
    const binary = await claudeBinary();
    const startedAt = performance.now();
    const child = new Deno.Command(binary, {
      args: planArguments(plan, { kind: "fresh", id: crypto.randomUUID() }),
      cwd: world.home,
      clearEnv: true,
      env: { ...plan.env },
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    return new DirectCli(world, child, startedAt);
  }

  /** One turn, timed from its prompt, or from the process's start for the first one. */
  async turn(prompt: string, fromStart: boolean): Promise<AnswerTimes> {
    const startedAt = fromStart ? this.startedAt : performance.now();
    const message = { type: "user", message: { role: "user", content: prompt } };
    await this.#input.write(new TextEncoder().encode(JSON.stringify(message) + "\n"));
    const times = { firstText: 0, lastText: 0 };
    const limit = setTimeout(() => this.child.kill("SIGKILL"), WAIT_MS);
    try {
      for (;;) {
        const { value, done } = await this.#reader.read();
        if (done) throw new Error("The CLI ended");
        const at = performance.now() - startedAt;
        const text = this.#rest + value;
        const end = text.lastIndexOf("\n") + 1;
        this.#rest = text.slice(end);
        const whole = text.slice(0, end);
        if (whole.includes('"text_delta"')) {
          times.firstText ||= at;
          times.lastText = at;
        }
        if (/^\{"type":"result"/m.test(whole)) return times;
      }
    } finally {
      clearTimeout(limit);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close();
    const killer = setTimeout(() => this.child.kill("SIGKILL"), 3000);
    await this.child.status;
    clearTimeout(killer);
    await this.#reader.cancel();
    await this.world.dispose();
  }
}
