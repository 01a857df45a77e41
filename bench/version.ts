/** `--version`, which every start of the program (hosts, launcher) has to be faster than. */
import { createWorld } from "../tests/support/world.ts";
import { atMost, type Figure, median, summary } from "./_figure.ts";
import { makeHello, timeOf } from "./_hello.ts";

const RUNS = 21;

export async function version(): Promise<Figure[]> {
  await using world = await createWorld({ claude: false });
  await using hello = await makeHello();
  const command = world.commandLine(["--version"]);
  const runs: number[] = [];
  const limits: number[] = [];
  for (let i = 0; i < RUNS; i++) {
    limits.push(await timeOf(hello.argv));
    runs.push(await timeOf(command));
  }
  const peer = { name: hello.name, value: median(limits) };
  return [{ name: "version", unit: "ms", goal: atMost(60), peer, ...summary(runs) }];
}
