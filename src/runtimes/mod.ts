/** Runtimes: the agents' command-line programs, how to find, start and understand them. */
export * from "./claude/mod.ts";
