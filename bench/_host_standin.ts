/**
 * A stand-in for a session host, for measuring delivery alone. It lies in the executor's home as a host
 * that outlived its daemon, so the next daemon attaches to it. The process is `_host_standin_main.ts`.
 */
import { homePaths } from "../src/config/mod.ts";
import { processStartTime } from "../src/platform/mod.ts";
import { join } from "../src/platform/std/path.ts";
import { PROJECT, sourceFlags, type World } from "../tests/support/world.ts";
import type { Program } from "../tests/support/program.ts";

const ID = "h-standin";
/** What the device calls the session of the bot in `executionRequest`. */
const KEY = "b15";

/** See the module comment. */
export class HostStandin implements AsyncDisposable {
  private constructor(private readonly program: Program) {}

  /**
   * Starts the process, before the daemon.
   *
   * @param taskId Task whose turns it takes.
   * @param deltas Text deltas of each turn.
   */
  static async start(world: World, taskId: number, deltas: number): Promise<HostStandin> {
    const { run, hosts } = homePaths(world.executorHome);
    const dir = join(hosts, ID);
    const workdir = join(world.workspace, String(taskId));
    for (const path of [world.executorHome, run, hosts, dir, world.workspace, workdir]) {
      await Deno.mkdir(path, { recursive: true, mode: 0o700 });
    }
    const socket = join(dir, "host.sock");
    const main = join(PROJECT, "bench/_host_standin_main.ts");
    const program = world.spawn([
      Deno.execPath(),
      ...sourceFlags(),
      main,
      socket,
      ID,
      String(deltas),
    ]);
    await program.waitForLine("ready", 20_000);
    const record = {
      version: 1,
      host: ID,
      pid: program.pid,
      start_time: await processStartTime(program.pid),
      task_id: taskId,
      key: KEY,
      workdir,
      socket,
    };
    await Deno.writeTextFile(join(dir, "secret"), "0".repeat(64), { mode: 0o600 });
    await Deno.writeTextFile(join(dir, "record.json"), JSON.stringify(record), { mode: 0o600 });
    return new HostStandin(program);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.program.signal("SIGKILL");
    await this.program.exited(5000);
  }
}
