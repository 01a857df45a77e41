/** Agents and models in words. Pure; the page takes no schemas along. */
import type { AgentKind, AgentSettingsView, Effort, ModelChoice } from "../../protocol/mod.ts";

/** Agents as people know them: in full, and where there is little room. */
export const AGENT_NAMES: readonly { agent: AgentKind; name: string; short: string }[] = [
  { agent: "claude", name: "Claude Code", short: "Claude" },
  { agent: "codex", name: "Codex", short: "Codex" },
];

export const EFFORT_NAMES: readonly { effort: Effort; name: string }[] = [
  { effort: "low", name: "Low" },
  { effort: "medium", name: "Medium" },
  { effort: "high", name: "High" },
  { effort: "xhigh", name: "Extra high" },
];

export function agentName(agent: AgentKind): string {
  return AGENT_NAMES.find((a) => a.agent === agent)?.name ?? agent;
}

export function effortName(effort: Effort): string {
  return EFFORT_NAMES.find((e) => e.effort === effort)?.name ?? effort;
}

/** A choice in a few words, such as `gpt-5 · High`. */
export function modelText({ model, effort }: ModelChoice): string {
  return [model ?? "Default model", effort && effortName(effort)].filter(Boolean).join(" · ");
}

/** What the default stands for. */
export function defaultText(settings: AgentSettingsView | undefined): string {
  if (settings?.model) return `${settings.model}, as the settings say`;
  return settings?.provider === "own_login"
    ? "What is set on the device"
    : "What the agent uses by itself";
}

/** The models to choose from: those of the settings, and the one in use if it is another one. */
export function offeredModels(settings: AgentSettingsView | undefined): string[] {
  return [...new Set([...settings?.model ? [settings.model] : [], ...settings?.models ?? []])];
}
