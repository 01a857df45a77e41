/** All agents. A further one is its folder and a line here. */
import type { ExecuteRequest } from "../protocol/mod.ts";
import type { Agent } from "./agent.ts";
import { claude } from "./claude/agent.ts";
import { codex } from "./codex/agent.ts";
import type { Runtime } from "./runtime.ts";

/** In the order in which requests are offered to them; the last takes every one. */
const OFFERED = [codex, claude] as const satisfies readonly Agent[];

/** Name of an agent. */
export type RuntimeName = (typeof OFFERED)[number]["name"];

/** All agents, in the order people are shown them. */
export const AGENTS: readonly (Agent & { readonly name: RuntimeName })[] = [claude, codex];

/** Names of all agents, for schemas. */
export const RUNTIMES = ["claude", "codex"] as const satisfies readonly RuntimeName[];

/** The agent of this name. */
export function agentOf(name: RuntimeName): Agent & { readonly name: RuntimeName } {
  const found = AGENTS.find((agent) => agent.name === name);
  if (!found) throw new Error(`There is no agent "${name}"`);
  return found;
}

/** The agent a request is for. */
export function requestedAgent(
  request: Pick<ExecuteRequest, "model_config">,
): Agent & { readonly name: RuntimeName } {
  return OFFERED.find((agent) => agent.serves(request)) ?? claude;
}

/** The runtime of this name; the others are not even loaded. */
export async function runtimeOf(name: RuntimeName): Promise<Runtime> {
  return await agentOf(name).load();
}
