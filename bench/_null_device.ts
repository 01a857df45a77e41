/**
 * The limit of everything that goes over the socket: a Socket.IO client in one process that does
 * nothing but answer. It registers like a device and answers a task with as many deltas as its prompt
 * says, in windows like the device's.
 */
import type { Socket } from "socket.io-client";
import { connector } from "../src/device/socket_io.ts";
import { newResponseId, ResponseBuilder, type ResponseEvent } from "../src/protocol/mod.ts";
import type { ExecutionRequest } from "../tests/support/execution_request.ts";
import { STUB_TOKEN } from "../tests/support/stub_backend.ts";

/** The outside does not count registrations under this id. */
export const NULL_DEVICE_ID = "null";
/** Events sent before an acknowledgement is awaited. */
const WINDOW = 1000;
const ACK_MS = 30_000;

/** See the module comment. */
export class NullDevice implements Disposable {
  private constructor(private readonly socket: Socket) {}

  /** Connects and registers. */
  static async connect(url: string): Promise<NullDevice> {
    const open = await connector({ backendUrl: url, proxyUrl: null, caCerts: [] });
    const socket = open(`${url}/local-executor`, {
      path: "/socket.io",
      transports: ["websocket"],
      auth: { token: STUB_TOKEN },
      reconnection: false,
      forceNew: true,
    });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("connect_error", reject);
    });
    const facts = { device_id: NULL_DEVICE_ID, name: "null" };
    await socket.timeout(ACK_MS).emitWithAck("device:register", facts);
    const device = new NullDevice(socket);
    socket.on("task:execute", (request: ExecutionRequest) => void device.#answer(request));
    return device;
  }

  [Symbol.dispose](): void {
    this.socket.disconnect();
  }

  async #answer({ task_id, subtask_id, prompt }: ExecutionRequest): Promise<void> {
    let seq = 0;
    const session = crypto.randomUUID();
    const envelope = ({ event, data }: ResponseEvent) => ({
      event_type: event,
      task_id,
      subtask_id,
      data,
      session,
      seq: ++seq,
    });
    const builder = new ResponseBuilder({
      task_id,
      subtask_id,
      response_id: newResponseId(),
      created_at: 0,
    });
    for (const event of builder.inProgress()) this.socket.emit(event.event, envelope(event));
    for (let sent = 1; sent <= Number(prompt); sent++) {
      for (const event of builder.text("a word ")) {
        if (sent % WINDOW !== 0) this.socket.emit(event.event, envelope(event));
        else await this.#request(event.event, envelope(event));
      }
    }
    for (const event of builder.completed({ text: "" })) {
      await this.#request(event.event, envelope(event));
    }
  }

  async #request(event: string, payload: unknown): Promise<void> {
    await this.socket.timeout(ACK_MS).emitWithAck(event, payload);
  }
}
