/**
 * Runtimes: the agents' command-line programs, how to find, start and understand them. This door is light:
 * an agent's runtime is loaded when a session needs it.
 */
export * from "./agent.ts";
export * from "./agents.ts";
export * from "./runtime.ts";
