/** `wegent-executor restart`. */
import { EXIT } from "../platform/mod.ts";
import { askDaemon } from "../supervisor/mod.ts";
import { parseFlags } from "./arguments.ts";
import { runDir } from "./environment.ts";
import { print } from "./output.ts";

export default async function restart(args: string[]): Promise<number> {
  const parsed = parseFlags({
    name: "restart",
    examples: ["wegent-executor restart"],
    summary:
      "Replaces the device's process and reads the configuration again; running agents go on.",
    flags: [],
  }, args);
  if (!parsed) return EXIT.ok;
  await askDaemon(runDir(), "restart");
  print("Restarting");
  return EXIT.ok;
}
