/** What sessions use: processes, memory and open files, for `status`. Linux only. */
import { countOpenFiles, listPids, memoryOf, procStat } from "../platform/mod.ts";

/** Use of one session: its host and everything below it. */
export interface SessionUsage {
  readonly processes: number;
  /** Bytes, shared pages divided among their users. */
  readonly memory: number;
  readonly open_files: number;
}

/** Measures the trees below `roots` (pids) in one look at the process table; null on other systems. */
export function usageOf(roots: readonly number[]): Map<number, SessionUsage> | null {
  if (Deno.build.os !== "linux") return null;
  const children = new Map<number, number[]>();
  for (const pid of listPids()) {
    const parent = procStat(pid)?.parent;
    if (parent === undefined) continue;
    const siblings = children.get(parent);
    if (siblings) siblings.push(pid);
    else children.set(parent, [pid]);
  }
  return new Map(roots.map((root) => [root, sum(tree(root, children))]));
}

function tree(root: number, children: ReadonlyMap<number, readonly number[]>): number[] {
  const found = [root];
  for (let i = 0; i < found.length; i++) found.push(...children.get(found[i]!) ?? []);
  return found;
}

function sum(pids: readonly number[]): SessionUsage {
  let [processes, memory, files] = [0, 0, 0];
  for (const pid of pids) {
    const bytes = memoryOf(pid);
    // Gone meanwhile, or a zombie.
    if (bytes === null) continue;
    processes++;
    memory += bytes;
    files += countOpenFiles(pid) ?? 0;
  }
  return { processes, memory, open_files: files };
}
