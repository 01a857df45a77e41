/**
 * The Socket.IO client, over the runtime's own WebSocket: half the load time and twice the speed of
 * the `ws` package that the client brings, and it takes extra certificates and a proxy.
 *
 * One case is left to the package: a server without TLS behind a proxy, where the runtime sends a
 * plain request that few proxies upgrade, instead of opening a tunnel.
 */
import type { io as Io, ManagerOptions, Socket, SocketOptions } from "socket.io-client";

/** Makes a socket for a namespace's URL. */
export type Connector = (url: string, options: Partial<ManagerOptions & SocketOptions>) => Socket;

export interface ConnectorOptions {
  readonly backendUrl: string;
  readonly proxyUrl: string | null;
  /** PEM texts; used for `https` and `wss` only. */
  readonly caCerts: readonly string[];
}

/** Certificates and proxy of every WebSocket of this thread, once they are known. */
let client: Deno.HttpClient | null = null;

// The client's code remembers the constructor it finds when it is loaded.
const NativeWebSocket = globalThis.WebSocket;
globalThis.WebSocket = class extends NativeWebSocket {
  constructor(url: string | URL) {
    super(url, (client ? { client } : undefined) as unknown as string[]);
  }
};

/** Loading begins with the worker, while the supervisor still prepares its first message. */
const loading = import("socket.io-client/browser");

/** Loads the client that suits the connection. */
export async function connector(options: ConnectorOptions): Promise<Connector> {
  const { proxyUrl, caCerts } = options;
  const secure = /^(https|wss):/.test(options.backendUrl);
  if (proxyUrl && !secure) return await throughTunnel(proxyUrl);
  if (secure) {
    client = Deno.createHttpClient({
      caCerts: [...caCerts],
      ...(proxyUrl && { proxy: { url: proxyUrl } }),
    });
  }
  // The bundle is CommonJS: its function is the default export.
  const { default: io } = await loading as unknown as { default: typeof Io };
  return (url, socketOptions) => io(url, socketOptions);
}

/** The runtime's HTTP client could not go on with a tunnel's socket before this version. */
const TUNNEL_SINCE = [2, 9];

/** @throws {Error} When the runtime is too old for it. */
async function throughTunnel(proxyUrl: string): Promise<Connector> {
  const [major = 0, minor = 0] = Deno.version.deno.split(".").map(Number);
  if (major < TUNNEL_SINCE[0]! || (major === TUNNEL_SINCE[0] && minor < TUNNEL_SINCE[1]!)) {
    throw new Error(
      "this build cannot reach a server without TLS through a proxy; use an https:// address, or list the server in NO_PROXY",
    );
  }
  const { default: process } = await import("node:process");
  // A package of the client lists the whole environment when it is loaded; there is none here.
  Object.defineProperty(process, "env", { value: {} });
  const [{ io }, { HttpsProxyAgent }] = await Promise.all([
    import("socket.io-client"),
    import("https-proxy-agent"),
  ]);
  const agent = new HttpsProxyAgent(proxyUrl);
  return (url, options) => io(url, { ...options, agent: agent as unknown as string });
}
