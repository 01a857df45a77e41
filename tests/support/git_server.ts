/** A real git server on the loopback: `git http-backend` behind HTTP, with a fault on demand. */
import { join } from "../../src/platform/std/path.ts";

/** What the server does wrong; without one it serves. */
export type GitFault =
  /** Answers every request with this status. */
  | { readonly kind: "status"; readonly status: number }
  /** Never answers. */
  | { readonly kind: "hang" }
  /** Sends so many bytes of a pack and then nothing more. */
  | { readonly kind: "stall"; readonly afterBytes: number }
  /** Sends so many bytes of a pack and breaks the connection. */
  | { readonly kind: "cut"; readonly afterBytes: number }
  /** Sends a pack in this many pieces, `ms` milliseconds apart. */
  | { readonly kind: "slow"; readonly pieces: number; readonly ms: number }
  /** Sends the client to the same path of another server. */
  | { readonly kind: "redirect"; readonly to: string };

/** A repository to be made. */
export interface GitRepository {
  /** Content by path; on the branch `main`. @default a README */
  readonly files?: Readonly<Record<string, string>>;
  /** Further branches, each with files of its own on top of those of `main`. */
  readonly branches?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Directory → URL. */
  readonly submodules?: Readonly<Record<string, string>>;
  /** Bytes that cannot be compressed, to make the transfer take its time. @default 0 */
  readonly ballast?: number;
  /** Symbolic links: path → target. */
  readonly links?: Readonly<Record<string, string>>;
}

/** A request the server saw. */
export interface GitRequest {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | null;
}

/** See the module comment. */
export class GitServer implements AsyncDisposable {
  readonly requests: GitRequest[] = [];
  /** When set, requests without it are answered with 401. */
  login: { user: string; password: string } | null = null;
  /** Paths (beginnings) that need {@link login}; all by default. */
  guarded: readonly string[] = ["/"];
  fault: GitFault | null = null;
  readonly #root: string;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #closing = new AbortController();
  readonly #answers = new Map<string, (request: Request) => Response>();

  constructor() {
    this.#root = Deno.makeTempDirSync({ prefix: "wegent-git-" });
    const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
    this.#server = Deno.serve(options, (request) => this.#handle(request));
  }

  /** `http://127.0.0.1:port` */
  get origin(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  /** Address of a repository. */
  url(name: string): string {
    return `${this.origin}/${name}.git`;
  }

  /** Answers one path in the test's own way (for downloads). */
  answer(path: string, how: (request: Request) => Response): void {
    this.#answers.set(path, how);
  }

  /** Makes a repository; `name` may hold slashes. */
  async add(name: string, repository: GitRepository = {}): Promise<void> {
    const bare = join(this.#root, `${name}.git`);
    const work = join(this.#root, "work", crypto.randomUUID());
    await Deno.mkdir(bare, { recursive: true });
    await gitOk(["init", "--quiet", "--bare", "--initial-branch=main", bare]);
    await gitOk(["init", "--quiet", "--initial-branch=main", work]);
    writeFiles(work, repository.files ?? { "README.md": `# ${name}\n` });
    for (const [path, target] of Object.entries(repository.links ?? {})) {
      Deno.symlinkSync(target, join(work, path));
    }
    if (repository.ballast) await Deno.writeFile(join(work, "ballast"), noise(repository.ballast));
    await gitOk(["-C", work, "add", "--all"]);
    for (const [path, url] of Object.entries(repository.submodules ?? {})) {
      await addSubmodule(work, path, url);
    }
    await gitOk(["-C", work, "commit", "--quiet", "--message", "First"]);
    for (const [branch, files] of Object.entries(repository.branches ?? {})) {
      await gitOk(["-C", work, "switch", "--quiet", "--create", branch, "main"]);
      writeFiles(work, files);
      await gitOk(["-C", work, "add", "--all"]);
      await gitOk(["-C", work, "commit", "--quiet", "--message", branch]);
    }
    await gitOk(["-C", work, "push", "--quiet", bare, "--all"]);
    await Deno.remove(work, { recursive: true });
  }

  async #handle(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const authorization = request.headers.get("authorization");
    this.requests.push({ method: request.method, path: url.pathname + url.search, authorization });
    const answer = this.#answers.get(url.pathname);
    if (answer) return answer(request);
    const { fault } = this;
    if (fault?.kind === "hang") return await this.#never();
    if (fault?.kind === "status") return new Response("no", { status: fault.status });
    if (fault?.kind === "redirect") {
      return Response.redirect(`${fault.to}${url.pathname}${url.search}`, 302);
    }
    if (!this.#admits(url.pathname, authorization)) {
      const headers = { "www-authenticate": 'Basic realm="git"' };
      return new Response("login", { status: 401, headers });
    }
    return await this.#serve(request, url);
  }

  #admits(path: string, authorization: string | null): boolean {
    if (this.login === null || !this.guarded.some((start) => path.startsWith(start))) return true;
    const { user, password } = this.login;
    return authorization === `Basic ${btoa(`${user}:${password}`)}`;
  }

  async #never(): Promise<Response> {
    const { signal } = this.#closing;
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
    return new Response(null, { status: 503 });
  }

  async #serve(request: Request, url: URL): Promise<Response> {
    const child = new Deno.Command("git", {
      args: ["http-backend"],
      clearEnv: true,
      env: {
        PATH: Deno.env.get("PATH") ?? "/usr/bin:/bin",
        GIT_PROJECT_ROOT: this.#root,
        GIT_HTTP_EXPORT_ALL: "1",
        GIT_CONFIG_GLOBAL: "/dev/null",
        GIT_CONFIG_COUNT: "1",
        GIT_CONFIG_KEY_0: "safe.directory",
        GIT_CONFIG_VALUE_0: "*",
        REQUEST_METHOD: request.method,
        PATH_INFO: decodeURIComponent(url.pathname),
        QUERY_STRING: url.search.slice(1),
        CONTENT_TYPE: request.headers.get("content-type") ?? "",
        HTTP_CONTENT_ENCODING: request.headers.get("content-encoding") ?? "",
        GIT_PROTOCOL: request.headers.get("git-protocol") ?? "",
      },
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const [output] = await Promise.all([
      child.output(),
      (request.body ?? new Blob([]).stream()).pipeTo(child.stdin),
    ]);
    return this.#answered(output.stdout, url.pathname);
  }

  #answered(output: Uint8Array<ArrayBuffer>, path: string): Response {
    const text = new TextDecoder("latin1").decode(output.subarray(0, 4096));
    const end = text.indexOf("\r\n\r\n");
    const headers = new Headers();
    for (const line of text.slice(0, end).split("\r\n")) {
      const [name = "", value = ""] = line.split(/:\s*(.*)/);
      headers.append(name, value);
    }
    const status = Number(headers.get("status")?.slice(0, 3) ?? 200);
    headers.delete("status");
    const body = output.subarray(end + 4);
    const pack = path.endsWith("/git-upload-pack") && body.length > 2000;
    return new Response(pack ? this.#faulty(body) : body, { status, headers });
  }

  #faulty(body: Uint8Array<ArrayBuffer>): BodyInit {
    const { fault } = this;
    const closing = this.#closing.signal;
    if (fault?.kind === "slow") {
      const size = Math.ceil(body.length / fault.pieces);
      return this.#stream(async function* () {
        for (let at = 0; at < body.length; at += size) {
          yield body.subarray(at, at + size);
          await pause(fault.ms, closing);
        }
      });
    }
    if (fault?.kind !== "stall" && fault?.kind !== "cut") return body;
    return this.#stream(async function* () {
      yield body.subarray(0, fault.afterBytes);
      if (fault.kind === "cut") {
        await pause(50, closing);
        throw new Error("cut");
      }
      await new Promise((resolve) => closing.addEventListener("abort", resolve));
    });
  }

  #stream(pieces: () => AsyncGenerator<Uint8Array<ArrayBuffer>>): ReadableStream {
    return ReadableStream.from(pieces());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    // Whoever still holds a connection open is not waited for.
    const ended = this.#server.shutdown();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, 2000));
    await Promise.race([ended, late]);
    clearTimeout(timer);
    await Deno.remove(this.#root, { recursive: true });
  }
}

/** Waits for `ms` milliseconds, or until `signal` aborts. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
  });
}

/** Runs git with an identity and without the machine's configuration; returns its output. */
export async function gitOk(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("git", {
    args: [...args],
    env: {
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_AUTHOR_NAME: "Test",
      GIT_AUTHOR_EMAIL: "test@example.invalid",
      GIT_COMMITTER_NAME: "Test",
      GIT_COMMITTER_EMAIL: "test@example.invalid",
      ...env,
    },
    stdin: "null",
  }).output();
  if (success) return new TextDecoder().decode(stdout).trim();
  throw new Error(`git ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

function writeFiles(root: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    Deno.mkdirSync(join(root, path, ".."), { recursive: true });
    Deno.writeTextFileSync(join(root, path), text);
  }
}

/** Writes what `git submodule add` would, without fetching; of a strange address no commit is known. */
async function addSubmodule(work: string, path: string, url: string): Promise<void> {
  const commit = url.startsWith("http://127.0.0.1")
    ? (await gitOk(["ls-remote", url, "refs/heads/main"])).split("\t")[0] ?? ""
    : "1".repeat(40);
  const config = `[submodule "${path}"]\n\tpath = ${path}\n\turl = ${url}\n`;
  await Deno.writeTextFile(join(work, ".gitmodules"), config, { append: true });
  await gitOk(["-C", work, "add", ".gitmodules"]);
  await gitOk(["-C", work, "update-index", "--add", "--cacheinfo", `160000,${commit},${path}`]);
}

function noise(bytes: number): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at += 65_536) crypto.getRandomValues(data.subarray(at, at + 65_536));
  return data;
}
