/** Runtimes: the agents' command-line programs, how to find, start and understand them. */
import { claude } from "./claude/mod.ts";
import type { Runtime, RuntimeName } from "./runtime.ts";

export * from "./claude/mod.ts";
export * from "./forwarder/mod.ts";
export * from "./codex_programs.ts";
export * from "./runtime.ts";

/** The runtime of this name; the other one is not even loaded. */
export async function runtimeOf(name: RuntimeName): Promise<Runtime> {
  switch (name) {
    case "claude":
      return claude;
    case "codex":
      return (await import("./codex/mod.ts")).codex;
  }
}
