/** Runtimes: the agents' command-line programs, how to find, start and understand them. */
import { claude } from "./claude/mod.ts";
import type { Runtime, RuntimeName } from "./runtime.ts";

export * from "./claude/mod.ts";
export * from "./forwarder/mod.ts";
export * from "./runtime.ts";

/** The runtime of this name; null for one this version does not have. */
export function runtimeOf(name: RuntimeName): Runtime | null {
  return name === "claude" ? claude : null;
}
