/** One call of a tool on an MCP server over streamable HTTP, made by this program itself. */
import * as z from "zod";
import { AppError, errorText, parseJson, VERSION } from "../../platform/mod.ts";
import { ClientCache } from "../forwarder/client.ts";

/** Version of the protocol that is asked for; the server may choose an earlier one. */
const PROTOCOL = "2025-06-18";
const MAX_BODY = 4 * 1024 * 1024;
const MAX_REDIRECTS = 3;
/** Wait for the server to take note of the end; it is only a courtesy. */
const CLOSE_MS = 2000;
/** JSON-RPC: the arguments are not what the tool wants. */
const INVALID_PARAMS = -32602;

/** Where a server is. */
export interface McpEndpoint {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What a tool answered. */
export interface McpResult {
  /** Texts of its content. */
  readonly texts: readonly string[];
  readonly isError: boolean;
}

const rpcMessage = z.looseObject({
  id: z.union([z.number(), z.string()]).nullish(),
  result: z.looseObject({}).optional(),
  error: z.looseObject({ code: z.number().nullish(), message: z.string().nullish() }).optional(),
});
type RpcMessage = z.infer<typeof rpcMessage>;

const initialized = z.looseObject({ protocolVersion: z.string().max(50) });
const toolResult = z.looseObject({
  content: z.array(z.looseObject({ type: z.string(), text: z.string().nullish() })).default([]),
  isError: z.boolean().nullish(),
});

/**
 * Calls a tool.
 *
 * @param env Names proxy and certificates.
 * @param signal Ends the call.
 * @returns What it answered; arguments the server refuses are an answer with `isError`.
 * @throws {AppError} `mcp_unreachable` when there was no answer to speak of.
 */
export async function callMcpTool(
  endpoint: McpEndpoint,
  tool: string,
  args: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<McpResult> {
  const session = new McpSession(endpoint, env, signal);
  try {
    await session.open();
    const { result, error } = await session.request("tools/call", { name: tool, arguments: args });
    if (error) {
      const words = error.message ?? "The server gave no reason";
      if (error.code === INVALID_PARAMS) return { texts: [words], isError: true };
      throw new Error(words);
    }
    const { content, isError } = toolResult.parse(result);
    const texts = content.map(({ text }) => text).filter((text) => typeof text === "string");
    return { texts, isError: isError === true };
  } catch (error) {
    throw new AppError(
      "mcp_unreachable",
      `Cannot call "${tool}": ${
        (error instanceof z.ZodError ? "unreadable answer" : errorText(error)).slice(0, 500)
      }`,
      { cause: error },
    );
  } finally {
    await session.close();
  }
}

/** The exchange with one server. */
class McpSession {
  readonly #clients = new ClientCache();
  readonly #headers: Headers;
  #url: string;
  #nextId = 1;

  constructor(
    { url, headers }: McpEndpoint,
    private readonly env: Readonly<Record<string, string>>,
    private readonly signal: AbortSignal,
  ) {
    this.#url = url;
    this.#headers = new Headers({ ...headers });
    this.#headers.set("content-type", "application/json");
    this.#headers.set("accept", "application/json, text/event-stream");
  }

  async open(): Promise<void> {
    const { result, error } = await this.request("initialize", {
      protocolVersion: PROTOCOL,
      capabilities: {},
      clientInfo: { name: "wegent-executor", version: VERSION },
    });
    if (error) throw new Error(error.message ?? "The server refused the session");
    this.#headers.set("mcp-protocol-version", initialized.parse(result).protocolVersion);
    const response = await this.#post({ method: "notifications/initialized" });
    await response.body?.cancel();
  }

  async request(method: string, params: object): Promise<RpcMessage> {
    const id = this.#nextId++;
    const response = await this.#post({ id, method, params });
    const name = response.headers.get("mcp-session-id");
    if (name) this.#headers.set("mcp-session-id", name);
    const stream = response.headers.get("content-type")?.startsWith("text/event-stream") === true;
    for await (const text of stream ? events(response) : [await whole(response)]) {
      const value = parseJson(text);
      for (const item of Array.isArray(value) ? value : [value]) {
        const message = rpcMessage.safeParse(item);
        if (message.success && message.data.id === id) return message.data;
      }
    }
    throw new Error("The server ended its answer early");
  }

  /** Tells the server that nothing more comes. */
  async close(): Promise<void> {
    try {
      if (!this.#headers.has("mcp-session-id")) return;
      const response = await fetch(this.#url, {
        method: "DELETE",
        headers: this.#headers,
        redirect: "manual",
        client: this.#clients.get(this.#url, this.env),
        signal: AbortSignal.timeout(CLOSE_MS),
      });
      await response.body?.cancel();
    } catch {
      // The answer is here; the server forgets the session by itself.
    } finally {
      this.#clients.close();
    }
  }

  async #post(message: object): Promise<Response> {
    for (let hop = 0;; hop++) {
      const response = await fetch(this.#url, {
        method: "POST",
        headers: this.#headers,
        body: JSON.stringify({ jsonrpc: "2.0", ...message }),
        redirect: "manual",
        client: this.#clients.get(this.#url, this.env),
        signal: this.signal,
      });
      if (response.ok) return response;
      await response.body?.cancel();
      const target = URL.parse(response.headers.get("location") ?? "", this.#url);
      const moved = response.status === 307 || response.status === 308;
      // The headers are a login: they go to no other server.
      if (
        !moved || !target || hop >= MAX_REDIRECTS || target.origin !== new URL(this.#url).origin
      ) {
        throw new Error(`The server answered ${response.status}`);
      }
      this.#url = target.href;
    }
  }
}

async function whole(response: Response): Promise<string> {
  let text = "";
  for await (const part of parts(response)) text += part;
  return text;
}

/** The data of each server-sent event. */
async function* events(response: Response): AsyncGenerator<string> {
  let rest = "";
  for await (const part of parts(response)) {
    const blocks = (rest + part).replaceAll("\r\n", "\n").split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) yield dataOf(block);
  }
  if (rest.trim() !== "") yield dataOf(rest);
}

function dataOf(block: string): string {
  return block.split("\n").filter((line) => line.startsWith("data:"))
    .map((line) => line.slice(5).replace(/^ /, "")).join("\n");
}

async function* parts(response: Response): AsyncGenerator<string> {
  if (!response.body) return;
  const decoder = new TextDecoderStream() as TransformStream<Uint8Array, string>;
  let units = 0;
  for await (const part of response.body.pipeThrough(decoder)) {
    units += part.length;
    if (units > MAX_BODY) throw new Error("The server's answer is too long");
    yield part;
  }
}
