/** A hub, a device on it (through a fault proxy) and a browser's socket, for whole-path tests. */
import { io, type Socket } from "socket.io-client";
import type { JoinAck, SubtaskView } from "../../src/protocol/mod.ts";
import { codexBinary } from "../support/codex_cli.ts";
import { type FaultProxy, startFaultProxy } from "../support/fault_proxy.ts";
import { type LoopbackModel, startModel } from "../support/model.ts";
import { ResponsesModel } from "../support/responses_model.ts";
import type { Program } from "../support/program.ts";
import { createWorld, type World } from "../support/world.ts";
import { LONG, until } from "./fixture.ts";

export interface HubFixture {
  readonly world: World;
  /** Claude's. */
  readonly model: LoopbackModel;
  /** Codex'; asked only where the fixture was started for it. */
  readonly codex: ResponsesModel;
  readonly hub: HubClient;
  /** Of the hub's administrator. */
  readonly password: string;
  /** Between the device and the hub. */
  readonly proxy: FaultProxy;
  daemon: Program;
  startDaemon(extra?: Record<string, string>): Promise<Program>;
}

/**
 * Runs `test` with a hub whose provider is the loopback model, and a registered device.
 *
 * @param options `codex`: the real Codex CLI is there as well. @default false
 */
export async function withHub(
  test: (fixture: HubFixture) => Promise<void>,
  options: { readonly codex?: boolean } = {},
): Promise<void> {
  await using model = await startModel();
  await using codex = await ResponsesModel.start();
  await using world = await createWorld();
  const process = world.start(["hub", "--port", "0", "--data", `${world.root}/hub-data`]);
  const url = (await process.waitForLine("Hub at ", LONG)).text.replace(/.*Hub at /, "").trim();
  const line = (await process.waitForLine("with password", LONG)).text;
  const password = /password (\S+)/.exec(line)?.[1] ?? "";
  const hub = await HubClient.signIn(url, password);
  await hub.put("/api/settings", {
    provider: "key",
    base_url: model.url,
    api_key: "sk-test-key-1",
    model: "claude-opus-4-8",
    agents: {
      codex: {
        provider: "key",
        base_url: codex.url,
        api_key: "sk-test-key-2",
        model: "gpt-test",
      },
    },
  });
  const { key } = await hub.post("/api/api-keys", { name: "device" }) as { key: string };
  const proxy = await startFaultProxy({ target: url });
  const startDaemon = async (extra: Record<string, string> = {}) => {
    const program = world.start(["start", "--verbose"], {
      WEGENT_BACKEND_URL: proxy.url,
      WEGENT_AUTH_TOKEN: key,
      LOG_LEVEL: "debug",
      ...(options.codex && { CODEX_BINARY: await codexBinary() }),
      ...extra,
    });
    await program.waitForLine("is registered at", 15_000);
    return program;
  };
  try {
    await test({
      world,
      model,
      codex,
      hub,
      password,
      proxy,
      daemon: await startDaemon(),
      startDaemon,
    });
  } finally {
    hub.close();
    await proxy.close();
  }
}

/** What a page does, without the page. */
export class HubClient {
  private constructor(
    readonly url: string,
    readonly token: string,
    readonly socket: Socket,
  ) {}

  static async signIn(url: string, password: string): Promise<HubClient> {
    const response = await fetch(`${url}/api/auth/login`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ user_name: "admin", password }),
    });
    const { access_token } = await response.json() as { access_token: string };
    const socket = io(`${url}/chat`, { transports: ["websocket"], auth: { token: access_token } });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("connect_error", reject);
    });
    return new HubClient(url, access_token, socket);
  }

  async #fetch(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: { "content-type": "application/json", authorization: `Bearer ${this.token}` },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : null;
  }
  get(path: string): Promise<unknown> {
    return this.#fetch("GET", path);
  }
  post(path: string, body: unknown): Promise<unknown> {
    return this.#fetch("POST", path, body);
  }
  put(path: string, body: unknown): Promise<unknown> {
    return this.#fetch("PUT", path, body);
  }

  async emit<T>(event: string, payload: unknown): Promise<T> {
    const ack = await this.socket.timeout(LONG).emitWithAck(event, payload);
    if (ack?.error) throw new Error(`${event}: ${ack.error}`);
    return ack as T;
  }

  /** Sends a message and returns the ids of its task and of the agent's turn. */
  async send(
    message: string,
    taskId?: number,
    more: object = {},
  ): Promise<{ taskId: number; turnId: number }> {
    const devices = await this.get("/api/devices") as { items: { device_id: string }[] };
    const { task_id } = await this.emit<{ task_id: number }>("chat:send", {
      message,
      ...(taskId !== undefined && { task_id: taskId }),
      device_id: devices.items[0]?.device_id,
      ...more,
    });
    const turn = (await this.join(task_id)).subtasks.at(-1)!;
    return { taskId: task_id, turnId: turn.subtask_id };
  }

  join(taskId: number): Promise<JoinAck> {
    return this.emit<JoinAck>("task:join", { task_id: taskId });
  }

  async turn(taskId: number, turnId: number): Promise<SubtaskView> {
    const found = (await this.join(taskId)).subtasks.find((s) => s.subtask_id === turnId);
    if (!found) throw new Error(`No turn ${turnId} in task ${taskId}`);
    return found;
  }

  /** Waits until the turn has ended. */
  async ended(taskId: number, turnId: number, ms = LONG): Promise<SubtaskView> {
    const deadline = Date.now() + ms;
    for (;;) {
      const turn = await this.turn(taskId, turnId);
      if (["COMPLETED", "FAILED", "CANCELLED"].includes(turn.status)) return turn;
      if (Date.now() > deadline) throw new Error(`Turn ${turnId} is still ${turn.status}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Waits until `units` of the turn's text are stored. */
  async streamed(taskId: number, turnId: number, units: number): Promise<void> {
    let length = 0;
    const poll = setInterval(async () => {
      length = (await this.turn(taskId, turnId)).streamed_text.length;
    }, 50);
    try {
      await until(() => length >= units, `${units} units of text in the hub`);
    } finally {
      clearInterval(poll);
    }
  }

  close(): void {
    this.socket.disconnect();
  }
}
