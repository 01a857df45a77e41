/**
 * A small MCP server over standard input and output when it is run as a program, or over HTTP on 127.0.0.1.
 *
 * Its tools: `echo` and `fail` answer with the text they are given; `say` with exactly that text; `long`
 * with `units` letters; `variable` with one of its environment; `wait` when `go` was called, so that two calls end in a known order.
 */
interface Call {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: {
    readonly name?: string;
    readonly arguments?: { readonly text?: string; readonly units?: number };
  };
}

const TOOLS = ["echo", "fail", "say", "long", "variable", "wait", "go"].map((name) => ({
  name,
  description: `Does ${name}`,
  inputSchema: {
    type: "object",
    properties: { text: { type: "string" }, units: { type: "number" } },
  },
  // What only reads may run beside others.
  annotations: { readOnlyHint: true },
}));

/** Opened by `go`. */
const gate = Promise.withResolvers<void>();

/** Text of a tool's answer. */
async function outputOf({ name, arguments: given }: NonNullable<Call["params"]>): Promise<string> {
  const text = given?.text ?? "";
  switch (name) {
    case "fail":
      return `no ${text}`;
    case "say":
      return text;
    case "long":
      return "x".repeat(given?.units ?? 0);
    case "variable":
      return Deno.env.get(text) ?? "unset";
    case "wait":
      await gate.promise;
      return `waited ${text}`;
    case "go":
      gate.resolve();
      return `went ${text}`;
    default:
      return `echo ${text}`;
  }
}

/** The result of a request; undefined for a notification. */
async function answer({ id, method, params = {} }: Call): Promise<unknown> {
  if (id === undefined) return undefined;
  const result = (value: unknown) => ({ jsonrpc: "2.0", id, result: value });
  switch (method) {
    case "initialize":
      return result({
        protocolVersion: "2025-06-18",
        capabilities: { tools: {} },
        serverInfo: { name: "test", version: "1" },
      });
    case "tools/list":
      return result({ tools: TOOLS });
    case "tools/call": {
      const text = await outputOf(params);
      return result({ content: [{ type: "text", text }], isError: params.name === "fail" });
    }
    default:
      return { jsonrpc: "2.0", id, error: { code: -32601, message: "Not supported" } };
  }
}

/** How to run it as a program: a record of a request's `mcp_servers`. */
export function stdioServer(): { command: string; args: string[]; env: Record<string, string> } {
  // No import: it runs without this project's configuration.
  const path = new URL(import.meta.url).pathname;
  return {
    command: Deno.execPath(),
    args: ["run", "--no-config", "--no-lock", "--quiet", "--allow-env", path],
    env: { DENO_NO_UPDATE_CHECK: "1", DENO_DIR: Deno.env.get("DENO_DIR") ?? "" },
  };
}

/** The server over HTTP, and the headers of the requests it got. */
export class HttpMcpServer {
  readonly headers: Headers[] = [];
  readonly #server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => this.#handle(request),
  );

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/mcp`;
  }

  async #handle(request: Request): Promise<Response> {
    this.headers.push(request.headers);
    if (request.method !== "POST") return new Response(null, { status: 405 });
    const reply = await answer(await request.json() as Call);
    return reply === undefined ? new Response(null, { status: 202 }) : Response.json(reply);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

let writing: Promise<void> = Promise.resolve();

/** Answers one line, while others are still being answered. */
async function serve(line: string): Promise<void> {
  const reply = await answer(JSON.parse(line) as Call);
  if (reply === undefined) return;
  const bytes = new TextEncoder().encode(JSON.stringify(reply) + "\n");
  writing = writing.then(async () => {
    for (let at = 0; at < bytes.length;) at += await Deno.stdout.write(bytes.subarray(at));
  });
}

if (import.meta.main) {
  let rest = "";
  for await (const part of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + part).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines.filter(Boolean)) void serve(line);
  }
}
