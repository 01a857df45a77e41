/** Looking at processes through /proc (Linux only), and ending single ones. */
import { prepareProcFiles, processIds, readProcFile, readProcLink } from "./proc_files.ts";
import { poll } from "./waiting.ts";

prepareProcFiles();

/** What /proc says about a process. */
export interface ProcessInfo {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** One letter: R, S, D, Z, … */
  readonly state: string;
  /** Start time in clock ticks since boot; with the pid it names a process for good. */
  readonly started: number;
  /** CPU time used so far by the process itself, in clock ticks of 10 ms. */
  readonly cpuTicks: number;
  /** Arguments, joined by spaces; the name in brackets for kernel threads and zombies. */
  readonly command: string;
}

/** All processes. */
export function allProcesses(): ProcessInfo[] {
  return processIds().map(processInfo).filter((info) => info !== undefined);
}

/** One process; undefined when there is none with this id. */
export function processInfo(pid: number): ProcessInfo | undefined {
  const stat = procFile(pid, "stat");
  if (stat === undefined) return undefined;
  // The name is in brackets and may hold anything, brackets too.
  const end = stat.lastIndexOf(")");
  const name = stat.slice(stat.indexOf("(") + 1, end);
  const field = stat.slice(end + 2).split(" ");
  const command = procFile(pid, "cmdline")?.replaceAll("\0", " ").trim();
  return {
    pid,
    state: field[0] ?? "",
    parent: Number(field[1]),
    group: Number(field[2]),
    session: Number(field[3]),
    cpuTicks: Number(field[11]) + Number(field[12]),
    started: Number(field[19]),
    command: command || `[${name}]`,
  };
}

/** Whether a process is there and not a zombie. */
export function alive(pid: number): boolean {
  const state = processInfo(pid)?.state;
  return state !== undefined && state !== "Z" && state !== "X";
}

/** The process and all its descendants, parents first. */
export function processTree(pid: number): ProcessInfo[] {
  const all = allProcesses();
  const found = all.filter((info) => info.pid === pid);
  for (const parent of found) {
    found.push(...all.filter((info) => info.parent === parent.pid));
  }
  return found;
}

/** Initial environment of a process; empty when it may not be read. */
export function environmentOf(pid: number): Map<string, string> {
  const pairs = (procFile(pid, "environ") ?? "").split("\0").filter(Boolean);
  return new Map(pairs.map((pair) => {
    const at = pair.indexOf("=");
    return [pair.slice(0, at), pair.slice(at + 1)];
  }));
}

/** Memory of a process, shared pages counted in part (PSS), in bytes; 0 when it is gone. */
export function pssBytes(pid: number): number {
  const kib = /^Pss:\s+(\d+) kB/m.exec(procFile(pid, "smaps_rollup") ?? "")?.[1];
  return Number(kib ?? 0) * 1024;
}

/** PSS of a process and all its descendants, in bytes. */
export function treePssBytes(pid: number): number {
  return processTree(pid).reduce((sum, info) => sum + pssBytes(info.pid), 0);
}

/**
 * Ends one process without a chance to clean up.
 *
 * @returns False when it was gone already.
 */
export function killHard(pid: number): boolean {
  return sendSignal(pid, "SIGKILL");
}

/**
 * Sends a signal.
 *
 * @returns False when the process was gone already.
 */
export function sendSignal(pid: number, signal: Deno.Signal): boolean {
  if (!alive(pid)) return false; // A zombie takes signals without a word.
  try {
    Deno.kill(pid, signal);
    return true;
  } catch (error) {
    const gone = error instanceof Deno.errors.NotFound ||
      (error instanceof Error && error.message.includes("ESRCH"));
    if (gone) return false;
    throw error;
  }
}

/** Waits until a process is gone (or a zombie). */
export async function waitGone(pid: number, ms: number): Promise<void> {
  await poll(() => !alive(pid), ms, () => `the end of ${JSON.stringify(processInfo(pid))}`);
}

/** Working directory of a process; undefined when it is gone or not ours to look at. */
export function directoryOf(pid: number): string | undefined {
  return readProcLink(`/proc/${pid}/cwd`);
}

/** A file below /proc/<pid>; undefined when the process is gone or not ours to look at. */
function procFile(pid: number, name: string): string | undefined {
  return readProcFile(`/proc/${pid}/${name}`);
}
