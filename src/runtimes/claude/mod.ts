/** Claude Code as a runtime: what to start, how to talk to it, what its messages mean. */
export { buildPlan, planArguments } from "./arguments.ts";
export type { LaunchPlan, SessionFacts, SessionStart } from "./arguments.ts";
export { MARK_VARIABLE } from "./environment.ts";
export type { Failure } from "./failures.ts";
export { TurnMapper } from "./mapping.ts";
export type { TurnOutcome } from "./mapping.ts";
export type { CliMessage } from "./messages.ts";
export { buildPrompt } from "./prompt.ts";
export type { PromptContent } from "./prompt.ts";
export { resolveSecret } from "./secrets.ts";
export { ClaudeProcess, mask } from "./session.ts";
export type { ClaudeCommand, ClaudeExit, TurnListener } from "./session.ts";
export { ensureClaude, findClaude } from "./discovery.ts";
export type { ClaudeSource, DiscoveryOptions, FoundClaude } from "./discovery.ts";
export { installClaude, registryUrl } from "./install.ts";
export { CLAUDE_MINIMUM, CLAUDE_VERSION, compareVersions } from "./release.ts";
export { LineSplitter } from "./stream.ts";
