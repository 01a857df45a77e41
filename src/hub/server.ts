/** The hub's one listener: REST, page and Socket.IO on a loopback port. */
import { createServer, type IncomingMessage, type Server } from "node:http";
import { Server as SocketServer } from "socket.io";
import { AppError, errorText, EXIT } from "../platform/mod.ts";
import { delay } from "../platform/std/async.ts";
import { NAMESPACE, PING_INTERVAL_MS, PING_TIMEOUT_MS } from "../protocol/mod.ts";
import { type CoreOptions, HubCore } from "./core.ts";
import { hubApp } from "./http/app.ts";
import { webListener } from "./http/adapter.ts";
import { refusal } from "./http/guard.ts";
import { serveBrowsers } from "./sockets/chat.ts";
import { serveDevices } from "./sockets/device.ts";

/**
 * Largest frame taken in, in bytes. The wire's bound is 1,000,000 characters (a device keeps below
 * 950,000), which are up to three bytes each.
 */
const MAX_FRAME_BYTES = 4_000_000;

/** A taken port is tried again for so long, in milliseconds. */
const PORT_WAIT_MS = 300;
/** Connections that do not close within this time, in milliseconds, are left to the end of the thread. */
const CLOSE_MS = 1000;

/** What the first start of a hub hands out, once. */
export interface FirstRun {
  userName: string;
  password: string;
  /** Signs in once within 15 minutes. */
  loginUrl: string;
}

/** A hub that answers. */
export interface HubServer {
  readonly core: HubCore;
  /** Only at the first start. */
  readonly firstRun: FirstRun | null;
  /** Calls `told` for each Socket.IO connection that is opened from now on. */
  onSocket(told: () => void): void;
  /** Refuses new connections, stores what has arrived and closes. */
  close(): Promise<void>;
}

/**
 * Starts a hub in this thread.
 *
 * @throws {AppError} `port_in_use`, or see {@link openStore}.
 */
export async function serveHub(options: CoreOptions): Promise<HubServer> {
  const core = new HubCore(options);
  try {
    const app = hubApp(core);
    const http = createServer(
      { keepAliveTimeout: 5000, headersTimeout: 15_000 },
      webListener(
        () => core.url,
        (request) => app.fetch(request),
        (error) => core.log("warn", "A request failed", { error: errorText(error) }),
      ),
    );
    const io = socketServer(http, core);
    await listen(http, options);
    const first = await core.auth.firstRun();
    return {
      core,
      firstRun: first && {
        userName: first.user.user_name,
        password: first.password,
        loginUrl: core.issueLoginLink(),
      },
      onSocket: (told) => void io.engine.on("connection", told),
      close: () => close(core, io, http),
    };
  } catch (error) {
    core.close();
    throw error;
  }
}

function socketServer(http: Server, core: HubCore): SocketServer {
  const io = new SocketServer(http, {
    path: "/socket.io",
    transports: ["websocket"],
    serveClient: false,
    pingInterval: PING_INTERVAL_MS,
    pingTimeout: PING_TIMEOUT_MS,
    maxHttpBufferSize: MAX_FRAME_BYTES,
    connectTimeout: 15_000,
    allowRequest: (req: IncomingMessage, decide) => {
      const reason = refusal(req.headers.host, req.headers.origin);
      decide(reason, reason === null);
    },
  });
  core.audience = serveBrowsers(io.of(NAMESPACE.chat), core);
  serveDevices(io.of(NAMESPACE.device), core);
  return io;
}

/** A port may be given back a moment after the hub before this one has ended. */
async function listen(http: Server, options: CoreOptions): Promise<void> {
  const deadline = Date.now() + PORT_WAIT_MS;
  for (;;) {
    try {
      return await listenOnce(http, options);
    } catch (error) {
      const taken = (error as { code?: unknown }).code === "EADDRINUSE";
      if (!taken) throw error;
      if (Date.now() > deadline) {
        throw new AppError("port_in_use", `Port ${options.port} is in use`, {
          remedy: "Choose another with --port PORT",
          exitCode: EXIT.tempfail,
          cause: error,
        });
      }
      await delay(50);
    }
  }
}

function listenOnce(http: Server, { port, host }: CoreOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error) => {
      http.off("listening", listening);
      reject(error);
    };
    const listening = () => {
      http.off("error", failed);
      resolve();
    };
    http.once("error", failed);
    http.once("listening", listening);
    http.listen(port, host);
  });
}

async function close(
  core: HubCore,
  io: SocketServer,
  http: Server,
): Promise<void> {
  core.draining = true;
  core.ingest.flush();
  io.disconnectSockets(true);
  http.closeAllConnections();
  let timer: ReturnType<typeof setTimeout> | undefined;
  await Promise.race([
    new Promise<void>((resolve) => void io.close(() => resolve())),
    new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_MS);
    }),
  ]);
  clearTimeout(timer);
  core.close();
}
