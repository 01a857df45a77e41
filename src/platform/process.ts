/** Processes of this machine: is one alive, when did it start. */
import { errorText } from "./errors.ts";
import { procStat } from "./proc.ts";

/**
 * Start time of process `pid` in an opaque, comparable form, or null when there is no such process.
 * A pid alone is not an identity: the kernel uses it again.
 */
export async function processStartTime(pid: number): Promise<string | null> {
  if (Deno.build.os === "linux") {
    const stat = procStat(pid);
    return stat && !stat.zombie ? stat.startTime : null;
  }
  if (Deno.build.os === "windows") return null;
  const { success, stdout } = await new Deno.Command("ps", {
    args: ["-o", "lstart=", "-p", String(pid)],
    stdin: "null",
    stderr: "null",
    env: { LC_ALL: "C" },
    signal: AbortSignal.timeout(3000),
  }).output();
  const text = new TextDecoder().decode(stdout).trim();
  return success && text ? text : null;
}

/** True while the process `pid` that started at `startTime` is alive. */
export async function sameProcessAlive(
  pid: number,
  startTime: string,
): Promise<boolean> {
  return (await processStartTime(pid)) === startTime;
}

/**
 * Sends `signal` to `pid` (a group when negative).
 *
 * @returns False when there is no such process.
 */
export function signalProcess(pid: number, signal: Deno.Signal): boolean {
  try {
    Deno.kill(pid, signal);
    return true;
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

/** A signal to a process that is gone fails as NotFound or as ESRCH. */
function isGone(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound ||
    /no such process|ESRCH|os error 3/i.test(errorText(error));
}
