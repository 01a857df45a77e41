/** `wegent-executor stop`. */
import * as z from "zod";
import { AppError, EXIT, processStartTime } from "../platform/mod.ts";
import { askDaemon } from "../supervisor/mod.ts";
import { parseFlags } from "./arguments.ts";
import { runDir } from "./environment.ts";
import { print } from "./output.ts";

const LIMIT_MS = 60_000;

export default async function stop(args: string[]): Promise<number> {
  const parsed = parseFlags({
    name: "stop",
    examples: ["wegent-executor stop"],
    summary: "Ends the device: running turns get a short grace, then nothing of it is left.",
    flags: [],
  }, args);
  if (!parsed) return EXIT.ok;
  const { pid } = z.looseObject({ pid: z.number().int() }).parse(
    await askDaemon(runDir(), "stop"),
  );
  const deadline = Date.now() + LIMIT_MS;
  while (await processStartTime(pid) !== null) {
    if (Date.now() > deadline) {
      throw new AppError(
        "stop_timeout",
        `The device (pid ${pid}) is still stopping after ${LIMIT_MS / 1000} s`,
        {
          exitCode: EXIT.tempfail,
        },
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  print(`Stopped (pid ${pid})`);
  return EXIT.ok;
}
