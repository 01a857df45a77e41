/** An execution request → what to start: arguments, environment, files beside them. Nothing is started here. */
import type { ExecuteRequest } from "../../protocol/mod.ts";
import { join } from "../../platform/std/path.ts";
import type { AgentPlan, PlanFile, SessionFacts, SessionStart } from "../runtime.ts";
import { fingerprintOf } from "../shared/environment.ts";
import { type AgentEnvironment, buildEnvironment } from "./environment.ts";
import { type AgentDefinition, otherAgents } from "./coordinate.ts";
import { canAsk } from "./forms.ts";
import { mcpServers } from "./mcp.ts";
import { workspaceServers } from "./workspace_mcp.ts";

/** Longest single argument the kernel takes is 128 KiB; longer prompts go by file. */
const MAX_ARGUMENT_BYTES = 96 * 1024;

/** How to start Claude for a request; the session's id is added by {@link planArguments}. */
export interface LaunchPlan extends AgentPlan, AgentEnvironment {
  /** Arguments without those that name the session. */
  readonly args: readonly string[];
  /** Calls that are questions to the person are deferred. */
  readonly forms: boolean;
  /** Agents the CLI can call by name; null: only its own. */
  readonly agents: Readonly<Record<string, AgentDefinition>> | null;
  /** Model that was asked for, if one was. */
  readonly model: string | null;
}

/** Makes the plan for a request. `inherited` is the executor's own environment. */
export async function buildPlan(
  request: ExecuteRequest,
  facts: SessionFacts,
  inherited: Readonly<Record<string, string>>,
): Promise<LaunchPlan> {
  const environment = await buildEnvironment(request, facts, inherited);
  const bot = request.bot[0];
  const model = modelOf(request);
  const files: PlanFile[] = [];
  const args = [
    "-p",
    ..."--input-format stream-json --output-format stream-json".split(" "),
    ..."--verbose --include-partial-messages".split(" "),
    // Not bypass: root is refused there, and every call passes one place here.
    ..."--permission-prompt-tool stdio --permission-mode default".split(" "),
    ..."--setting-sources user,project,local --strict-mcp-config".split(" "),
  ];
  // Tells which messages to a running turn have been taken up.
  if (request.permission_mode) args.push("--replay-user-messages");
  const workspace = facts.trusted ? workspaceServers(facts.workdir) : null;
  const servers = mcpServers(request, workspace?.servers);
  if (servers) {
    const path = join(facts.stateDir, "mcp.json");
    files.push({ path, text: JSON.stringify({ mcpServers: servers }) });
    args.push("--mcp-config", path);
  }
  const system = request.system_prompt || bot?.system_prompt;
  if (system) args.push(...systemPrompt(system, facts.stateDir, files));
  const allowed = cleanList(bot?.allowed_tools);
  if (allowed.length > 0) args.push("--allowedTools", allowed.join(","));
  const denied = new Set(cleanList(bot?.disallowed_tools));
  // Only our own hub can put a question to the person, whatever its mode.
  if (!request.permission_mode) denied.add("AskUserQuestion");
  if (denied.size > 0) args.push("--disallowedTools", [...denied].join(","));
  if (bot?.max_thinking_tokens) args.push("--max-thinking-tokens", String(bot.max_thinking_tokens));
  const agents = otherAgents(request);
  if (bot?.max_turns) args.push("--max-turns", String(bot.max_turns));
  return {
    ...environment,
    args,
    ...(workspace?.note && { notes: [workspace.note] }),
    forms: canAsk(request),
    agents,
    model,
    files,
    fingerprint: fingerprintOf([args, model, files, agents], environment.env),
  };
}

/** The complete arguments of the CLI. */
export function planArguments(plan: LaunchPlan, start: SessionStart): string[] {
  // Without one a resumed conversation has the model of its last turn, and loses suffixes such as `[1m]`.
  const model = plan.model ?? (start.kind === "resume" ? start.defaultModel ?? "default" : null);
  return [
    ...plan.args,
    ...(model ? ["--model", model] : []),
    start.kind === "resume" ? "--resume" : "--session-id",
    start.id,
  ];
}

/** The model a request names: the bot's, else that of its model configuration. */
function modelOf(request: ExecuteRequest): string | null {
  const bot = request.bot[0];
  const given = bot?.agent_config?.env ?? {};
  const candidates = [
    bot?.model,
    given["model"] ? given["model_id"] : undefined,
    given["ANTHROPIC_MODEL"],
  ];
  const found = candidates.find((m) => typeof m === "string" && m !== "");
  // A value with a leading dash would be read as an option.
  return typeof found === "string" && !found.startsWith("-") ? found : null;
}

function systemPrompt(text: string, dir: string, files: PlanFile[]): string[] {
  const bytes = new TextEncoder().encode(text).length;
  if (bytes <= MAX_ARGUMENT_BYTES && !text.includes("\0")) {
    return [`--system-prompt=${text}`];
  }
  const path = join(dir, "system-prompt.txt");
  files.push({ path, text });
  return ["--system-prompt-file", path];
}

function cleanList(list: readonly string[] | null | undefined): string[] {
  return (list ?? []).filter((item) => item !== "" && !/[\0]/.test(item) && !item.startsWith("-"));
}
