/**
 * An MCP server with the tool `interactive_form_question`, as a Wegent server has it, over streamable HTTP
 * on 127.0.0.1.
 */

/** What a call of the tool is answered with. */
export type FormReply = "waiting" | "malformed" | "invalid" | "broken" | "never";

interface Call {
  readonly id?: number;
  readonly method: string;
  readonly params?: { readonly arguments?: unknown; readonly clientInfo?: { name: string } };
}

const WAITING = JSON.stringify({
  __deferred_user_input__: true,
  success: true,
  status: "waiting_for_user_response",
});

/** See the module comment. */
export class FormServer {
  /** Arguments of the calls so far. */
  readonly calls: unknown[] = [];
  /** Methods of this program's own requests, the agent's left out. */
  readonly methods: string[] = [];
  readonly authorizations = new Set<string | null>();
  /** What the next calls are answered with; the last one stays. */
  replies: FormReply[] = ["waiting"];
  /** Where `/moved` leads. */
  movedTo = "/mcp";
  /** Answers come as server-sent events. */
  streams = false;
  readonly #sessions = new Set<string>();
  readonly #server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => this.#handle(request),
  );

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/mcp`;
  }

  /** Sessions that were not ended. */
  get openSessions(): number {
    return this.#sessions.size;
  }

  async #handle(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/moved") {
      return new Response(null, { status: 307, headers: { location: this.movedTo } });
    }
    const session = request.headers.get("mcp-session-id");
    if (request.method === "DELETE") {
      this.#sessions.delete(session ?? "");
      return new Response(null, { status: 204 });
    }
    if (request.method !== "POST") return new Response(null, { status: 405 });
    const call = await request.json() as Call;
    const ours = request.headers.get("user-agent")?.startsWith("Deno") ?? false;
    if (ours) {
      this.methods.push(call.method);
      this.authorizations.add(request.headers.get("authorization"));
      if (call.method !== "initialize" && !this.#sessions.has(session ?? "")) {
        return new Response(null, { status: 404 });
      }
    }
    if (call.id === undefined) return new Response(null, { status: 202 });
    return await this.#answer(call, ours, request.signal);
  }

  /** @param gone Aborts when the caller does not wait any more. */
  async #answer(
    { id, method, params }: Call,
    ours: boolean,
    gone: AbortSignal,
  ): Promise<Response> {
    switch (method) {
      case "initialize": {
        const name = crypto.randomUUID();
        if (ours) this.#sessions.add(name);
        return this.#reply({ id, result: INITIALIZED }, { "mcp-session-id": name });
      }
      case "tools/list":
        return this.#reply({ id, result: { tools: [TOOL] } });
      case "tools/call": {
        this.calls.push(params?.arguments);
        const reply = this.replies.length > 1 ? this.replies.shift() : this.replies[0];
        if (reply === "broken") return new Response("no", { status: 500 });
        if (reply === "never") {
          await new Promise((resolve) => gone.addEventListener("abort", resolve));
        }
        if (reply === "invalid") {
          return this.#reply({ id, error: { code: -32602, message: "questions is missing" } });
        }
        const text = reply === "waiting" ? WAITING : "that is no form";
        const result = { content: [{ type: "text", text }], isError: reply !== "waiting" };
        return this.#reply({ id, result });
      }
      default:
        return this.#reply({ id, error: { code: -32601, message: "Not supported" } });
    }
  }

  #reply(message: object, headers: Record<string, string> = {}): Response {
    const body = JSON.stringify({ jsonrpc: "2.0", ...message });
    if (!this.streams) return Response.json(JSON.parse(body), { headers });
    const other = JSON.stringify({ jsonrpc: "2.0", method: "notifications/message", params: {} });
    return new Response(`: hello\n\ndata: ${other}\n\nevent: message\r\ndata: ${body}\r\n\r\n`, {
      headers: { ...headers, "content-type": "text/event-stream" },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

const INITIALIZED = {
  protocolVersion: "2025-06-18",
  capabilities: { tools: {} },
  serverInfo: { name: "forms", version: "1" },
};
const TOOL = {
  name: "interactive_form_question",
  description: "Asks the person",
  inputSchema: { type: "object", properties: { questions: { type: "array" } } },
};
