/** The resolver's answer for a directory twenty levels deep, beside the system's own `realpath`. */
import { decideWorkdir } from "../src/workdir/mod.ts";
import { atMost, type Figure, median, summary } from "./_figure.ts";

const DEPTH = 20;
const RUNS = 300;

export async function resolve(): Promise<Figure[]> {
  const top = Deno.realPathSync(Deno.makeTempDirSync());
  try {
    // Every second level is reached through a link, as the slowest of ordinary homes.
    let path = top;
    for (let level = 0; level < DEPTH; level++) {
      Deno.mkdirSync(`${path}/real-${level}`);
      if (level % 2 === 1) Deno.symlinkSync(`real-${level}`, `${path}/link-${level}`);
      path += level % 2 === 1 ? `/link-${level}` : `/real-${level}`;
    }
    const home = `${top}/home`;
    Deno.mkdirSync(`${home}/eh/ws`, { recursive: true });
    const context = {
      workspaceRoot: `${home}/eh/ws`,
      allowedRoots: [`${home}/eh/ws`, `${home}/Projects`, top],
      userHome: home,
      executorHome: `${home}/eh`,
      deviceId: "d",
    };
    const request = { taskId: 1, deviceId: "d", workdir: path, policy: "existing" };
    const runs: number[] = [];
    const peers: number[] = [];
    for (let i = 0; i < RUNS; i++) {
      const before = performance.now();
      await Deno.realPath(path);
      const between = performance.now();
      const decision = await decideWorkdir(request, context);
      runs.push(performance.now() - between);
      peers.push(between - before);
      if (decision.kind !== "directory") throw new Error(`Refused: ${decision.code}`);
    }
    const peer = { name: "Deno.realPath alone", value: median(peers) };
    return [{ name: "resolve.depth-20", unit: "ms", goal: atMost(1), peer, ...summary(runs) }];
  } finally {
    Deno.removeSync(top, { recursive: true });
  }
}
