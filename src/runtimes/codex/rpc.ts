/**
 * The app-server's JSON-RPC: one object a line, without the member `jsonrpc`. Both sides number their
 * requests from a space of their own, so an answer is told from a request by its lack of a `method`.
 */
import * as z from "zod";
import { AppError, errorText, parseJson } from "../../platform/mod.ts";

const envelope = z.looseObject({
  id: z.union([z.number(), z.string()]).nullish(),
  method: z.string().nullish(),
  params: z.unknown().optional(),
  result: z.unknown().optional(),
  error: z.looseObject({ code: z.number().nullish(), message: z.string().nullish() }).nullish(),
});

/** The server's refusal of a request. */
export class RpcError extends Error {
  constructor(readonly code: number, message: string) {
    super(message);
  }
}

/** Where lines go and what comes of what the server says. */
export interface RpcSeam {
  /** Takes one message; never throws. */
  send(message: Readonly<Record<string, unknown>>): void;
  onNotification(method: string, params: unknown): void;
  /** The answer to a request of the server; a rejection is answered with an error. */
  onRequest(method: string, params: unknown): Promise<unknown>;
}

interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** Our end of a connection. */
export class RpcPeer {
  readonly #pending = new Map<number, Pending>();
  #last = 0;
  #malformed = 0;
  #closed: AppError | null = null;

  constructor(private readonly seam: RpcSeam) {}

  /** Lines that were no message. */
  get malformed(): number {
    return this.#malformed;
  }

  /**
   * Asks the server.
   *
   * @throws {RpcError} The server refuses.
   * @throws {AppError} `agent_silent` after `limitMs` milliseconds, `agent_gone` when the server ends.
   */
  request(method: string, params: unknown, limitMs: number): Promise<unknown> {
    if (this.#closed) return Promise.reject(this.#closed);
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(
          new AppError("agent_silent", `The agent did not answer "${method}" in ${limitMs} ms`),
        );
      }, limitMs);
      this.#pending.set(id, { resolve, reject, timer });
      this.seam.send({ id, method, params });
    });
  }

  /** Tells the server something. */
  notify(method: string, params?: unknown): void {
    if (!this.#closed) this.seam.send({ method, ...(params !== undefined && { params }) });
  }

  /** Takes a line of the server's. */
  take(line: string): void {
    const message = line.startsWith("{") ? envelope.safeParse(parseJson(line)).data : undefined;
    if (!message) {
      this.#malformed++;
      return;
    }
    const { id, method, params } = message;
    if (method && id !== undefined && id !== null) void this.#answer(id, method, params);
    else if (method) this.seam.onNotification(method, params);
    else this.#settle(Number(id), message);
  }

  /** Nothing comes any more: what is still asked is refused. */
  close(): void {
    this.#closed ??= new AppError("agent_gone", "The agent has ended");
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(this.#closed);
    }
    this.#pending.clear();
  }

  #settle(id: number, { result, error }: z.infer<typeof envelope>): void {
    const pending = this.#pending.get(id);
    // One that came too late; its asker has been told.
    if (!pending) return;
    this.#pending.delete(id);
    clearTimeout(pending.timer);
    if (error) pending.reject(new RpcError(error.code ?? 0, error.message ?? "No reason given"));
    else pending.resolve(result);
  }

  async #answer(id: number | string, method: string, params: unknown): Promise<void> {
    try {
      this.seam.send({ id, result: await this.seam.onRequest(method, params) });
    } catch (error) {
      const code = error instanceof RpcError ? error.code : -32603;
      this.seam.send({ id, error: { code, message: errorText(error) } });
    }
  }
}
