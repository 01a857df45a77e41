/** `wegent-executor version`. */
import { EXIT, VERSION } from "../platform/mod.ts";
import { parseFlags } from "./arguments.ts";
import { print, printJson } from "./output.ts";

export default function version(args: string[]): Promise<number> {
  const parsed = parseFlags({
    name: "version",
    examples: ["wegent-executor version --json"],
    summary: "Prints the version of this program.",
    flags: [{
      name: "json",
      help: "Print JSON with the runtime's version and the platform",
    }],
  }, args);
  if (!parsed) return Promise.resolve(EXIT.ok);
  if (parsed.flags["json"]) {
    printJson({
      version: VERSION,
      deno: Deno.version.deno,
      target: Deno.build.target,
    });
  } else print(VERSION);
  return Promise.resolve(EXIT.ok);
}
