/** Starts `_driver_main.ts` as a world's user and talks to it. */
import { fromFileUrl, join } from "../../src/platform/std/path.ts";
import type { InstalledProgram, SandboxWorld } from "../support/sandbox_world.ts";
import type { DriverRequest } from "./_driver_main.ts";

const ROOT = fromFileUrl(new URL("../../", import.meta.url));
const ANSWER_MS = 30_000;

/** Bundles the driver, so that a user can run it who cannot read our sources. @returns Its path. */
export async function installDriver(program: InstalledProgram): Promise<string[]> {
  const file = join(program.dir, "driver.js");
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["bundle", "--quiet", "--platform=deno", "--lock=deno.lock", "--frozen", "--output", file],
      "tests/attacks/_driver_main.ts",
    ],
    cwd: ROOT,
  }).output();
  if (code !== 0) throw new Error(new TextDecoder().decode(stderr));
  const deno = Deno.env.get("EXECUTOR_BINARY")
    ? program.add(Deno.execPath(), "deno")
    : join(program.dir, "deno");
  const rights = ["read", "write", "net", "env", "run", "sys", "ffi"].map((name) =>
    `--allow-${name}`
  );
  const flags = ["--no-prompt", "--no-config", "--no-lock", "--quiet", "--unstable-worker-options"];
  return [deno, "run", ...flags, ...rights, file];
}

/** A running driver. */
export class Driver implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reader: ReadableStreamDefaultReader<string>;
  #rest = "";
  /** Requests are answered one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  /** @param world Gives the user and the environment; it must outlive the driver. */
  constructor(command: readonly string[], world: SandboxWorld) {
    this.#child = world.service(command, { WEGENT_AUTH_TOKEN: "our-secret" });
    this.#writer = this.#child.stdin.getWriter();
    this.#reader = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Asks; the type of the answer follows from the request. */
  ask<T>(request: DriverRequest): Promise<T> {
    const answer = this.#last.then(() => this.#ask<T>(request));
    this.#last = answer.catch(() => {}); // Whoever asked has the error.
    return answer;
  }

  async #ask<T>(request: DriverRequest): Promise<T> {
    await this.#writer.write(new TextEncoder().encode(`${JSON.stringify(request)}\n`));
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), ANSWER_MS);
    try {
      for (;;) {
        const end = this.#rest.indexOf("\n");
        if (end >= 0) {
          const line = this.#rest.slice(0, end);
          this.#rest = this.#rest.slice(end + 1);
          const { value } = JSON.parse(line) as { value: T & { error?: string } };
          if (typeof value === "object" && value?.error) throw new Error(value.error);
          return value;
        }
        const { value, done } = await this.#reader.read();
        if (done) throw new Error("The driver has ended");
        this.#rest += value;
      }
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close();
    await this.#child.status;
    await this.#reader.cancel();
  }
}
