/** A device under test: the real program, a stub backend or hub, the loopback model, the real CLI. */
import { claudeBinary } from "../support/claude_cli.ts";
import { type LoopbackModel, startModel } from "../support/model.ts";
import {
  type ExecutionRequest,
  executionRequest,
  startStubBackend,
  STUB_TOKEN,
  type StubBackend,
} from "../support/stub_backend.ts";
import type { StubOptions } from "../support/stub_types.ts";
import { alive, allProcesses, environmentOf } from "../support/processes.ts";
import type { Program } from "../support/program.ts";
import { createWorld, type World } from "../support/world.ts";

/** Generous: a loaded machine is no failure. */
export const LONG = 60_000;

export interface DeviceFixture {
  readonly world: World;
  readonly backend: StubBackend;
  readonly model: LoopbackModel;
  readonly daemon: Program;
  /** A request whose bot talks to the loopback model. */
  request(prompt: string, ids?: { task_id?: number; subtask_id?: number }): ExecutionRequest;
  /** Starts the daemon again (after it ended) with the same settings. */
  startDaemon(extra?: Record<string, string>): Promise<Program>;
}

export interface FixtureOptions {
  readonly stub?: StubOptions;
  /** What the model says for `⟦name⟧` in a script. */
  readonly words?: Readonly<Record<string, string>>;
  /** Whether a connection to Claude's model serves more than one request. @default true */
  readonly keepAlive?: boolean;
  /** Environment of the daemon beside the connection. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs `test` with a registered device and afterwards makes sure that no process is left. */
export async function withDevice(
  options: FixtureOptions,
  test: (fixture: DeviceFixture) => Promise<void>,
): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const fixture = await startDevice(options, stack);
  try {
    await test(fixture);
  } catch (error) {
    throw withLog(error, fixture);
  }
}

/** The error with what the device said, which is worth more than the assertion alone. */
export function withLog(error: unknown, { daemon }: DeviceFixture): Error {
  const tail = daemon.lines.slice(-30).map((line) => line.text).join("\n");
  return new Error(`${error instanceof Error ? error.stack : error}\n--- device\n${tail}`);
}

/**
 * Starts a device, its backend and its model, and waits for the registration.
 *
 * @param stack Ends all of it.
 */
export async function startDevice(
  options: FixtureOptions,
  stack: AsyncDisposableStack,
): Promise<DeviceFixture> {
  const model = stack.use(
    await startModel({ words: options.words ?? {}, keepAlive: options.keepAlive ?? true }),
  );
  const backend = stack.use(await startStubBackend({ syncCapabilities: false, ...options.stub }));
  const world = stack.use(await createWorld());
  const binary = await claudeBinary();
  const startDaemon = async (extra: Record<string, string> = {}) => {
    const registrations = [...backend.devices.values()][0]?.registrations.length ?? 0;
    const program = world.start(["start", "--verbose"], {
      WEGENT_BACKEND_URL: backend.url,
      WEGENT_AUTH_TOKEN: STUB_TOKEN,
      CLAUDE_BINARY: binary,
      LOG_LEVEL: "debug",
      // Tests count processes; those that want a spare say so.
      WEGENT_EXECUTOR_PREWARM: "0",
      ...options.env,
      ...extra,
    });
    await backend.waitDevice(LONG, registrations + 1);
    return program;
  };
  return {
    world,
    backend,
    model,
    daemon: await startDaemon(),
    request: (prompt, ids = {}) =>
      executionRequest({ ...ids, prompt, model: { baseUrl: model.url } }),
    startDaemon,
  };
}

/** Pids of the agents' CLIs of a world. */
export function agentPids(world: World): number[] {
  return markedPids(world).filter((pid) => {
    const command = allProcesses().find((info) => info.pid === pid)?.command ?? "";
    return /^\S*claude /.test(command) && command.includes("stream-json");
  });
}

/** Pids of everything an agent of this world has started, the CLI included. */
export function markedPids(world: World): number[] {
  return allProcesses().map(({ pid }) => pid).filter((pid) => {
    const env = environmentOf(pid);
    return env.has("WEGENT_AGENT_MARK") && env.get("HOME") === world.home && alive(pid);
  });
}

/** Waits until `condition` holds. @throws {Error} naming `what` when it does not within `ms`. */
export async function until(condition: () => boolean, what: string, ms = LONG): Promise<void> {
  const deadline = Date.now() + ms;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`Waited ${ms} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Working directory of a task in a world. */
export function workdirOf(world: World, taskId: number): string {
  return `${world.workspace}/${taskId}`;
}
