/**
 * Stands for the servers at which the Claude CLI renews its owner's login, behind a proxy that leads every
 * tunnel to them. Like the real one it takes each refresh token once.
 */
import { createServer, type Server } from "node:https";
import {
  connect,
  createServer as createTcpServer,
  type Server as TcpServer,
  type Socket,
} from "node:net";
import { makeCertificates } from "./certificates.ts";

const HOSTS = ["platform.claude.com", "console.anthropic.com", "api.anthropic.com", "claude.ai"];

/** See the module comment. */
export class LoginServer {
  /** Refresh tokens that came, in order. */
  readonly renewals: string[] = [];
  /** Renewals are refused from now on. */
  refuse = false;
  readonly #sockets = new Set<Socket>();

  private constructor(
    private readonly servers: readonly (Server | TcpServer)[],
    /** For `HTTPS_PROXY`. */
    readonly proxyUrl: string,
    /** For `NODE_EXTRA_CA_CERTS`. */
    readonly ca: string,
    private valid: string,
  ) {}

  /**
   * Starts one that takes the refresh token `valid`.
   *
   * @param dir For certificates.
   */
  static async start(dir: string, valid: string): Promise<LoginServer> {
    const { ca, cert, key } = await makeCertificates(HOSTS, dir);
    let self: LoginServer | null = null;
    const https = createServer({ cert, key }, (request, response) => {
      let body = "";
      request.on("data", (part: Uint8Array) => body += new TextDecoder().decode(part));
      request.on("end", () => {
        const [status, answer] = self?.answer(request.url ?? "", body) ?? [500, {}];
        response.writeHead(status, { "content-type": "application/json" });
        response.end(JSON.stringify(answer));
      });
    });
    const port = await listen(https);
    const proxy = createTcpServer((client) => {
      self?.keep(client);
      client.once("data", () => {
        const target = connect(port, "127.0.0.1", () => {
          client.write("HTTP/1.1 200 Connection established\r\n\r\n");
          client.pipe(target);
          target.pipe(client);
        });
        self?.keep(target);
      });
    });
    self = new LoginServer([https, proxy], `http://127.0.0.1:${await listen(proxy)}`, ca, valid);
    return self;
  }

  /** What a request gets. */
  answer(path: string, body: string): [status: number, body: unknown] {
    if (!/\/oauth\/token$/.test(path)) return [404, {}];
    const { refresh_token: token = "" } = JSON.parse(body) as { refresh_token?: string };
    this.renewals.push(token);
    if (this.refuse || token !== this.valid) return [400, { error: "invalid_grant" }];
    this.valid = `sk-ant-ort01-renewed-${this.renewals.length}`;
    return [200, {
      token_type: "Bearer",
      access_token: `sk-ant-oat01-renewed-${this.renewals.length}`,
      refresh_token: this.valid,
      expires_in: 28_800,
      scope: "user:inference user:profile",
    }];
  }

  private keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#sockets.delete(socket));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.servers.map((server) => new Promise((done) => server.close(done))));
  }
}

async function listen(server: Server | TcpServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  return (server.address() as { port: number }).port;
}
