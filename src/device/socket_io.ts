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

/** Loads the client that suits the connection. */
export async function connector(options: ConnectorOptions): Promise<Connector> {
  const secure = /^(https|wss):/.test(options.backendUrl);
  if (options.proxyUrl && !secure) return await throughTunnel(options.proxyUrl);
  if (secure) useHttpClient(options);
  // The bundle is CommonJS: its function is the default export.
  const { default: io } = await import("socket.io-client/browser") as unknown as {
    default: typeof Io;
  };
  return (url, socketOptions) => io(url, socketOptions);
}

/** Gives every WebSocket of this thread the certificates and the proxy. */
function useHttpClient({ proxyUrl, caCerts }: ConnectorOptions): void {
  const client = Deno.createHttpClient({
    caCerts: [...caCerts],
    ...(proxyUrl && { proxy: { url: proxyUrl } }),
  });
  const Native = globalThis.WebSocket;
  globalThis.WebSocket = class extends Native {
    constructor(url: string | URL) {
      super(url, { client } as unknown as string[]);
    }
  };
}

async function throughTunnel(proxyUrl: string): Promise<Connector> {
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
