/** Processes that carry a mark in their environment, so that those that slipped away are found. */
import { listPids, readProc } from "./proc.ts";
import { signalProcess } from "./process.ts";

/** Set for every process this program starts for somebody else, and inherited by all below it. */
export const MARK_VARIABLE = "WEGENT_AGENT_MARK";

/** Kills every process whose environment carries `mark` (Linux). @returns How many there were. */
export function sweepMarked(mark: string): number {
  if (Deno.build.os !== "linux") return 0;
  const entry = `${MARK_VARIABLE}=${mark}`;
  let killed = 0;
  for (const pid of listPids()) {
    if (pid === Deno.pid || !readProc(pid, "environ")?.split("\0").includes(entry)) continue;
    if (signalProcess(pid, "SIGKILL")) killed++;
  }
  return killed;
}
