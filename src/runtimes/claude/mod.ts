/** Claude Code as a runtime: what to start, how to talk to it, what its messages mean. */
export { claude } from "./runtime.ts";
export { buildPlan, planArguments } from "./arguments.ts";
export type { LaunchPlan } from "./arguments.ts";
export { buildPrompt } from "./prompt.ts";
export { ClaudeProcess } from "./session.ts";
export type { ClaudeCommand } from "./session.ts";
