/** Drives the real Claude Code CLI directly, to prove the loopback model against it. */
import { join } from "../../src/platform/std/path.ts";
import { claudeBinary } from "./claude_cli.ts";
import { Pulse } from "./waiting.ts";

/** One line of the CLI's output. */
export type CliEvent = Record<string, unknown> & { type?: string };

/** Options of {@link ClaudeProbe.start}. */
export interface ProbeOptions {
  /** Base URL of the model. */
  readonly baseUrl: string;
  /** Added to the environment. */
  readonly env?: Record<string, string>;
}

/** A live CLI process that allows every tool call. */
export class ClaudeProbe {
  readonly events: CliEvent[] = [];
  #pulse = new Pulse();
  #input: WritableStreamDefaultWriter<Uint8Array>;
  #readers: Promise<void>[];
  #ended = false;
  stderr = "";

  private constructor(
    readonly root: string,
    readonly cwd: string,
    readonly child: Deno.ChildProcess,
  ) {
    this.#input = child.stdin.getWriter();
    this.#readers = [
      this.#readLines().finally(() => {
        this.#ended = true;
        this.#pulse.beat();
      }),
      this.#readErrors(),
    ];
  }

  /** Starts a CLI in a fresh working directory with a home of its own. */
  static async start(options: ProbeOptions): Promise<ClaudeProbe> {
    const root = await Deno.makeTempDir({ prefix: "claude-probe-" });
    const [cwd, home] = [join(root, "work"), join(root, "home")];
    await Promise.all([cwd, home].map((dir) => Deno.mkdir(dir)));
    const child = new Deno.Command(await claudeBinary(), {
      args: [
        ..."-p --input-format stream-json --output-format stream-json".split(
          " ",
        ),
        ..."--verbose --include-partial-messages".split(" "),
        ..."--permission-prompt-tool stdio --permission-mode default".split(
          " ",
        ),
        ..."--model claude-opus-4-8 --strict-mcp-config".split(" "),
        ..."--setting-sources user".split(" "),
      ],
      cwd,
      clearEnv: true,
      env: { ...probeEnv(root, options.baseUrl), ...options.env },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    return new ClaudeProbe(root, cwd, child);
  }

  /** Sends a prompt. */
  send(text: string): Promise<void> {
    return this.#write({
      type: "user",
      message: { role: "user", content: text },
    });
  }

  /** Sends an interrupt. */
  interrupt(): Promise<void> {
    return this.#write({
      type: "control_request",
      request_id: crypto.randomUUID(),
      request: { subtype: "interrupt" },
    });
  }

  /** Waits for the n-th result, counted from 1. */
  result(n = 1, ms = 20_000): Promise<CliEvent> {
    return this.#pulse.until(
      () => this.#of("result")[n - 1] ?? this.#failIfEnded(),
      ms,
      () => `result ${n} of the CLI; it said ${this.#tail()}`,
    );
  }

  /** All visible text streamed so far. */
  get text(): string {
    return this.#deltas("text_delta", "text");
  }

  /** All reasoning streamed so far. */
  get thinking(): string {
    return this.#deltas("thinking_delta", "thinking");
  }

  /** Events of `system` with this subtype. */
  system(subtype: string): CliEvent[] {
    return this.#of("system").filter((event) => event["subtype"] === subtype);
  }

  /** Ends the CLI and removes its directories. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close().catch(() => {
      // The CLI may have closed its end already; it is ended below either way.
    });
    const killer = setTimeout(() => this.child.kill("SIGKILL"), 2000);
    await this.child.status;
    clearTimeout(killer);
    await Promise.all(this.#readers);
    await Deno.remove(this.root, { recursive: true });
  }

  async #write(line: unknown): Promise<void> {
    await this.#input.write(
      new TextEncoder().encode(`${JSON.stringify(line)}\n`),
    );
  }

  async #readLines(): Promise<void> {
    let rest = "";
    const decoded = this.child.stdout.pipeThrough(new TextDecoderStream());
    for await (const part of decoded) {
      const lines = (rest + part).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) await this.#take(JSON.parse(line));
      this.#pulse.beat();
    }
  }

  async #readErrors(): Promise<void> {
    const decoded = this.child.stderr.pipeThrough(new TextDecoderStream());
    for await (const part of decoded) {
      this.stderr = (this.stderr + part).slice(-4000);
    }
  }

  async #take(event: CliEvent): Promise<void> {
    this.events.push(event);
    const request = event["request"] as CliEvent | undefined;
    if (request?.["subtype"] !== "can_use_tool") return;
    await this.#write({
      type: "control_response",
      response: {
        subtype: "success",
        request_id: event["request_id"],
        response: { behavior: "allow", updatedInput: request["input"] },
      },
    });
  }

  #of(type: string): CliEvent[] {
    return this.events.filter((event) => event.type === type);
  }

  #deltas(type: string, field: string): string {
    return this.#of("stream_event").map((line) => {
      const { delta } = line["event"] as { delta?: Record<string, unknown> };
      return delta?.["type"] === type ? String(delta[field]) : "";
    }).join("");
  }

  #failIfEnded(): undefined {
    if (!this.#ended) return undefined;
    throw new Error(`The CLI ended: ${this.stderr || this.#tail()}`);
  }

  #tail(): string {
    return JSON.stringify(this.events.slice(-3)).slice(-2000);
  }
}

function probeEnv(root: string, baseUrl: string): Record<string, string> {
  return {
    PATH: Deno.env.get("PATH") ?? "",
    HOME: join(root, "home"),
    TMPDIR: root,
    ANTHROPIC_BASE_URL: baseUrl,
    ANTHROPIC_API_KEY: "test-key",
    CLAUDE_CONFIG_DIR: join(root, "claude"),
    CLAUDE_CODE_TMPDIR: root,
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    CLAUDE_CODE_MAX_RETRIES: "2",
    NO_PROXY: "127.0.0.1,localhost",
  };
}
