/** MCP servers a person has set up for the agents. */
import * as z from "zod";

/** Most servers of one person, and longest JSON of one, in UTF-16 units: all go along with each task. */
export const MAX_MCP_SERVERS = 32;
export const MAX_MCP_UNITS = 8192;

export const MCP_TYPES = ["stdio", "http", "sse"] as const;

/** Other words for a type in files of other programs. */
const TYPE_WORDS: Readonly<Record<string, string>> = {
  "streamable-http": "http",
  streamable_http: "http",
  streamableHttp: "http",
};

const plain = (max: number) =>
  z.string().max(max).refine(
    (text) => !text.includes("\0") && text.isWellFormed(),
    "must not contain NUL or broken characters",
  );
const filled = (max: number) =>
  plain(max).refine((text) => text.trim() !== "", "must not be blank");
const headerValue = plain(4096).refine((text) => !/[\r\n]/.test(text), "must be one line");

const address = z.string().trim().max(2048).refine(
  (text) => /^https?:$/.test(URL.parse(text)?.protocol ?? ""),
  "must be an http(s) URL",
);
/** A map whose names have a form; the refusal of another one says which. */
const map = <V extends z.ZodType>(form: RegExp, refusal: string, value: V) =>
  z.record(z.string(), value).superRefine((found, context) => {
    for (const name of Object.keys(found).filter((name) => !form.test(name))) {
      context.addIssue({ code: "custom", path: [name.slice(0, 80)], message: refusal });
    }
  });
/** Nothing is no error: files of other programs hold empty members. */
const orEmpty = <V extends z.ZodType>(found: V) => found.nullish().transform((v) => v ?? {});
const NAME = /^[A-Za-z0-9_-]{1,64}$/;
const NAME_REFUSAL = "a name has 1 to 64 letters, digits, _ or -";
const headers = orEmpty(
  map(/^[\w!#$%&'*+.^`|~-]{1,200}$/, "is not the name of a header", headerValue),
);
const remote = { url: address, headers };

const shapes = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("stdio"),
    command: filled(4096),
    args: z.array(plain(4096)).max(100).nullish().transform((found) => found ?? []),
    env: orEmpty(map(/^[A-Za-z_]\w{0,199}$/, "is not the name of a variable", plain(8192))),
  }),
  z.object({ type: z.literal("http"), ...remote }),
  z.object({ type: z.literal("sse"), ...remote }),
], { error: "needs a command, or an http(s) URL" });

/** How a server is reached; members of other programs are left out. */
export const mcpServer = z.preprocess(typed, shapes).refine(
  (server) => JSON.stringify(server).length <= MAX_MCP_UNITS,
  `must not be longer than ${MAX_MCP_UNITS} characters`,
);
export type McpServer = z.output<typeof mcpServer>;

export const mcpName = z.string().regex(NAME, NAME_REFUSAL);

/** A server to add, and whether it is on. */
const added = z.preprocess(
  typed,
  z.looseObject({ enabled: z.boolean().optional(), disabled: z.boolean().optional() }),
).transform(({ enabled, disabled }) => enabled ?? disabled !== true);

/**
 * `POST /api/mcp-servers`: the usual file (`{"mcpServers": {…}}`), its inner part, or one server that has
 * a `name`.
 */
export const addMcpServers = z.preprocess(
  byName,
  map(
    NAME,
    NAME_REFUSAL,
    z.unknown().transform((value, context) => {
      const server = mcpServer.safeParse(value);
      const enabled = added.safeParse(value);
      if (server.success && enabled.success) return { server: server.data, enabled: enabled.data };
      for (const issue of (server.error ?? enabled.error)?.issues ?? []) {
        context.addIssue({ code: "custom", path: [...issue.path], message: issue.message });
      }
      return z.NEVER;
    }),
  ).refine((servers) => Object.keys(servers).length > 0, "there is no server in it"),
);

/** `PUT /api/mcp-servers/{name}`: what is shown masked and comes back so stays as it is stored. */
export const changeMcpServer = z.looseObject({ name: mcpName.optional(), server: mcpServer });

/** `PUT /api/mcp-servers/{name}/enabled`. */
export const enableMcpServer = z.looseObject({ enabled: z.boolean() });

/** A server as the page sees it. */
export interface McpServerView {
  name: string;
  enabled: boolean;
  /** Secrets in it are masked; null: what is stored cannot be read any more. */
  server: McpServer | null;
}

function typed(value: unknown): unknown {
  if (!isObject(value)) return value;
  const { type, transport, command, url, base_url } = value;
  const given = type ?? transport;
  const word = typeof given === "string" ? TYPE_WORDS[given] ?? given : given;
  return {
    ...value,
    type: word ?? (command !== undefined ? "stdio" : "http"),
    ...(url === undefined && base_url !== undefined && { url: base_url }),
  };
}

function byName(value: unknown): unknown {
  if (!isObject(value)) return value;
  if (isObject(value["mcpServers"])) return value["mcpServers"];
  const { name, ...server } = value;
  return typeof name === "string" ? { [name]: server } : value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
