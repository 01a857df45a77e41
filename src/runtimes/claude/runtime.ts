/** Claude Code as a runtime. */
import type { AgentPlan, AgentProcess, Runtime, StartOptions } from "../runtime.ts";
import { buildPlan, type LaunchPlan, planArguments } from "./arguments.ts";
import { rehearse } from "./rehearsal.ts";
import { ClaudeProcess } from "./session.ts";

/** See `../runtime.ts`. */
export const claude: Runtime = {
  capabilities: { steer: true, resume: true, images: true, permissions: true },
  plan: buildPlan,
  rehearse,
  start(plan: AgentPlan, options: StartOptions): AgentProcess {
    const { launch, binary, cwd, env, session } = options;
    // Only plans of this runtime come here: the host asks one runtime for both.
    const own = plan as LaunchPlan;
    return ClaudeProcess.start({
      argv: [...launch, binary, ...planArguments(own, session)],
      forms: own.forms,
      agents: own.agents,
      env: { ...plan.env, ...env },
      cwd,
      secrets: plan.secrets,
    });
  },
};
