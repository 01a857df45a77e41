/** One daemon per home directory: an advisory lock that dies with its owner. */
import { AppError, errorText, EXIT } from "./errors.ts";
import { lockFile } from "./libc.ts";
import { delay } from "./std/async.ts";

/** A held lock. */
export interface DaemonLock {
  release(): void;
}

/**
 * Takes the lock at `path` and writes this process's pid into it.
 *
 * The lock is the kernel's (`flock`), not the file's content: a file left by a dead daemon, even one
 * whose pid belongs to another process by now, does not lock anything.
 *
 * @throws {AppError} `already_running`, naming the pid that holds it; exit 75.
 */
export function takeLock(path: string): DaemonLock {
  const file = Deno.openSync(path, {
    read: true,
    write: true,
    create: true,
    mode: 0o600,
  });
  if (!lockFile(path, file)) {
    const pid = readPid(file);
    file.close();
    throw new AppError(
      "already_running",
      pid
        ? `Another executor is running with this home (pid ${pid})`
        : "Another executor is running with this home",
      {
        exitCode: EXIT.tempfail,
        remedy:
          "Stop it with `wegent-executor stop`, or set WEGENT_EXECUTOR_HOME to another directory",
      },
    );
  }
  file.truncateSync(0);
  file.seekSync(0, Deno.SeekMode.Start);
  file.writeSync(new TextEncoder().encode(`${Deno.pid}\n`));
  return { release: () => file.close() };
}

function readPid(file: Deno.FsFile): string | null {
  const buffer = new Uint8Array(32);
  try {
    const n = file.readSync(buffer) ?? 0;
    return new TextDecoder().decode(buffer.subarray(0, n)).match(/^\d+/)?.[0] ??
      null;
  } catch (error) {
    // Windows refuses to read a locked range; the pid is only a help.
    if (errorText(error)) return null;
    throw error;
  }
}

/**
 * Waits until this process holds the lock at `path`.
 *
 * @throws {AppError} `lock_timeout` when another process holds it for `ms` milliseconds.
 */
export async function takeFileLock(
  path: string,
  ms: number,
  signal?: AbortSignal,
): Promise<DaemonLock> {
  const file = Deno.openSync(path, { read: true, write: true, create: true, mode: 0o600 });
  try {
    const deadline = Date.now() + ms;
    while (!lockFile(path, file)) {
      if (Date.now() > deadline) {
        throw new AppError("lock_timeout", `Another process holds "${path}"`, {
          exitCode: EXIT.tempfail,
        });
      }
      await delay(200, signal ? { signal } : {});
    }
  } catch (error) {
    file.close();
    throw error;
  }
  return { release: () => file.close() };
}
