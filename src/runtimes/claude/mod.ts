/** Claude Code as a runtime: what to start, how to talk to it, what its messages mean. */
export { claude } from "./runtime.ts";
export { buildPlan, planArguments } from "./arguments.ts";
export type { LaunchPlan } from "./arguments.ts";
export { buildPrompt } from "./prompt.ts";
export { resolveSecret } from "./secrets.ts";
export { ClaudeProcess, mask } from "./session.ts";
export type { ClaudeCommand } from "./session.ts";
export { ensureClaude, findClaude } from "./discovery.ts";
export type { ClaudeSource, DiscoveryOptions, FoundClaude } from "./discovery.ts";
export { installClaude, registryUrl } from "./install.ts";
export { CLAUDE_MINIMUM, CLAUDE_VERSION, compareVersions } from "./release.ts";
export { LineSplitter } from "./stream.ts";
