/**
 * Plays scenarios on a real device and compares what its backend received with golden files. The tests of
 * one file share a device: each turn is a task of its own, with its own directory and agent.
 */
import * as z from "zod";
import { codexBinary } from "../support/codex_cli.ts";
import { type ExecutionRequest, executionRequest, freshId } from "../support/execution_request.ts";
import { FormServer } from "../support/form_server.ts";
import { HttpMcpServer } from "../support/mcp_server.ts";
import { allProcesses, directoryOf, type ProcessInfo } from "../support/processes.ts";
import { ResponsesModel } from "../support/responses_model.ts";
import type { RecordedEvent } from "../support/stub_types.ts";
import { assertEquals } from "../support/assert.ts";
import { poll } from "../support/waiting.ts";
import {
  type DeviceFixture,
  type FixtureOptions,
  LONG,
  startDevice,
  withLog,
  workdirOf,
} from "../e2e/fixture.ts";
import { compare } from "./compare.ts";
import { parseGolden } from "./golden_file.ts";

export type Agent = "claude" | "codex";
type Fields = Readonly<Record<string, unknown>>;

/** The key every request brings for Codex. */
const CODEX_KEY = "sk-codex-0123456789abcdef";

/** A device, and the models of both agents. */
export interface Cast extends DeviceFixture {
  readonly responses: ResponsesModel;
  /** An MCP server over HTTP. */
  readonly mcp: HttpMcpServer;
  /** An MCP server of a Wegent server's forms. */
  readonly forms: FormServer;
}

/** A turn that was started. */
export interface LiveTurn {
  readonly cast: Cast;
  readonly agent: Agent;
  readonly request: ExecutionRequest;
  readonly workdir: string;
  /** What the backend has received of it. */
  readonly events: () => readonly RecordedEvent[];
}

/** What is done when an event has come. */
export interface Cue {
  readonly event: string;
  /** Which of the events of that name, from 0. @default 0 */
  readonly nth?: number;
  readonly then: (turn: LiveTurn, event: RecordedEvent) => void | Promise<void>;
}

/** A turn as data. */
export interface Turn {
  /** Its golden file, which begins with the agent: `claude/text`. */
  readonly golden: string;
  /** What the person says, with the model's script. */
  readonly prompt: string | readonly Fields[];
  /** Members of the request that differ from an ordinary one. */
  readonly fields?: Fields | ((cast: Cast) => Fields);
  /** Members of the request's bot. */
  readonly bot?: Fields | ((cast: Cast) => Fields);
  /** Members of the environment the request gives Claude. */
  readonly env?: Readonly<Record<string, string>>;
  /** Members of the model's configuration of Codex. */
  readonly model?: Fields;
  /** The agent of the turn before is gone, and the conversation is resumed by another process. */
  readonly resumed?: boolean;
  readonly cues?: readonly Cue[];
  /** What must be true beside the events. */
  readonly check?: (turn: LiveTurn) => void | Promise<void>;
}

/** The tests of one file; see the module comment. */
export class Stage {
  readonly #stack = new AsyncDisposableStack();
  #cast: Promise<Cast> | null = null;
  /** Turns that have ended, by the number of their events. */
  readonly #ended = new Map<number, number>();

  constructor(private readonly options: FixtureOptions = {}) {
    Deno.test.afterAll(() => this.#stack.disposeAsync());
  }

  /** Registers a test: turns of one task, in order. */
  test(does: string, ...turns: readonly [Turn, ...Turn[]]): void {
    const files = [...new Set(turns.map(({ golden }) => golden))].join(", ");
    this.#register(`golden ${files}: ${does}`, async (cast) => {
      const taskId = freshId();
      try {
        for (const turn of turns) await this.#play(cast, turn, taskId);
      } finally {
        cast.backend.closeSession(taskId);
      }
    });
  }

  /** Registers the last test of the file: the device stops, and no turn has got an event after its end. */
  close(): void {
    this.#register(
      "golden: nothing follows the end of a turn, also when the device stops",
      async (cast) => {
        await cast.world.run(["stop"], {}, LONG);
        await cast.daemon.exited(LONG);
        const now = [...this.#ended.keys()].map((id) => [id, eventsOf(cast, id).length]);
        assertEquals(now, [...this.#ended]);
      },
    );
  }

  #register(name: string, play: (cast: Cast) => Promise<void>): void {
    const fn = async () => {
      const cast = await (this.#cast ??= this.#open());
      try {
        await play(cast);
      } catch (error) {
        throw withLog(error, cast);
      }
    };
    // The device outlives the test.
    Deno.test({ name, fn, sanitizeOps: false, sanitizeResources: false });
  }

  async #open(): Promise<Cast> {
    const responses = this.#stack.use(await ResponsesModel.start());
    const codex = this.options.env?.["CODEX_BINARY"] ?? await codexBinary();
    const env = { ...this.options.env, CODEX_BINARY: codex };
    const fixture = await startDevice({ ...this.options, env }, this.#stack);
    const mcp = this.#stack.use(new HttpMcpServer());
    const forms = this.#stack.use(new FormServer());
    return { ...fixture, responses, mcp, forms };
  }

  async #play(cast: Cast, turn: Turn, taskId: number): Promise<void> {
    const agent = turn.golden.startsWith("claude/") ? "claude" : "codex";
    const request = requestOf(cast, agent, turn, taskId);
    const { subtask_id } = request;
    const events = () => eventsOf(cast, subtask_id);
    const live = { cast, agent, request, workdir: workdirOf(cast.world, taskId), events } as const;
    const { backend } = cast;
    if (turn.resumed) await endSession(cast, taskId);
    backend.execute(request);
    const ended = () => (backend.turns.get(subtask_id)?.terminals.length ?? 0) > 0;
    for (const { event, nth = 0, then } of turn.cues ?? []) {
      const found = () => events().filter((record) => record.event === event)[nth];
      await backend.waitUntil(() => ended() || found() !== undefined, LONG, event);
      const record = found();
      // Otherwise the comparison says what came instead.
      if (record) await then(live, record);
    }
    await backend.waitTerminal(subtask_id, LONG);
    await compareWith(turn.golden, live);
    await turn.check?.(live);
    this.#ended.set(subtask_id, events().length);
  }
}

const status = z.looseObject({ hosts: z.array(z.looseObject({ task_id: z.number() })) });

/** Closes the session of a task, and waits until the device has forgotten it. */
async function endSession({ backend, world }: Cast, taskId: number): Promise<void> {
  backend.closeSession(taskId);
  const gone = async () => {
    const { stdout } = await world.run(["status", "--json"], {}, LONG);
    return status.parse(JSON.parse(stdout)).hosts.every(({ task_id }) => task_id !== taskId);
  };
  await poll(gone, LONG, "the end of the session");
}

/** Processes of the turn's agent. */
export function agentsOf({ agent, workdir }: Pick<LiveTurn, "agent" | "workdir">): ProcessInfo[] {
  const wanted = agent === "claude" ? /^\S*claude .*stream-json/ : /codex .*app-server/;
  return allProcesses().filter(({ pid, command }) =>
    wanted.test(command) && directoryOf(pid) === workdir
  );
}

/** Every event of a turn as it came, also what a backend would refuse. */
function eventsOf({ backend }: Cast, subtaskId: number): RecordedEvent[] {
  return backend.events.filter((record) => record.subtaskId === subtaskId);
}

async function compareWith(golden: string, turn: LiveTurn): Promise<void> {
  const { cast, request, workdir } = turn;
  const text = await Deno.readTextFile(new URL(`${golden}.golden`, import.meta.url));
  const events = turn.events();
  assertEquals(events.filter(({ error }) => error !== undefined), [], "a backend refuses events");
  const whose = {
    taskId: request.task_id,
    subtaskId: request.subtask_id,
    sequenced: cast.backend.options.features?.includes("seq") ?? false,
  };
  const device = cast.backend.device()?.deviceId ?? "";
  const constants = { workdir, home: cast.world.home, device };
  const difference = compare(parseGolden(text), events, whose, constants);
  if (difference !== null) {
    throw new Error(`The events are not those of ${golden}.golden:\n${difference}`);
  }
}

function requestOf(cast: Cast, agent: Agent, turn: Turn, taskId: number): ExecutionRequest {
  const request = executionRequest({
    task_id: taskId,
    prompt: turn.prompt,
    model: { baseUrl: cast.model.url },
  });
  const given = (part: Turn["fields"]) => typeof part === "function" ? part(cast) : part;
  const [bot] = request["bot"] as { agent_config: { env: Fields } }[];
  const env = { ...bot?.agent_config.env, ...turn.env };
  return {
    ...request,
    bot: [{ ...bot, agent_config: { env }, ...given(turn.bot) }],
    ...(agent === "codex" && {
      model_config: { ...codexModel(cast.responses.url), ...turn.model },
    }),
    ...given(turn.fields),
  };
}

function codexModel(url: string): Fields {
  return {
    model: "openai",
    api_format: "responses",
    model_id: "gpt-test",
    base_url: url,
    api_key: CODEX_KEY,
  };
}
