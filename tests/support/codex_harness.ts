/** Runs the real Codex CLI through its runtime, without a host: a directory, a plan, processes, turns. */
import { join } from "../../src/platform/std/path.ts";
import {
  executeRequest,
  newResponseId,
  ResponseBuilder,
  type ResponseEvent,
} from "../../src/protocol/mod.ts";
import { codex } from "../../src/runtimes/codex/mod.ts";
import type {
  AgentPlan,
  AgentProcess,
  AgentTurn,
  SessionFacts,
  SessionStart,
  TurnOutcome,
  TurnRequest,
} from "../../src/runtimes/runtime.ts";
import { signalProcess } from "../../src/platform/mod.ts";
import { codexBinary } from "./codex_cli.ts";
import { alive, allProcesses, environmentOf } from "./processes.ts";
import { poll, Pulse } from "./waiting.ts";

/** The key every request of the harness brings. */
export const KEY = "sk-test-0123456789abcdef";

/** What a test may choose. */
export interface HarnessOptions {
  readonly modelUrl: string;
  /** Merged into the model's configuration. */
  readonly model?: Record<string, unknown>;
  /** Merged into every request. */
  readonly request?: Record<string, unknown>;
  /** Merged into the facts of the session. */
  readonly facts?: Partial<SessionFacts>;
  /** Merged into the executor's environment. */
  readonly env?: Record<string, string>;
  /** Changes the plan before it is used. */
  readonly change?: (plan: AgentPlan) => AgentPlan;
}

/** A turn that runs, and what has come of it so far. */
export class RunningTurn {
  readonly events: ResponseEvent[] = [];
  readonly sessions: string[] = [];
  stalled = false;
  readonly #pulse = new Pulse();
  readonly turn: AgentTurn;

  constructor(process: AgentProcess, request: TurnRequest["request"], more: Partial<TurnRequest>) {
    this.turn = process.turn({
      request,
      workdir: "",
      builder: new ResponseBuilder({
        task_id: 7,
        subtask_id: 70012,
        response_id: newResponseId(),
        created_at: 1_767_600_000,
      }),
      stallMs: 60_000,
      append: (events) => {
        this.events.push(...events);
        this.#pulse.beat();
      },
      onSession: (id) => this.sessions.push(id),
      onStall: () => this.stalled = true,
      ...more,
    });
  }

  /** Waits for an event for which `wanted` holds. */
  until(wanted: (event: ResponseEvent) => boolean, ms = 20_000): Promise<ResponseEvent> {
    const words = () => `an event; got ${JSON.stringify(this.events)}`;
    return this.#pulse.until(() => this.events.find(wanted), ms, words);
  }

  /** Waits for the end. */
  async outcome(ms = 30_000): Promise<TurnOutcome> {
    let found: TurnOutcome | null = null;
    this.turn.finish.then((outcome) => found = outcome);
    const words = () => `the end of a turn; got ${JSON.stringify(this.events).slice(-3000)}`;
    try {
      return await poll(() => found, ms, words);
    } finally {
      this.turn.close();
    }
  }
}

/** See the module comment. */
export class CodexHarness {
  readonly mark = `test-${crypto.randomUUID()}`;
  #process: AgentProcess | null = null;

  private constructor(readonly root: string, private readonly options: HarnessOptions) {}

  static async create(options: HarnessOptions): Promise<CodexHarness> {
    const root = await Deno.realPath(await Deno.makeTempDir({ prefix: "wegent-codex-" }));
    for (const name of ["home", "work", "codex", "tmp", "state"]) {
      await Deno.mkdir(join(root, name), { mode: 0o700 });
    }
    return new CodexHarness(root, options);
  }

  get workdir(): string {
    return join(this.root, "work");
  }
  get process(): AgentProcess {
    if (!this.#process) throw new Error("Nothing is started");
    return this.#process;
  }

  request(prompt: unknown, more: Record<string, unknown> = {}): TurnRequest["request"] {
    return executeRequest.parse({
      task_id: 7,
      subtask_id: 70012,
      prompt,
      model_config: {
        model: "openai",
        api_format: "responses",
        model_id: "gpt-test",
        base_url: this.options.modelUrl,
        api_key: KEY,
        ...this.options.model,
      },
      ...this.options.request,
      ...more,
    });
  }

  get facts(): SessionFacts {
    return {
      workdir: this.workdir,
      configDir: join(this.root, "codex"),
      tempDir: join(this.root, "tmp"),
      stateDir: join(this.root, "state"),
      mark: this.mark,
      variables: {},
      ...this.options.facts,
    };
  }

  get inherited(): Record<string, string> {
    return {
      PATH: Deno.env.get("PATH") ?? "",
      HOME: join(this.root, "home"),
      LANG: "C.UTF-8",
      ...this.options.env,
    };
  }

  async plan(more: Record<string, unknown> = {}): Promise<AgentPlan> {
    const plan = await codex.plan(this.request("", more), this.facts, this.inherited);
    return this.options.change?.(plan) ?? plan;
  }

  /** Starts a process; one from before is ended. */
  async start(
    session: SessionStart = { kind: "fresh", id: crypto.randomUUID() },
    launch: readonly string[] = [],
    env: Record<string, string> = {},
  ): Promise<AgentProcess> {
    await this.#process?.stop();
    const plan = await this.plan();
    for (const { path, text } of plan.files) await Deno.writeTextFile(path, text, { mode: 0o600 });
    return this.#process = codex.start(plan, {
      launch,
      binary: await codexBinary(),
      cwd: this.workdir,
      env,
      session,
    });
  }

  /** Begins a turn in the running process. */
  turn(
    prompt: unknown,
    more: Partial<TurnRequest> = {},
    request: Record<string, unknown> = {},
  ): RunningTurn {
    return new RunningTurn(this.process, this.request(prompt, request), {
      workdir: this.workdir,
      ...more,
    });
  }

  /** Living processes that carry this harness' mark. */
  marked(): number[] {
    return allProcesses().map(({ pid }) => pid)
      .filter((pid) => environmentOf(pid).get("WEGENT_AGENT_MARK") === this.mark && alive(pid));
  }

  /** Files in the private temporary directory. */
  temporary(): string[] {
    return [...Deno.readDirSync(join(this.root, "tmp"))].map(({ name }) => name)
      .filter((name) => name.startsWith("prompt-"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process?.stop();
    for (const pid of this.marked()) signalProcess(pid, "SIGKILL");
    await poll(() => this.marked().length === 0, 5000, "the end of what the agent left");
    await Deno.remove(this.root, { recursive: true });
  }
}

/**
 * Events in a form to compare: pieces of text that follow each other are joined, what differs from run to
 * run is left out.
 */
export function golden(events: readonly ResponseEvent[]): unknown[][] {
  const rows: unknown[][] = [];
  for (const { event, data } of events) {
    const name = event.replace(/^response\./, "");
    const last = rows.at(-1);
    if (/(?:output_text|summary_text)\.delta$/.test(event)) {
      if (last?.[0] === name) last[1] = `${last[1]}${data["delta"]}`;
      else rows.push([name, data["delta"]]);
    } else rows.push([name, ...detail(event, data)]);
  }
  return rows;
}

function detail(event: string, data: Readonly<Record<string, unknown>>): unknown[] {
  const item = data["item"] as Record<string, unknown> | undefined;
  switch (event) {
    case "response.output_item.added":
      return [item?.["id"], item?.["name"], data["display_name"] ?? null];
    case "response.function_call_arguments.delta":
    case "response.function_call_arguments.done":
      return [data["item_id"]];
    case "response.output_item.done":
      return [item?.["id"], item?.["status"], item?.["output"]];
    case "response.block.created":
      return [(data["block"] as Record<string, unknown>)["status"]];
    case "response.block.updated": {
      const { content, status } = data["updates"] as Record<string, unknown>;
      return [content, status];
    }
    default:
      return [data];
  }
}
