/**
 * Finding and ending what an agent left behind: commands in sessions of their own, orphans of a killed
 * CLI. The host is a subreaper (Linux), so every process it ever caused stays below it in the tree; the
 * mark in the environment finds them on other systems and from other processes.
 */
import {
  errorText,
  listPids,
  MARK_VARIABLE,
  type ProcStat,
  procStat,
  readProc,
  signalProcess,
} from "../platform/mod.ts";
import * as libc from "../platform/libc.ts";

/** Passes over the process table before a sweep gives up on a fork bomb. */
const MAX_PASSES = 40;
const PASS_MS = 5;

/** From now on orphaned descendants become children of this process. Linux only; else false. */
export function becomeSubreaper(): boolean {
  return Deno.build.os === "linux" && libc.prctl(libc.PR.SET_CHILD_SUBREAPER, 1) === 0;
}

/**
 * Kills everything below this process and everything that carries `mark`, and collects the zombies.
 *
 * @returns How many processes were killed.
 */
export async function sweep(mark: string): Promise<number> {
  const killed = new Set<number>();
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    const targets = await leftovers(mark);
    if (targets.length === 0) break;
    for (const pid of targets) if (kill(pid)) killed.add(pid);
    await new Promise((resolve) => setTimeout(resolve, PASS_MS));
  }
  reapOrphans(new Set());
  return killed.size;
}

/**
 * Collects ended orphans.
 *
 * @param own Children that the runtime waits for itself.
 */
export function reapOrphans(own: ReadonlySet<number>): void {
  if (Deno.build.os !== "linux") return;
  for (const { pid, parent, zombie } of linuxProcesses()) {
    if (zombie && parent === Deno.pid && !own.has(pid)) libc.waitpid(pid);
  }
}

async function leftovers(mark: string): Promise<number[]> {
  switch (Deno.build.os) {
    case "linux": {
      const all = linuxProcesses();
      const below = descendants(all);
      return all.filter(({ pid, zombie }) =>
        !zombie && pid !== Deno.pid && (below.has(pid) || carriesMark(pid, mark))
      ).map(({ pid }) => pid);
    }
    case "darwin":
      return await markedByPs(mark);
    default:
      return [];
  }
}

function descendants(all: readonly ProcStat[]): Set<number> {
  const children = Map.groupBy(all, (entry) => entry.parent);
  const found = new Set<number>();
  const queue = [Deno.pid];
  for (let pid = queue.pop(); pid !== undefined; pid = queue.pop()) {
    for (const child of children.get(pid) ?? []) {
      if (found.has(child.pid)) continue;
      found.add(child.pid);
      queue.push(child.pid);
    }
  }
  return found;
}

function linuxProcesses(): ProcStat[] {
  return listPids().map(procStat).filter((stat) => stat !== null);
}

function carriesMark(pid: number, mark: string): boolean {
  return readProc(pid, "environ")?.includes(`${MARK_VARIABLE}=${mark}\0`) ?? false;
}

async function markedByPs(mark: string): Promise<number[]> {
  const { stdout } = await new Deno.Command("ps", {
    args: ["-axEww", "-o", "pid=,command="],
    stdin: "null",
    stderr: "null",
    signal: AbortSignal.timeout(3000),
  }).output();
  return new TextDecoder().decode(stdout).split("\n")
    .filter((line) => line.includes(` ${MARK_VARIABLE}=${mark}`))
    .map((line) => Number.parseInt(line, 10))
    .filter((pid) => Number.isInteger(pid) && pid !== Deno.pid);
}

function kill(pid: number): boolean {
  try {
    return signalProcess(pid, "SIGKILL");
  } catch (error) {
    // A program with its owner's rights changed; it is not ours to end.
    if (/not permitted|EPERM/i.test(errorText(error))) return false;
    throw error;
  }
}
