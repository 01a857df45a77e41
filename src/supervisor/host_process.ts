/** Starting the process of a session host. */
import { hostReady, type HostSpec } from "../hosts/mod.ts";
import { AppError, errorText, parseJson, signalProcess } from "../platform/mod.ts";
import { launchErrorOf } from "../scope/mod.ts";

/** A host must answer within this time after its process was started. */
const START_MS = 20_000;

/**
 * Starts the process, hands it its spec and waits until its socket accepts connections.
 *
 * @param argv The host's command line, launcher included.
 * @returns Its pid.
 * @throws {AppError} `host_start_failed`, or the host's or launcher's own error.
 */
export async function spawnHost(argv: readonly string[], spec: HostSpec): Promise<number> {
  const [command, ...args] = argv;
  const child = new Deno.Command(command!, {
    args,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    // Its own session: it outlives this process and its terminal.
    detached: true,
    clearEnv: true,
    env: hostEnvironment(),
  }).spawn();
  child.unref();
  try {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(JSON.stringify(spec) + "\n"));
    await writer.close();
    const line = await firstLine(child.stdout, START_MS);
    const ready = hostReady.safeParse(line ? parseJson(line) : null);
    if (ready.success && ready.data.ready) return ready.data.pid;
    if (ready.success && !ready.data.ready) {
      const { code, message, remedy } = ready.data.error;
      throw new AppError(code, message, remedy ? { remedy } : {});
    }
    throw launchError(await firstLine(child.stderr, 1000));
  } catch (error) {
    signalProcess(child.pid, "SIGKILL");
    throw error instanceof AppError ? error : new AppError(
      "host_start_failed",
      `Cannot start the session host: ${errorText(error)}`,
      { cause: error },
    );
  } finally {
    await Promise.allSettled([child.stdout.cancel(), child.stderr.cancel()]);
  }
}

/** Our own environment without what no host and no agent may know. */
function hostEnvironment(): Record<string, string> {
  const secret = /^(WEGENT_AUTH_TOKEN|REGISTRY_TOKEN|CODE_SERVER_PASSWORD)$/;
  return Object.fromEntries(
    Object.entries(Deno.env.toObject()).filter(([name]) => !secret.test(name)),
  );
}

function launchError(line: string | null): AppError {
  const error = line ? launchErrorOf(line) : null;
  if (!error) {
    const text = `The session host did not start: ${line ?? "no output"}`;
    return new AppError("host_start_failed", text);
  }
  return new AppError(error.code, error.message, error.remedy ? { remedy: error.remedy } : {});
}

async function firstLine(
  stream: ReadableStream<Uint8Array>,
  ms: number,
): Promise<string | null> {
  const reader = stream.getReader();
  const timer = setTimeout(() => reader.cancel(), ms);
  let text = "";
  const decoder = new TextDecoder();
  try {
    while (!text.includes("\n") && text.length < 64 * 1024) {
      const { value, done } = await reader.read();
      if (done) break;
      text += decoder.decode(value, { stream: true });
    }
  } finally {
    clearTimeout(timer);
    reader.releaseLock();
  }
  return text.split("\n")[0] || null;
}
