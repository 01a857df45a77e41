/** The device under test: the real program in a world of its own, and the outside it talks to. */
import { claudeBinary } from "../tests/support/claude_cli.ts";
import { type ExecutionRequest, executionRequest } from "../tests/support/execution_request.ts";
import { allProcesses, environmentOf } from "../tests/support/processes.ts";
import type { Program } from "../tests/support/program.ts";
import { STUB_TOKEN } from "../tests/support/stub_backend.ts";
import { createWorld, type World } from "../tests/support/world.ts";
import { now } from "./_figure.ts";
import { Outside } from "./_outside.ts";

/** Options of {@link Device.open}. */
export interface DeviceOptions {
  /** The backend numbers events. @default false */
  readonly seq?: boolean;
  /** Path of the agent's CLI. @default the pinned Claude Code */
  readonly agent?: string;
  /** Further environment of the daemon. */
  readonly env?: Readonly<Record<string, string>>;
}

/** See the module comment. */
export class Device implements AsyncDisposable {
  #registrations = 0;
  daemon: Program | undefined;

  private constructor(
    readonly world: World,
    readonly outside: Outside,
    private readonly options: DeviceOptions,
  ) {}

  /** Makes the world and the outside; nothing is started yet. */
  static async open(options: DeviceOptions = {}): Promise<Device> {
    const outside = await Outside.start(options.seq);
    try {
      return new Device(await createWorld(), outside, options);
    } catch (error) {
      await outside[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The same with a registered daemon. */
  static async start(options: DeviceOptions = {}): Promise<Device> {
    const device = await Device.open(options);
    try {
      await device.startDaemon();
    } catch (error) {
      await device[Symbol.asyncDispose]();
      throw error;
    }
    return device;
  }

  /** Starts the daemon. @returns Milliseconds from before its start to its registration. */
  async startDaemon(): Promise<number> {
    const startedAt = now();
    this.daemon = this.world.start(["start"], {
      WEGENT_BACKEND_URL: this.outside.url,
      WEGENT_AUTH_TOKEN: STUB_TOKEN,
      CLAUDE_BINARY: this.options.agent ?? await claudeBinary(),
      ...this.options.env,
    });
    return await this.outside.registration(++this.#registrations) - startedAt;
  }

  /** Ends the daemon with `signal`. @returns Milliseconds until it was gone. */
  async endDaemon(signal: Deno.Signal): Promise<number> {
    const { daemon } = this;
    if (!daemon) throw new Error("No daemon runs");
    const startedAt = performance.now();
    daemon.signal(signal);
    await daemon.child.status;
    return performance.now() - startedAt;
  }

  /** Pid of the daemon. */
  get pid(): number {
    return this.daemon?.pid ?? 0;
  }

  /** Pids of the live agent CLIs. */
  agentPids(): number[] {
    return allProcesses().filter(({ pid, command }) =>
      command.includes("--input-format stream-json") && !command.includes(" __launch ") &&
      environmentOf(pid).get("HOME") === this.world.home
    ).map(({ pid }) => pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world.dispose();
    await this.outside[Symbol.asyncDispose]();
  }
}

/** A request whose bot asks the model at `baseUrl`. */
export function requestTo(baseUrl: string, prompt: string, taskId?: number): ExecutionRequest {
  return executionRequest({
    prompt,
    model: { baseUrl },
    ...(taskId !== undefined && { task_id: taskId }),
  });
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
