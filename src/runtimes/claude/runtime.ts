/** Claude Code as a runtime. */
import type { AgentPlan, AgentProcess, Runtime, StartOptions } from "../runtime.ts";
import { buildPlan, type LaunchPlan, planArguments } from "./arguments.ts";
import { ClaudeProcess } from "./session.ts";

/** See `../runtime.ts`. */
export const claude: Runtime = {
  name: "claude",
  label: "Claude Code",
  capabilities: { steer: true, resume: true, images: true, permissions: true },
  plan: buildPlan,
  start(plan: AgentPlan, options: StartOptions): AgentProcess {
    const { launch, binary, cwd, env, session } = options;
    return ClaudeProcess.start({
      // Only plans of this runtime come here: the host asks one runtime for both.
      argv: [...launch, binary, ...planArguments(plan as LaunchPlan, session)],
      env: { ...plan.env, ...env },
      cwd,
      secrets: plan.secrets,
    });
  },
};
